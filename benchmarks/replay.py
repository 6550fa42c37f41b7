"""Replays of recorded runs against real runs under the same settings.

    uv run python -m benchmarks.replay [--settings 100] [--seed 0] [--seconds 0.3] [--only KIND] [--skipped]

A server in a process of its own answers each prompt after a time, and with an answer, that follow from the
prompt. Three graphs are run and recorded, on four inputs each, with all voters heard. Then each of the random
settings is replayed from a record, without a call, and run for real. Printed are the errors of the replay by
what was set: of calls, dollars, verdicts and the wall time. Where a replay says that calls end near the
deadline, or in how many seconds a run ends according to how long second requests take, `or told` counts it if
the real run is within what it tells; `within` does not.

What else a machine does makes real runs slower. So of the `--repeats` runs of each setting the fastest
counts, and the record is of the run whose calls took least together. How far the runs of a setting are apart
is printed below: no replay can be nearer to each of them than they are. A setting in which a replay is
further off than it should be is named, with how far apart its real runs are. What is loaded before is kept
out of garbage collections. On a busy machine, run it as `chrt -r 1 python -m benchmarks.replay` (Linux, as
root): server and client then take a processor whenever they need one, which is a few percent of the time.

How long a second request takes nobody knows beforehand, and real runs of one setting with hedges differ by
chance, by more than replays may be off. So such a setting is run `--draws` times, with other times of second
requests. A replay tells what the middle one of many runs takes, and is compared with the middle one of these.
How near replays are to the mean of these runs, which a few slow ones draw upwards, and how near one real run
is to the mean of the others, is printed below.

With `--skipped` the model answers in the process, and waits are skipped (`tests.support`): only the replay is
measured, and dollars are tokens.
"""

import argparse
import asyncio
import gc
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from benchmarks.answering import answering, stats
from benchmarks.replay_errors import Error, drawn, error_of, noise, table
from langgraph_parallel import Ask, Limits, create_sectioning, create_voting, recording
from langgraph_parallel.recording import RunRecord, replay
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.limiter_registry import reset_limits
from tests.support.skipped_time import in_skipped_time, seeded_model

SPREAD = 0.3
"""Standard deviation of the logarithm of the times of answers."""
ALL = {"stop": "all_votes", "wave": "all"}
SHARES = {"stops, voters, waves": 8, "race": 3, "concurrency": 3, "hedge": 3, "deadline": 3}
"""Of 20 settings."""
OF_VOTES, CASES = ("stops, voters, waves", "race"), 4

Settings = Mapping[str, Any]
Build = Callable[[Any, Settings], tuple[Any, dict[str, Any]]]
"""From a model and settings to a graph and its input."""


class Run(Protocol):
    """Runs a graph for real, and returns its record."""

    def __call__(self, build: Build, settings: Settings, draw: int = 0) -> RunRecord:
        """Run it; second requests have other times in each draw."""
        ...


def vote(model: Any, settings: Settings) -> tuple[Any, dict[str, Any]]:
    """Return a vote of up to 11 voters, and its input."""
    given = {"voters": 11, **ALL, **_of_votes(settings)}
    graph = create_voting(
        model=model, prompt="Is {question} so?", choices=["yes", "no"], limits=_limits(settings), **given
    )
    return graph, {"question": f"case v{settings.get('case', 0)}"}


def sections(model: Any, settings: Settings) -> tuple[Any, dict[str, Any]]:
    """Return 20 sections, of which some need others, and a synthesizer."""
    graph = create_sectioning(
        planner=_plan(20),
        worker=Ask("Look at {content}.\n\n{earlier}", model=model),
        synthesizer=Ask("case close\n\n{results}", model=model),
        limits=_limits(settings),
    )
    return graph, {"content": f"s{settings.get('case', 0)}"}


def votes(model: Any, settings: Settings) -> tuple[Any, dict[str, Any]]:
    """Return 6 sections, each with a vote of up to 5 voters."""
    given = {"voters": 5, **ALL, **_of_votes(settings)}
    worker = create_voting(model=model, prompt="Is {question} so?", choices=["yes", "no"], **given)
    graph = create_sectioning(planner=_plan(6), worker=worker, limits=_limits(settings))
    return graph, {"content": f"n{settings.get('case', 0)}"}


def _plan(number: int) -> Callable[[Any], list[Section]]:
    def plan(content: str) -> list[Section]:
        return [
            Section(
                id=f"{content}x{i}",
                title=f"t{i}",
                content=f"case {content}x{i}",
                needs=[f"{content}x{i - 7}"] if i % 10 == 9 else [],
            )
            for i in range(number)
        ]

    return plan


def _of_votes(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in ("stop", "voters", "wave", "rule", "race") if name in settings}


def _limits(settings: Mapping[str, Any]) -> Limits:
    named = {name: settings[name] for name in ("concurrency", "hedge", "deadline") if name in settings}
    return Limits(**named)


