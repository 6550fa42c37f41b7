"""What a fan-out costs in a real app: traced, checkpointed, streamed; ours beside LangGraph's tutorial.

    uv run python -m benchmarks.in_situ [--calls 300 1000] [--rounds 3] [--only NAME ...]

Every measurement has its own process, which first warms up with a few calls. The least of the rounds counts,
since other work on the machine only adds. CPU is that of the client, with the threads of savers and tracers,
until all traces are sent. A labeling asks three voters an item; "by hand" is the same as nested graphs of the
tutorial, whose answers are read without a schema. At the end the files of checkpoint savers are measured
(`benchmarks.stored`).
"""

import argparse
import asyncio
import json
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks import stored
from benchmarks.answering import answering
from benchmarks.fanout import QUESTION, asking, governed, raw, sdk_on_aiohttp, sectioning, tutorial_graph
from benchmarks.measuring import measure, measured_apart
from benchmarks.savers import postgres, postgres_saver, sqlite_saver
from benchmarks.trace_sink import sinking_traces

CALLS = (300, 1000)
VOTERS = 3
SETTINGS = ("plain", "traced", "SQLite", "PostgreSQL", "streaming")


@asynccontextmanager
async def saver_of(setting: str) -> AsyncIterator[Any]:
    """Open the checkpoint saver of a setting; None if it has none."""
    if setting == "SQLite":
        with tempfile.TemporaryDirectory() as folder:
            async with sqlite_saver(Path(folder) / "runs.sqlite") as saver:
                yield saver
    elif setting == "PostgreSQL":
        async with postgres_saver(os.environ["POSTGRES"]) as saver:
            yield saver
    else:
        yield None


async def run(graph: Any, given: dict[str, Any], setting: str) -> dict[str, Any]:
    """Run a graph in a setting, and return its output; of a streamed run, its own last update."""
    config = {"configurable": {"thread_id": str(uuid4())}}
    if setting == "streaming":
        last: dict[str, Any] = {}
        async for namespace, update in graph.astream(given, config, stream_mode="updates", subgraphs=True):
            last = last if namespace else update
        return last
    if setting == "events":
        async for namespace, mode, data in graph.astream(
            given, config, stream_mode=["custom", "values"], subgraphs=True
        ):
            last = data if mode == "values" and not namespace else {}
        return last
    out: dict[str, Any] = await graph.ainvoke(given, config)
    if setting == "traced":
        from langchain_core.tracers.langchain import wait_for_all_tracers

        await asyncio.to_thread(wait_for_all_tracers)
    return out


async def tutorial(setting: str, n: int) -> None:
    """Run LangGraph's tutorial fan-out."""
    async with saver_of(setting) as saver:
        graph = tutorial_graph(asking(), saver)
        out = await run(graph, {"questions": [QUESTION.format(i) for i in range(n)]}, setting)
    assert setting == "streaming" or len(out["answers"]) == n


async def ours(setting: str, n: int) -> None:
    """Run ours: one section for each call."""
    async with saver_of(setting) as saver:
        out = await run(sectioning(n, checkpointer=saver), {"content": QUESTION}, setting)
    assert setting in ("streaming", "events") or len(out["run_report"].calls) == n


