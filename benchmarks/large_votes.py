"""The cost of large votes: CPU for each ballot and memory, under several rules and stops.

    uv run python -m benchmarks.large_votes [--voters 500 1000 2000 4000 10000] [--only NAME ...]

A linear vote costs the same for each ballot at every size. Voters are async functions that answer at once, so
that all CPU is that of the graph; those of the way `model` ask a server on loopback in its own process. Every
measurement has its own process, which first warms up with a few voters. `bare sends` is a graph of LangGraph
alone, with as many branches in as many supersteps, which do nothing.

`ballots` is the number of voters that were asked. MB is the memory that the process has more after the vote
than before it, with the result still held. The graph runs without a checkpointer.
"""

import argparse
import asyncio
import gc
import json
import operator
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, cast

from typing_extensions import TypedDict

from benchmarks.answering import answering

VOTERS = (500, 1000, 2000, 4000, 10_000)
AT_ONCE = 1_000
Measure = Callable[[int], Coroutine[Any, Any, dict[str, float]]]


def answers(kind: str, number: int) -> Any:
    """Return what a voter says: of ten, six say the first, three the second, one the third."""
    place = number * 7919 % 10
    first = 0 if place < 6 else 1 if place < 9 else 2
    options: dict[str, list[Any]] = {
        "one": ["yes", "no", "maybe"],
        "many": ["yes", "no", f"answer {number}"],
        "same": ["yes"] * 3,
        "close": ["yes" if number % 4 < 2 else "no"] * 2 + ["maybe"],
        "number": [3, 4, 5.5],
        "score": [True, False, 0.5],
        "list": [["a", "b"], ["b", "c"], ["d"]],
        "ranking": [["a", "b", "c"], ["b", "a", "c"], ["c", "a", "b"]],
        "items": [["a", "b"], ["a", "c"], ["b", "b"]],
    }
    return options[kind][first]


def vote(kind: str, **options: Any) -> Measure:
    """Return how to measure a vote of functions."""

    async def measure_vote(n: int) -> dict[str, float]:
        from langgraph_parallel import create_voting

        def voter(number: int) -> Callable[[Any], Awaitable[Any]]:
            said = answers(kind, number)

            async def say(question: Any) -> Any:
                return said

            return say

        def build(size: int) -> Any:
            return create_voting(voters={f"v{i}": voter(i) for i in range(size)}, **options)

        return await measured(build, n)

    return measure_vote


async def model_voters(n: int) -> dict[str, float]:
    """Measure a vote of model voters."""
    from langgraph_parallel import Limits, create_voting

    def build(size: int) -> Any:
        return create_voting(
            model="openai:test", voters=size, stop="all_votes", wave="all", limits=Limits(concurrency=64)
        )

    return await measured(build, n)


async def measured(build: Callable[[int], Any], n: int) -> dict[str, float]:
    """Warm up, run a vote of n, and return its cost."""
    given, config = {"question": "Is it safe?"}, {"recursion_limit": 10**6}
    await build(3).ainvoke(given, config)
    graph = build(n)
    gc.collect()
    memory, cpu, started = resident_mb(), time.process_time(), time.perf_counter()
    out = await graph.ainvoke(given, config)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - started
    return cost(len(out["ballots"]), cpu, wall, memory)


class _State(TypedDict):
    left: int
    done: Annotated[list[int], operator.add]


async def bare_sends(n: int) -> dict[str, float]:
    """Measure LangGraph's own cost of as many branches."""
    from langgraph.graph import END, START, StateGraph
    from langgraph.types import Send

    async def work(task: Any) -> dict[str, Any]:
        return {"done": [task["i"]]}

    async def step(state: _State) -> dict[str, Any]:
        return {"left": max(0, state["left"] - AT_ONCE)}

    def route(state: _State) -> Any:
        return [Send("work", {"i": i}) for i in range(min(AT_ONCE, n - len(state["done"])))] or END

    builder: StateGraph[Any, Any, Any, Any] = StateGraph(_State)
    builder.add_node("step", step)
    builder.add_node("work", cast("Any", work))
    builder.add_edge(START, "step")
    builder.add_conditional_edges("step", route, ["work", END])
    builder.add_edge("work", "step")
    graph: Any = builder.compile()
    gc.collect()
    memory, cpu, started = resident_mb(), time.process_time(), time.perf_counter()
    out = await graph.ainvoke({"left": n, "done": []}, {"recursion_limit": 10**6})
    return cost(len(out["done"]), time.process_time() - cpu, time.perf_counter() - started, memory)


