"""Replays of recorded runs against real runs under the same settings.

    uv run python -m benchmarks.replay [--settings 100] [--seed 0] [--seconds 0.3] [--skipped] [--show]

A server in a process of its own answers each prompt after a time, and with an answer, that follow from the
prompt. Three graphs are run and recorded, on four inputs each, with all voters heard. Then each of the random
settings is replayed from a record, without a call, and run for real. Printed are the errors of the replay by
what was set: of calls, dollars, verdicts and the wall time.

What else a machine does makes real runs slower: of the `--repeats` runs of each setting, and of each record,
the fastest counts. How long a second request takes nobody knows beforehand, so that a setting with hedges is
run five times, with other times of these, and the middle one counts. With `--skipped` the model answers in
the process, and waits are skipped (`tests.support`): only the replay is measured, and dollars are tokens.
"""

import argparse
import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from benchmarks.answering import answering, stats
from langgraph_parallel import Ask, Limits, create_sectioning, create_voting, recording
from langgraph_parallel.recording import Replayed, RunRecord, RunTotals, replay
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.limiter_registry import reset_limits
from tests.support.skipped_time import in_skipped_time, seeded_model

SPREAD = 0.3
"""Standard deviation of the logarithm of the times of answers."""
ALL = {"stop": "all_votes", "wave": "all"}
WITHIN = {
    "stops, voters, waves": (0.0, 0.05),
    "race": (0.03, 0.05),
    "concurrency": (0.0, 0.10),
    "hedge": (0.03, 0.10),
    "deadline": (0.03, 0.05),
}
"""By what is set: the most that calls and dollars may be off, and the wall time."""

SHARES = {"stops, voters, waves": 8, "race": 3, "concurrency": 3, "hedge": 3, "deadline": 3}
"""Of 20 settings."""
OF_VOTES, CASES = ("stops, voters, waves", "race"), 4

Settings = Mapping[str, Any]
Build = Callable[[Any, Settings], tuple[Any, dict[str, Any]]]
"""From a model and settings to a graph and its input."""
DRAWS = 5
"""Runs of a setting with hedges, each with other times of second requests."""


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


@dataclass
class Error:
    """How far a replay was off, as shares of the real run."""

    kind: str
    calls: float
    usd: float
    wall: float
    verdicts: int
    """Number of votes with another outcome."""
    what: str


@contextmanager
def at_server(seed: int, seconds: float) -> Iterator[Run]:
    """Yield what runs graphs at the server, whose answers take that many seconds in the median."""
    with answering(seconds, "--spread", SPREAD, "--seed", seed, "--keyed") as url, asyncio.Runner() as runner:

        def run(build: Build, settings: Settings, draw: int = 0) -> RunRecord:
            stats(url, draw)  # forgets how often each prompt was asked
            return runner.run(_recorded(*build("openai:gpt-5-mini", settings)))

        for build in (vote, sections, votes):  # loads the SDK, and all that is loaded at first use
            run(build, {"case": "warm"})
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


def fastest(run: Run, build: Build, settings: Settings, repeats: int) -> RunRecord:
    """Return the record of the fastest of some runs."""
    runs = [run(build, settings) for _ in range(repeats)]
    return min(runs, key=lambda record: record.wall_seconds)


