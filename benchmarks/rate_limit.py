"""A fan-out against an endpoint that admits 50 requests a second, and answers 429 to the others.

    uv run python -m benchmarks.rate_limit [--calls 500]

Runs without and with the limit set. Goodput is the share of answered calls of those that the limit allows in
the same time: 50 for every second. The endpoint runs in its own process, and counts over any second.
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
    """Build a graph with a section for each call."""

    def by_number(content: str) -> list[Section]:
        return [Section(id=str(i), title=str(i), content=f"{content} {i}") for i in range(n)]

    return create_sectioning(planner=by_number, worker=Ask("{content}", model="openai:test"), limits=limits)


async def once(n: int, limits: Limits, url: str, name: str) -> None:
    """Run one fan-out, and print its outcome."""
    started = time.perf_counter()
    out = await fan_out(n, limits).ainvoke({"content": QUESTION})
    wall, counts = time.perf_counter() - started, stats(url)
    ok = out["run_report"].branches.get("ok", 0)
    later = counts["refused_later"] / counts["requests"]
    print(
        f"{name:14}{ok:>5} of {n} ok in {wall:5.2f} s, goodput {ok / RATE / counts['seconds']:4.0%}; "
        f"{counts['refused']:.0f} answers of 429, after the first second {later:.1%}",
        flush=True,
    )


async def plain(n: int, url: str) -> None:
    """Run LangGraph's tutorial fan-out on the same endpoint."""
    try:
        await tutorial(n)
        outcome = f"{n} of {n} ok"
    except Exception as error:
        outcome = f"0 of {n} ok ({type(error).__name__})"
    counts = stats(url)
    paid = counts["requests"] - counts["refused"]
    print(
        f"{'tutorial':14}{outcome}; {paid:.0f} answers paid for, {counts['refused']:.0f} of 429", flush=True
    )


def main() -> None:
    """Measure each way in its own event loop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=500, help="number of calls")
    n = parser.parse_args().calls
    paced = Limits(concurrency=500, requests_per_minute=RATE * 60)
    for name, limits in (("limit not set", Limits(concurrency=500)), ("limit set", paced)):
        with answering(0.2, "--rate", RATE) as url:  # a new endpoint, about which nothing was learned
            asyncio.run(once(n, limits, url, name))
    with answering(0.2, "--rate", RATE) as url:
        asyncio.run(plain(200, url))


if __name__ == "__main__":
    main()