WAYS: dict[str, Measure] = {
    "bare sends": bare_sends,
    "majority": vote("one"),
    "majority, all at once": vote("one", wave="all"),
    "majority, all heard": vote("one", wave="all", stop="all_votes"),
    "majority, many choices": vote("many"),
    "weighted": vote("one", rule="weighted", wave="all"),
    "threshold(0.7)": vote("one", rule="threshold(0.7)"),
    "unanimous, all agree": vote("same", rule="unanimous", wave="all"),
    "confident": vote("close", stop="confident", wave="all"),
    "adaptive": vote("close", stop="adaptive", wave="all"),
    "adaptive, dirichlet": vote("close", stop="adaptive(0.95, 'dirichlet')", wave="all"),
    "ahead_by": vote("one", stop="ahead_by(100000)", wave="all"),
    "window": vote("one", stop="window(40)", wave="all"),
    "median": vote("number", rule="median", wave="all"),
    "mode": vote("number", rule="mode", wave="all"),
    "at_least": vote("score", rule="at_least(100000)", wave="all", stop="all_votes"),
    "approval": vote("list", rule="approval", wave="all"),
    "union, no_new_findings": vote("list", rule="union", stop="no_new_findings(100000)", wave="all"),
    "instant_runoff": vote("ranking", rule="instant_runoff", wave="all", choices=["a", "b", "c"]),
    "schulze": vote("ranking", rule="schulze", wave="all", choices=["a", "b", "c"]),
    "elementwise": vote("items", rule="elementwise('majority')", wave="all"),
    "a function": vote("one", rule=max, wave="all"),
    "shadow": vote("one", shadow=True),
    "unanimous, in waves of one": vote("same", rule="unanimous"),
    "model": model_voters,
}


def cost(ballots: int, cpu: float, wall: float, memory: float) -> dict[str, float]:
    """Return what was measured."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    gc.collect()
    return {
        "ballots": ballots,
        "cpu_ms": cpu * 1000 / ballots,
        "wall": wall,
        "mb": resident_mb() - memory,
        "peak_mb": peak - memory,
    }


def resident_mb() -> float:
    """Return the resident memory of this process, in MB."""
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * resource.getpagesize() / 1e6


def measured_apart(name: str, n: int) -> dict[str, float]:
    """Measure one way in a new process."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.large_votes", "--one", name, str(n)],
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise SystemExit(process.stderr)
    result: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Measure all ways, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voters", type=int, nargs="*", default=list(VOTERS), help="numbers of voters")
    parser.add_argument("--only", nargs="*", default=list(WAYS), metavar="NAME", help="ways to measure")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "VOTERS"), help="measure here, print JSON")
    arguments = parser.parse_args()
    if arguments.one:
        name, n = arguments.one
        print(json.dumps(asyncio.run(WAYS[name](int(n)))))
        return
    with answering(0.0):
        print(f"{'':28}{'voters':>8}{'ballots':>9}{'CPU ms/ballot':>15}{'wall s':>8}{'MB':>7}{'peak MB':>9}")
        for name in arguments.only:
            for n in arguments.voters:
                m = measured_apart(name, n)
                print(
                    f"{name:28}{n:>8}{m['ballots']:>9.0f}{m['cpu_ms']:>15.2f}{m['wall']:>8.1f}"
                    f"{m['mb']:>7.0f}{m['peak_mb']:>9.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
