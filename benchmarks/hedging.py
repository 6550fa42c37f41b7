"""The gain from hedging if a few answers take very long: the slowest of 100 calls of lognormal latency.

    uv run python -m benchmarks.hedging [--rounds 24]

The 99th percentile of the latency is ten times its median. Each round runs 100 branches without hedging and
with it at p95, on the same seed. A single round says little: it depends on the slowest of 100 calls and of a
few second requests.
"""

import argparse
import asyncio
import time

from benchmarks.answering import answering, stats
from benchmarks.fanout import QUESTION
from benchmarks.rate_limit import fan_out
from langgraph_parallel import Ask, Limits

MEDIAN, SPREAD, BRANCHES = 0.2, 0.99, 100
"""In seconds; the deviation of the logarithm, ln(10) / 2.326, puts p99 at ten times the median."""


async def once(limits: Limits) -> float:
    """Return the wall time of one fan-out, in seconds."""
    started = time.perf_counter()
    out = await fan_out(BRANCHES, limits).ainvoke({"content": QUESTION})
    assert out["run_report"].branches == {"ok": BRANCHES}
    return time.perf_counter() - started


async def rounds(seeds: int) -> None:
    """Measure each seed with and without hedging."""
    plain, hedged, requests = 0.0, 0.0, 0.0
    for seed in range(seeds):
        wall = {}
        for hedge in ("off", "p95"):
            with answering(MEDIAN, "--spread", SPREAD, "--seed", seed) as url:
                limits = Limits(concurrency=BRANCHES, hedge=hedge)
                await Ask("{text}", model="openai:test").ainvoke("load the SDK")
                stats(url)
                wall[hedge] = await once(limits)
                hedged_requests = stats(url)["requests"]
        plain, hedged, requests = plain + wall["off"], hedged + wall["p95"], requests + hedged_requests
        print(f"seed {seed}: {wall['off']:5.2f} s without, {wall['p95']:5.2f} s with", flush=True)
    extra = requests / (seeds * BRANCHES) - 1
    print(f"together: {hedged / plain:.2f} of the wall time, {extra:.1%} more requests")


def main() -> None:
    """Measure all rounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=24, help="number of seeds")
    asyncio.run(rounds(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
