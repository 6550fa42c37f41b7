"""A fan-out against an endpoint that lets 50 requests a second through, and answers 429 to the others.

    uv run python -m benchmarks.rate_limit [--calls 500]

Without being told the limit, and told it. Goodput is what was answered, of what the limit allows in the time
that it took: 1 s for every 50 calls. The endpoint runs in a process of its own, and counts any second.
"""

import argparse
import asyncio
import time
from typing import Any

from benchmarks.answering import answering, stats
from benchmarks.fanout import QUESTION, tutorial
from langgraph_parallel import Ask, Limits, Section, create_sectioning

RATE = 50


def fan_out(n: int, limits: Limits) -> Any:
    """A section for each call."""

    def by_number(content: str) -> list[Section]:
        return [Section(id=str(i), title=str(i), content=f"{content} {i}") for i in range(n)]

    return create_sectioning(planner=by_number, worker=Ask("{content}", model="openai:test"), limits=limits)


async def once(n: int, limits: Limits, url: str, name: str) -> None:
    """Run one fan-out, and print what came of it."""
    started = time.perf_counter()
    out = await fan_out(n, limits).ainvoke({"content": QUESTION})
    wall, seen = time.perf_counter() - started, stats(url)
    ok = out["report"].branches.get("ok", 0)
    later = seen["refused_later"] / seen["requests"]
    print(
        f"{name:14}{ok:>5} of {n} ok in {wall:5.2f} s, goodput {ok / RATE / seen['seconds']:4.0%}; "
        f"{seen['refused']:.0f} answers of 429, after the first second {later:.1%}",
        flush=True,
    )


async def plain(n: int, url: str) -> None:
    """LangGraph's tutorial fan-out on the same endpoint."""
    try:
        await tutorial(n)
        came = f"{n} of {n} ok"
    except Exception as error:
        came = f"0 of {n} ok ({type(error).__name__})"
    seen = stats(url)
    paid = seen["requests"] - seen["refused"]
    print(f"{'tutorial':14}{came}; {paid:.0f} answers paid for, {seen['refused']:.0f} of 429", flush=True)


def main() -> None:
    """Measure each way in an event loop of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    n = parser.parse_args().calls
    told = Limits(concurrency=500, requests_per_minute=RATE * 60)
    for name, limits in (("not told", Limits(concurrency=500)), ("told", told)):
        with answering(0.2, "--rate", RATE) as url:  # another endpoint each: nothing is learned before
            asyncio.run(once(n, limits, url, name))
    with answering(0.2, "--rate", RATE) as url:
        asyncio.run(plain(200, url))


if __name__ == "__main__":
    main()