def real_run(run: Run, build: Build, settings: Settings, repeats: int) -> RunRecord:
    """Return the record that a replay is compared with: with hedges the middle one of several draws."""
    if settings.get("hedge") is None:
        return fastest(run, build, settings, repeats)
    draws = [run(build, settings, draw) for draw in range(DRAWS)]
    return sorted(draws, key=lambda record: record.wall_seconds)[DRAWS // 2]


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


def outcomes(record: RunRecord) -> dict[tuple[str, ...], tuple[Any, Any]]:
    """Return the outcome of each vote by the path of the branch around it."""
    found = {}
    for graph in record.graphs:
        if graph.vote is not None:
            path = () if graph.branch is None else tuple(record.branches[graph.branch].path)
            found[path] = graph.vote.choice, graph.vote.status
    return found


def error_of(kind: str, base: RunRecord, replayed: Replayed, real: RunRecord, what: str) -> Error:
    """Compare a replay with a real run."""
    after, before = replayed.after, replay(real).before
    if after.wall_seconds is None or before.wall_seconds is None or replayed.unknown:
        raise SystemExit(f"{what}: the replay does not know:\n{replayed}")
    paid, expected = _paid(after), outcomes(base)
    expected |= {tuple(each.path): (each.after, each.after_status) for each in replayed.changed}
    return Error(
        kind,
        abs(after.calls - before.calls) / max(1, before.calls),
        abs(paid - _paid(before)) / (_paid(before) or 1.0),
        (after.wall_seconds - before.wall_seconds) / before.wall_seconds,
        sum(expected[path] != outcome for path, outcome in outcomes(real).items()),
        f"{what}: calls {after.calls} / {before.calls}, paid {paid:g} / {_paid(before):g}, "
        f"seconds {after.wall_seconds:.3f} / {before.wall_seconds:.3f}",
    )


def _paid(totals: RunTotals) -> float:
    """Return dollars; tokens where there are no prices."""
    return (totals.input_tokens or 0) + (totals.output_tokens or 0) if totals.usd is None else totals.usd


def measure(run: Run, given: argparse.Namespace) -> list[Error]:
    """Compare replays under random settings with real runs."""
    chance, errors = random.Random(given.seed), []
    repeats = 1 if given.skipped else given.repeats
    bases: dict[tuple[Build, int], RunRecord] = {}
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    for place in range(given.settings):
        kind = kinds[place % len(kinds)]
        build = chance.choice((vote, votes) if kind in OF_VOTES else (vote, sections, votes))
        case = chance.randrange(CASES)
        if (build, case) not in bases:
            bases[build, case] = fastest(run, build, {"case": case}, repeats)
        base = bases[build, case]
        changed = random_settings(kind, chance, wall=base.wall_seconds, seconds=given.seconds)
        replayed = replay(base, **changed)
        real = real_run(run, build, {"case": case, **changed}, repeats)
        error = error_of(kind, base, replayed, real, f"{build.__name__} {case} {changed}")
        errors.append(error)
        if given.show:
            print(f"{kind}: {error.what}: {error.wall:+.1%}", flush=True)
    return errors


def table(errors: Sequence[Error]) -> Iterator[str]:
    """Yield the lines of the result."""
    by_kind: dict[str, list[Error]] = {kind: [] for kind in SHARES}
    for error in errors:
        by_kind[error.kind].append(error)
    yield (
        "what is set            runs  calls exact  within  dollars exact  within  "
        "seconds: median    p90  within  verdicts"
    )
    for kind, of_kind in by_kind.items():
        if not of_kind:
            continue
        most, most_wall = WITHIN[kind]
        walls = sorted(abs(error.wall) for error in of_kind)
        columns = (
            f"{len(of_kind):4}",
            f"{_share(error.calls == 0 for error in of_kind):>11}",
            f"{_share(error.calls <= most for error in of_kind):>6}",
            f"{_share(error.usd < 1e-9 for error in of_kind):>13}",
            f"{_share(error.usd <= max(most, 1e-9) for error in of_kind):>6}",
            f"{median(walls):>15.1%}",
            f"{walls[int(0.9 * (len(walls) - 1))]:>5.1%}",
            f"{_share(wall <= most_wall for wall in walls):>5}",
            f"{_share(not error.verdicts for error in of_kind):>8}",
        )
        yield f"{kind:<22} {'  '.join(columns)}"
    yield "within: " + "; ".join(
        f"{kind} {most:.0%} of calls and dollars, {wall:.0%} of seconds"
        for kind, (most, wall) in WITHIN.items()
    )


def _share(holds: Iterable[bool]) -> str:
    held = list(holds)
    return f"{sum(held) / len(held):.0%}"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--settings", type=int, default=100, help="number of random settings")
    parser.add_argument("--seed", type=int, default=0, help="of settings, times and answers")
    parser.add_argument("--seconds", type=float, default=0.3, help="median time of an answer")
    parser.add_argument("--repeats", type=int, default=3, help="real runs of each setting")
    parser.add_argument("--skipped", action="store_true", help="skip waits, with the model in the process")
    parser.add_argument("--show", action="store_true", help="print each setting")
    given = parser.parse_args()
    with (in_process if given.skipped else at_server)(given.seed, given.seconds) as run:
        print("\n".join(table(measure(run, given))))


if __name__ == "__main__":
    main()
