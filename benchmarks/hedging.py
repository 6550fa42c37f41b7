"""What hedging brings where a few answers take very long: lognormal latency, the slowest of 100 calls.

    uv run python -m benchmarks.hedging [--rounds 24]

The 99th percentile of the latency is ten times its median. Each round runs 100 branches without hedging and
with it at p95, on the same seed. One round is luck: it is made by the slowest of 100 calls, and of a handful
of second ones.
"""

import argparse
import asyncio
import time

from benchmarks.answering import answering, stats
from benchmarks.fanout import QUESTION
from benchmarks.rate_limit import fan_out
from langgraph_parallel import Ask, Limits

MEDIAN, SPREAD, BRANCHES = 0.2, 0.99, 100
"""Seconds; the deviation of the logarithm that puts p99 at ten times the median: ln(10) / 2.326."""


async def once(limits: Limits) -> float:
    """Wall time of one fan-out."""
    started = time.perf_counter()
    out = await fan_out(BRANCHES, limits).ainvoke({"content": QUESTION})
    assert out["report"].branches == {"ok": BRANCHES}
    return time.perf_counter() - started


async def rounds(seeds: int) -> None:
    """Measure each seed both ways."""
    plain, hedged, requests = 0.0, 0.0, 0.0
    for seed in range(seeds):
        found = {}
        for hedge in ("off", "p95"):
            with answering(MEDIAN, "--spread", SPREAD, "--seed", seed) as url:
                limits = Limits(concurrency=BRANCHES, hedge=hedge)
                await Ask("{text}", model="openai:test").ainvoke("load the SDK")
                stats(url)
                found[hedge] = await once(limits)
                made = stats(url)["requests"]
        plain, hedged, requests = plain + found["off"], hedged + found["p95"], requests + made
        print(f"seed {seed}: {found['off']:5.2f} s without, {found['p95']:5.2f} s with", flush=True)
    extra = requests / (seeds * BRANCHES) - 1
    print(f"together: {hedged / plain:.2f} of the wall time, {extra:.1%} more requests")


def main() -> None:
    """Measure all rounds in one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=24)
    asyncio.run(rounds(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
