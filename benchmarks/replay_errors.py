"""How far replays of recorded runs are off, and how far real runs of one setting are apart."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from langgraph_parallel.recording import NearDeadline, Replayed, RunRecord, RunTotals, replay

WITHIN = {
    "stops, voters, waves": (0.0, 0.05),
    "race": (0.03, 0.05),
    "concurrency": (0.0, 0.10),
    "hedge": (0.03, 0.10),
    "deadline": (0.03, 0.05),
}
"""By what is set: the most that calls and dollars may be off, and the wall time."""


@dataclass
class Error:
    """How far a replay was off, as shares of the real run."""

    kind: str
    calls: float
    usd: float
    wall: float
    verdicts: int
    """Number of votes with another outcome."""
    is_told: bool
    """Whether calls and dollars are within what it tells of the deadline."""
    is_wall_told: bool
    """Whether the wall time is within what it tells of second requests."""
    chance: "Chance | None"
    """Of times of second requests; None where these are not set."""
    apart: "Apart"
    what: str

    @property
    def is_missed(self) -> bool:
        """Whether it is further off than a replay should be."""
        most, most_wall = WITHIN[self.kind]
        paid = max(self.calls, self.usd) <= max(most, 1e-9) or self.is_told
        return not paid or not (abs(self.wall) <= most_wall or self.is_wall_told) or self.verdicts > 0


@dataclass
class Apart:
    """How far real runs of one setting are apart, as shares of the least."""

    usd: float
    wall: float

    @classmethod
    def of(cls, runs: Sequence[RunRecord]) -> "Apart":
        """Compare all runs."""
        paid = [_paid(replay(run).before) for run in runs]
        walls = [run.wall_seconds for run in runs]
        return cls((max(paid) - min(paid)) / (min(paid) or 1.0), (max(walls) - min(walls)) / min(walls))

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.wall:.1%} of the seconds and {self.usd:.1%} of the dollars apart"


@dataclass
class Chance:
    """What times of second requests do to wall times."""

    off: float
    """How far the replay is off, as a share of the mean of the real runs."""
    apart: Sequence[float]
    """How far each real run is off, as a share of the mean of the others."""

    @classmethod
    def of(cls, replayed: float, walls: Sequence[float]) -> "Chance":
        """Compare the wall time of a replay, and those of real runs with each other."""
        others = [[*walls[:place], *walls[place + 1 :]] or walls for place in range(len(walls))]
        apart = [wall / fmean(rest) - 1 for wall, rest in zip(walls, others, strict=True)]
        return cls(replayed / fmean(walls) - 1, apart)


def outcomes(record: RunRecord) -> dict[tuple[str, ...], tuple[Any, Any]]:
    """Return the outcome of each vote by the path of the branch around it."""
    found = {}
    for graph in record.graphs:
        if graph.vote is not None:
            path = () if graph.branch is None else tuple(record.branches[graph.branch].path)
            found[path] = graph.vote.choice, graph.vote.status
    return found


def error_of(kind: str, base: RunRecord, replayed: Replayed, runs: Sequence[RunRecord], what: str) -> Error:
    """Compare a replay with real runs, of which the fastest is the first.

    That one counts; where second requests are set, the middle one.
    """
    is_drawn, near = kind == "hedge", replayed.near_deadline
    real = runs[len(runs) // 2 if is_drawn else 0]
    after, before = replayed.after, replay(real).before
    if after.wall_seconds is None or (replayed.unknown and near is None):
        raise SystemExit(f"{what}: the replay does not know:\n{replayed}")
    paid, expected = _paid(after), outcomes(base)
    expected |= {tuple(each.path): (each.after, each.after_status) for each in replayed.changed}
    depending = {tuple(each.path) for each in replayed.unknown}
    return Error(
        kind,
        abs(after.calls - before.calls) / max(1, before.calls),
        abs(paid - _paid(before)) / (_paid(before) or 1.0),
        after.wall_seconds / real.wall_seconds - 1,
        sum(expected[path] != outcome for path, outcome in outcomes(real).items() if path not in depending),
        near is not None and _is_between(near, before, WITHIN[kind][0]),
        _is_within(replayed.wall_between, real.wall_seconds, WITHIN[kind][1]),
        Chance.of(after.wall_seconds, [run.wall_seconds for run in runs]) if is_drawn else None,
        Apart.of(runs),
        f"{what}: calls {after.calls} / {before.calls}, paid {paid:g} / {_paid(before):g}, "
        f"seconds {after.wall_seconds:.3f} / {real.wall_seconds:.3f}",
    )


def _is_between(near: NearDeadline, totals: RunTotals, most: float) -> bool:
    least, paid = _paid(near.least), _paid(totals)
    is_paid = (1 - most) * least <= paid <= (1 + most) * _paid(near.most)
    return is_paid and near.least.calls <= totals.calls <= near.most.calls


def _is_within(between: tuple[float, float] | None, wall: float, most: float) -> bool:
    return between is not None and (1 - most) * between[0] <= wall <= (1 + most) * between[1]


def _paid(totals: RunTotals) -> float:
    """Return dollars; tokens where there are no prices."""
    return (totals.input_tokens or 0) + (totals.output_tokens or 0) if totals.usd is None else totals.usd


def table(errors: Sequence[Error]) -> Iterator[str]:
    """Yield the lines of the result."""
    by_kind: dict[str, list[Error]] = {kind: [] for kind in WITHIN}
    for error in errors:
        by_kind[error.kind].append(error)
    yield (
        "what is set            runs  calls exact  within  dollars exact  within  or told  "
        "seconds: median    p90  within  or told  verdicts"
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
            f"{_share(error.usd <= max(most, 1e-9) or error.is_told for error in of_kind):>7}",
            f"{median(walls):>15.1%}",
            f"{walls[int(0.9 * (len(walls) - 1))]:>5.1%}",
            f"{_share(wall <= most_wall for wall in walls):>6}",
            f"{_share(abs(error.wall) <= most_wall or error.is_wall_told for error in of_kind):>7}",
            f"{_share(not error.verdicts for error in of_kind):>8}",
        )
        yield f"{kind:<22} {'  '.join(columns)}"
    yield "within: " + "; ".join(
        f"{kind} {most:.0%} of calls and dollars, {wall:.0%} of seconds"
        for kind, (most, wall) in WITHIN.items()
    )


def noise(errors: Sequence[Error]) -> Iterator[str]:
    """Yield the lines on how far real runs of the same settings are apart, and on what was missed."""
    yield "real runs of a setting   dollars within  seconds apart: median    p90  within"
    for kind, (most, most_wall) in WITHIN.items():
        apart = [error.apart for error in errors if error.kind == kind]
        if not apart:
            continue
        walls = sorted(each.wall for each in apart)
        columns = (
            f"{_share(each.usd <= max(most, 1e-9) for each in apart):>14}",
            f"{median(walls):>21.1%}",
            f"{walls[int(0.9 * (len(walls) - 1))]:>5.1%}",
            f"{_share(wall <= most_wall for wall in walls):>6}",
        )
        yield f"{kind:<23}  {'  '.join(columns)}"
    for error in errors:
        if error.is_missed:
            yield f"missed: {error.kind}: {error.what} ({error.wall:+.1%}); its real runs are {error.apart}"


def drawn(errors: Sequence[Error]) -> Iterator[str]:
    """Yield the line on what times of second requests do to wall times."""
    chances = [error.chance for error in errors if error.chance is not None]
    if chances:
        most = WITHIN["hedge"][1]
        apart = [abs(off) for chance in chances for off in chance.apart]
        offs = sorted(abs(chance.off) for chance in chances)
        yield (
            f"hedge: replays are {median(offs):.1%} off the mean of the real runs in the median, "
            f"{offs[int(0.9 * (len(offs) - 1))]:.1%} for 90%, within {most:.0%} in "
            f"{_share(off <= most for off in offs)} of the settings; one real run is within {most:.0%} of "
            f"the mean of the others in {_share(off <= most for off in apart)}"
        )


def _share(holds: Iterable[bool]) -> str:
    held = list(holds)
    return f"{sum(held) / len(held):.0%}"
