"""A review of 4 aspects x 3 voters with a model that takes one second per answer.

    uv run python -m benchmarks.review_latency

The server on loopback answers each request after one second. The rest of the time is spent here: planning,
requests, votes, the union of findings.
"""

import asyncio
import os
import time

from langgraph_parallel import create_review
from tests.support.server import ModelServer, Reply

ASPECTS = ["security", "correctness", "performance", "style"]
CODE = "def run(name):\n    return name.lenght\n"


async def once(server: ModelServer) -> None:
    """Run one review, and print its time."""
    graph = create_review(model="openai:test", aspects=ASPECTS, voters=3, engines=False)
    started = time.perf_counter()
    out = await graph.ainvoke({"files": {"app.py": CODE}})
    wall = time.perf_counter() - started
    sequential = out["run_report"].sequential_seconds
    print(
        f"{len(server.requests)} requests, {server.most_in_flight} in flight at once, {wall:.2f} s;", end=" "
    )
    print(f"sequentially {sequential:.1f} s: {sequential / wall:.1f} times as fast")


def main() -> None:
    """Measure a first run, which loads the SDK, and a second run."""
    with ModelServer() as server:
        os.environ |= {
            "OPENAI_API_KEY": "sk-none",
            "OPENAI_BASE_URL": server.url,
            "LANGSMITH_TRACING": "false",
        }
        server.always(Reply(json={"findings": []}, delay=1.0))

        async def both() -> None:
            for _ in range(2):
                server.requests.clear()
                await once(server)

        asyncio.run(both())


if __name__ == "__main__":
    main()