async def by_hand(setting: str, n: int) -> int:
    """Run a fan-out over items, each a nested fan-out over three voters and the most frequent answer."""
    text = asking()

    async def ask(question: str) -> str:
        return str(json.loads(await text(question))["choice"])

    vote = tutorial_graph(ask)

    async def label(item: str) -> str:
        questions = [f"You are annotator {i + 1}. Is it yes or no? {item}" for i in range(VOTERS)]
        answers: list[str] = (await vote.ainvoke({"questions": questions}))["answers"]
        return Counter(answers).most_common(1)[0][0]

    items = max(1, n // VOTERS)
    async with saver_of(setting) as saver:
        graph = tutorial_graph(label, saver)
        out = await run(graph, {"questions": [QUESTION.format(i) for i in range(items)]}, setting)
    assert out["answers"] == ["yes"] * items
    return VOTERS * items


async def labeling(setting: str, n: int, **options: Any) -> int:
    """Run our labeling, with the options of a vote."""
    from langgraph_parallel import create_labeling

    calls = 2 if not options else VOTERS  # two equal answers decide
    items = max(1, n // calls)
    async with saver_of(setting) as saver:
        graph = create_labeling(
            labels=["yes", "no"],
            model="openai:test",
            voters=VOTERS,
            limits=governed(n),
            checkpointer=saver,
            **options,
        )
        out = await run(graph, {"items": [QUESTION.format(i) for i in range(items)]}, setting)
    assert len(out["run_report"].calls) == items * calls, out["run_report"].failures
    return items * calls


Way = Callable[[int], Awaitable[int | None]]
WAYS: dict[str, Way] = {
    "raw aiohttp": raw,
    "openai SDK on aiohttp": sdk_on_aiohttp,
    **{f"tutorial, {setting}": partial(tutorial, setting) for setting in SETTINGS},
    **{f"ours, {setting}": partial(ours, setting) for setting in (*SETTINGS, "events")},
    **{f"voting by hand, {setting}": partial(by_hand, setting) for setting in ("plain", "SQLite")},
    **{
        f"labeling, {setting}": partial(labeling, setting, stop="all_votes", wave="all")
        for setting in ("plain", "SQLite")
    },
    "labeling, two of three": partial(labeling, "plain"),
}
RATIOS = (
    ("traced", "ours, traced", "tutorial, traced", 0.55),
    ("SQLite", "ours, SQLite", "tutorial, SQLite", 0.38),
    ("PostgreSQL", "ours, PostgreSQL", "tutorial, PostgreSQL", 0.45),
    ("streaming", "ours, streaming", "tutorial, streaming", 0.33),
    ("events to plain", "ours, events", "ours, plain", 1.15),
    ("plain", "ours, plain", "tutorial, plain", 0.30),
    ("plain to the bare SDK", "ours, plain", "openai SDK on aiohttp", 1.0),
    ("labeling", "labeling, plain", "voting by hand, plain", 0.4),
    ("labeling, SQLite", "labeling, SQLite", "voting by hand, SQLite", 0.4),
)
MOST_MS = {"labeling, plain": 1.2, "labeling, SQLite": 2.0}
"""CPU of a call that is enough, whatever the ratio."""


def measured(names: list[str], calls: list[int], rounds: int) -> dict[tuple[str, int], float]:
    """Measure ways in turn, print a table, and return the CPU ms of a call, the least of the rounds."""
    results: dict[tuple[str, int], float] = {}
    with answering(0.2), sinking_traces() as tracing, postgres() as (address, reason):
        environment = {"traced": tracing}
        if address is None:
            print(f"PostgreSQL is skipped: {reason}")
        else:
            environment["PostgreSQL"] = {"POSTGRES": address}
        print(f"{'':30}{'calls':>6}{'CPU ms/call':>13}{'peak MB':>9}")
        for n in calls:
            peaks: dict[str, float] = {}
            for name in names * rounds:
                setting = name.rpartition(", ")[2]
                if address is None and setting == "PostgreSQL":
                    continue
                m = measured_apart("benchmarks.in_situ", name, n, **environment.get(setting, {}))
                results[name, n] = min(m["cpu_ms"], results.get((name, n), m["cpu_ms"]))
                peaks[name] = min(m["peak_mb"], peaks.get(name, m["peak_mb"]))
            for name, peak in peaks.items():
                print(f"{name:30}{n:>6}{results[name, n]:>13.2f}{peak:>9.0f}", flush=True)
    return results


def print_ratios(results: dict[tuple[str, int], float]) -> None:
    """Print ratios of CPU for each number of calls, each with its target."""
    print()
    for n in sorted({n for _, n in results}):
        for label, one, other, target in RATIOS:
            if (one, n) in results and (other, n) in results:
                ratio = results[one, n] / results[other, n]
                most = f" or {MOST_MS[one]} ms" if one in MOST_MS else ""
                print(f"{label:24} at {n:>4} calls: {ratio:.2f} (wanted: {target}{most})")


def main() -> None:
    """Measure, and print the table, the ratios, and the sizes of savers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, nargs="*", default=list(CALLS), help="numbers of calls")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each way")
    names = [*WAYS, *stored.PATTERNS]
    parser.add_argument(
        "--only", nargs="*", default=names, choices=names, metavar="NAME", help="what to measure"
    )
    parser.add_argument("--one", nargs=2, metavar=("NAME", "CALLS"), help="measure here, print JSON")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(WAYS[arguments.one[0]], int(arguments.one[1]))))
        return
    if ways := [name for name in WAYS if name in arguments.only]:
        print_ratios(measured(ways, arguments.calls, arguments.rounds))
    if patterns := [name for name in stored.PATTERNS if name in arguments.only]:
        print()
        stored.print_sizes(patterns)


if __name__ == "__main__":
    main()
