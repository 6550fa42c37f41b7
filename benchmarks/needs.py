"""How much longer than its critical path a plan takes whose sections need each other.

    uv run python -m benchmarks.needs [--plans 100] [--sections 50] [--median 0.1] [--spread 1.0]

Random plans: each section needs up to three earlier ones, and takes a lognormally distributed time. The
critical path is the longest sum of times along needs: no order of work can be faster. "In waves" is what the
same plan would take if each wave waited for all of the one before. Then a map-reduce of as many items in
groups of four, whose items and reductions take such times. At the end the case in which a section needs one
that takes 0.10 s while another takes 1 s.
"""

import argparse
import asyncio
import gc
import math
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from langgraph_parallel import Section, create_map_reduce, create_sectioning
from langgraph_parallel.synthesize import Gathered


def plan(
    draw: random.Random, count: int, median: float, spread: float
) -> tuple[list[Section], dict[str, float]]:
    """Draw a plan, and the seconds of each section."""
    sections = [
        Section(
            id=str(i),
            title=str(i),
            needs=[str(need) for need in draw.sample(range(i), min(i, draw.randint(0, 3)))],
        )
        for i in range(count)
    ]
    return sections, {section.id: median * math.exp(draw.gauss(0, spread)) for section in sections}


def critical_path(sections: Sequence[Section], seconds: Mapping[str, float]) -> float:
    """Return the seconds of the longest chain of needs."""
    needs = {section.id: section.needs for section in sections}

    @cache
    def end(id: str) -> float:
        return seconds[id] + max(map(end, needs[id]), default=0.0)

    return max(map(end, needs))


def in_waves(sections: Sequence[Section], seconds: Mapping[str, float]) -> float:
    """Return the seconds that waves would take, each of all sections whose needs have ended."""
    left, done, total = list(sections), set[str](), 0.0
    while left:
        wave = [section for section in left if done.issuperset(section.needs)]
        total += max(seconds[section.id] for section in wave)
        done |= {section.id for section in wave}
        left = [section for section in left if section.id not in done]
    return total


async def run(sections: list[Section], seconds: Mapping[str, float]) -> tuple[float, dict[str, float]]:
    """Run a plan; return its seconds, and when each section started."""
    started: dict[str, float] = {}
    begun = time.perf_counter()

    async def work(section: Section) -> str:
        started[section.id] = time.perf_counter() - begun
        await asyncio.sleep(seconds[section.id])
        return section.id

    graph = create_sectioning(planner=lambda content: sections, worker=work)
    gc.collect()  # the graphs of earlier plans
    begun = time.perf_counter()
    out = await graph.ainvoke({"content": "x"})
    wall = time.perf_counter() - begun
    assert out["run_report"].failures == {}
    return wall, started


async def run_tree(
    seed: int, count: int, median: float, spread: float
) -> tuple[float, list[Section], dict[str, float]]:
    """Run a map-reduce; return its seconds, its sections, and the seconds of each."""

    def drawn(first: int, last: int) -> float:
        return median * math.exp(random.Random(f"{seed} {first} {last}").gauss(0, spread))

    async def work(item: int) -> list[int]:
        await asyncio.sleep(drawn(item, item))
        return [item, item]

    async def join(results: Gathered) -> Any:
        spans: list[list[int]] = list(results)
        await asyncio.sleep(drawn(spans[0][0], spans[-1][1]))
        return [spans[0][0], spans[-1][1]]

    graph = create_map_reduce(worker=work, synthesizer=join, fan_in=4)
    gc.collect()
    begun = time.perf_counter()
    out = await graph.ainvoke({"items": list(range(count))})
    wall = time.perf_counter() - begun
    assert out["result"] == [0, count - 1]
    seconds = {id: drawn(*branch.value) for id, branch in out["branches"].items()}
    return wall, out["sections"], seconds


async def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plans", type=int, default=100)
    parser.add_argument("--sections", type=int, default=50)
    parser.add_argument("--median", type=float, default=0.1, help="median seconds of a section")
    parser.add_argument("--spread", type=float, default=1.0, help="deviation of the logarithm of the time")
    given = parser.parse_args()
    draw = random.Random(2026)
    await run(*plan(draw, 3, 0.0, 0.0))
    ratios, over, waves = [], [], []
    for _ in range(given.plans):
        sections, seconds = plan(draw, given.sections, given.median, given.spread)
        shortest = critical_path(sections, seconds)
        wall, _ = await run(sections, seconds)
        ratios.append(wall / shortest)
        over.append(wall - 1.05 * shortest)
        waves.append(in_waves(sections, seconds) / shortest)
    print(f"{given.plans} plans of {given.sections} sections, to their critical path:")
    print(f"  in waves     median {statistics.median(waves):.3f}   most {max(waves):.3f}")
    print(f"  ours         median {statistics.median(ratios):.3f}   most {max(ratios):.3f}")
    within = sum(seconds <= 0.02 for seconds in over)
    print(f"  beyond 1.05 times the critical path, most: {1000 * max(over):.0f} ms (wanted: at most 20)")
    print(f"  within 1.05 times the critical path and 20 ms: {within} of {given.plans}")
    trees = [await run_tree(seed, given.sections, given.median, given.spread) for seed in range(given.plans)]
    shortest_of = [critical_path(sections, seconds) for _, sections, seconds in trees]
    ratios = [wall / shortest for (wall, _, _), shortest in zip(trees, shortest_of, strict=True)]
    waves = [in_waves(s, t) / shortest for (_, s, t), shortest in zip(trees, shortest_of, strict=True)]
    print(f"{given.plans} map-reduces of {given.sections} items in groups of 4, to their critical path:")
    print(f"  in waves     median {statistics.median(waves):.3f}   most {max(waves):.3f}")
    print(f"  ours         median {statistics.median(ratios):.3f}   most {max(ratios):.3f}")
    chain = [Section(id="a", title="a"), Section(id="b", title="b"), Section(id="c", title="c", needs=["a"])]
    _, started = await run(chain, {"a": 0.1, "b": 1.0, "c": 0.1})
    print(f"a section whose need ends at 0.10 s, beside one of 1 s, starts at {started['c']:.3f} s")


if __name__ == "__main__":
    asyncio.run(main())