@contextmanager
def at_server(seed: int, seconds: float) -> Iterator[Run]:
    """Yield what runs graphs at the server, whose answers take that many seconds in the median."""
    with answering(seconds, "--spread", SPREAD, "--seed", seed, "--keyed") as url, asyncio.Runner() as runner:

        def run(build: Build, settings: Settings, draw: int = 0) -> RunRecord:
            stats(url, draw)  # forgets how often each prompt was asked
            return runner.run(_recorded(*build("openai:gpt-5-mini", settings)))

        for build in (vote, sections, votes):  # loads the SDK, and all that is loaded at first use
            run(build, {"case": "warm"})
        gc.collect()
        gc.freeze()
        yield run


@contextmanager
def in_process(seed: int, seconds: float) -> Iterator[Run]:
    """Yield what runs graphs in skipped time."""

    def run(build: Build, settings: Settings, draw: int = 0) -> RunRecord:
        model = seeded_model(seed, seconds, SPREAD, draw=draw)
        return in_skipped_time(_recorded(*build(model, settings)))

    yield run


async def _recorded(graph: Any, given: dict[str, Any]) -> RunRecord:
    reset_limits()
    records: list[RunRecord] = []
    await graph.ainvoke(given, recording.into(records.append))
    return records[-1]


def real_runs(run: Run, build: Build, settings: Settings, draws: Sequence[int]) -> list[RunRecord]:
    """Return records of the same setting, the fastest first.

    Args:
        run: runs a graph.
        build: of the graph.
        settings: of all runs.
        draws: of the times of second requests, one for each run.
    """
    return sorted([run(build, settings, draw) for draw in draws], key=lambda record: record.wall_seconds)


def random_settings(kind: str, chance: random.Random, *, wall: float, seconds: float) -> dict[str, Any]:
    """Return random settings of a kind."""
    if kind == "concurrency":
        return {"concurrency": chance.choice((2, 3, 4, 6, 8, 12))}
    if kind == "hedge":
        return {"hedge": chance.choice(("p95", round(seconds * chance.uniform(1.2, 2.5), 3)))}
    if kind == "deadline":
        return {"deadline": round(wall * chance.uniform(0.3, 0.9), 3)}
    stop = chance.choice(("decided", "ahead_by(2)", "confident(0.9)", "decided() | window(3)"))
    if kind == "race":
        return {"stop": stop, "wave": chance.choice(("all", 3, 4)), "race": True}
    some: dict[str, Any] = {"stop": stop, "wave": chance.choice(("lossless", 1, 2, 4)), "race": False}
    if some["wave"] == "lossless":
        some["race"] = True  # it cuts nothing off
    if chance.random() < 0.6:
        some["voters"] = chance.choice((3, 4, 5))
    return some


def least_held_up(runs: Sequence[RunRecord]) -> RunRecord:
    """Return the record whose calls took least together: each of them may matter in a replay."""
    return min(runs, key=lambda record: sum(call.seconds for call in record.calls))


def measure(run: Run, given: argparse.Namespace) -> list[Error]:
    """Compare replays under random settings with real runs."""
    chance, errors = random.Random(given.seed), []
    same = [0] * (1 if given.skipped else given.repeats)
    bases: dict[tuple[Build, int], RunRecord] = {}
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    for place in range(given.settings):
        kind = kinds[place % len(kinds)]
        if given.only not in (None, kind):
            continue
        build = chance.choice((vote, votes) if kind in OF_VOTES else (vote, sections, votes))
        case = chance.randrange(CASES)
        if (build, case) not in bases:
            bases[build, case] = least_held_up(real_runs(run, build, {"case": case}, same))
        base = bases[build, case]
        changed = random_settings(kind, chance, wall=base.wall_seconds, seconds=given.seconds)
        draws = range(given.draws) if kind == "hedge" else same
        runs = real_runs(run, build, {"case": case, **changed}, draws)
        error = error_of(kind, base, replay(base, **changed), runs, f"{build.__name__} {case} {changed}")
        errors.append(error)
        if given.show:
            print(f"{kind}: {error.what}: {error.wall:+.1%}", flush=True)
    return errors


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--settings", type=int, default=100, help="number of random settings")
    parser.add_argument("--seed", type=int, default=0, help="of settings, times and answers")
    parser.add_argument("--seconds", type=float, default=0.3, help="median time of an answer")
    parser.add_argument("--repeats", type=int, default=3, help="real runs of each setting")
    parser.add_argument("--draws", type=int, default=15, help="real runs of each setting with hedges")
    parser.add_argument("--only", choices=[*SHARES], help="settings of this kind alone")
    parser.add_argument("--skipped", action="store_true", help="skip waits, with the model in the process")
    parser.add_argument("--show", action="store_true", help="print each setting")
    given = parser.parse_args()
    with (in_process if given.skipped else at_server)(given.seed, given.seconds) as run:
        errors = measure(run, given)
    print("\n".join([*table(errors), *drawn(errors)]))
    if not given.skipped:
        print("\n".join(noise(errors)))


if __name__ == "__main__":
    main()
