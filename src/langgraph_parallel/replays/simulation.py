"""The simulation of a recorded run, as often as it takes, and what it adds up to."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from langgraph_parallel.records.replayed import RunTotals
from langgraph_parallel.records.run_record import RecordedGraph, RunRecord
from langgraph_parallel.replays.blocks import Whole, start_of
from langgraph_parallel.replays.changes import Changes
from langgraph_parallel.replays.course import Course, Running, Sent
from langgraph_parallel.replays.outline import Block
from langgraph_parallel.replays.reading import Reading, turnaround
from langgraph_parallel.replays.requests import NEVER_ENDED, usd_of
from langgraph_parallel.replays.rules import VoteReader

_DRAWS = 31
"""Runs of which the middle one counts, where durations are drawn. With 15, 90% of the wall times are within
5.3% of the middle one of 15 real runs; with 31 within 2.9%; with more not nearer (`benchmarks.replay`)."""


@dataclass(frozen=True)
class SimulatedRun:
    """One run of a simulation."""

    course: Course
    wall: float
    """Seconds that it took."""
    between: tuple[float, float] | None = None
    """The fewest and the most seconds of runs that draw otherwise; None if nothing is drawn."""

    @property
    def totals(self) -> RunTotals:
        """What it took; None for what depends on what is not known."""
        course = self.course
        totals = _totals(course.sent, None if course.time_is_open else self.wall)
        if not course.cost_is_open:
            return totals
        return totals.model_copy(update={"input_tokens": None, "output_tokens": None, "usd": None})


class Simulation:
    """Runs a record under changes.

    Args:
        record: of the run.
        changes: under which it is run.
        reader: of its votes.
    """

    def __init__(self, record: RunRecord, changes: Changes, reader: VoteReader) -> None:
        self.record, self.changes = record, changes
        self._reader, self._turnaround = reader, turnaround(record)
        reading = Reading(record, changes, reader)
        self._invocations = [reading.roots(number) for number in range(len(record.invocations))]

    def usual_run(self) -> SimulatedRun:
        """Return a run; where durations are drawn, of several the one with the middle wall time."""
        first = self.run()
        if not first.course.drawn:
            return first
        runs = sorted([first, *map(self.run, range(1, _DRAWS))], key=lambda run: run.wall)
        return replace(runs[_DRAWS // 2], between=(runs[0].wall, runs[-1].wall))

    def run(self, seed: int = 0, shift: int = 0) -> SimulatedRun:
        """Run all invocations, one after another.

        Args:
            seed: of what is drawn.
            shift: margins by which deadlines are moved.
        """
        course = Course(self.record, self.changes, self._reader, self._turnaround, seed, shift)
        wall = 0.0
        for invocation, roots in zip(self.record.invocations, self._invocations, strict=True):
            span = invocation.ended - invocation.started
            wall += max(0.0, span - sum(root.row.ended - root.row.started for root in roots))
            for root in roots:
                begun = course.clock.now
                _run_root(course, root)
                wall += course.clock.now - begun
        return SimulatedRun(course, wall)


def totals_before(record: RunRecord) -> RunTotals:
    """Return what the recorded run took."""
    calls = [call for call in record.calls if call.kind == "model" and not call.kept]
    used = [Sent(call.usage.input_tokens, call.usage.output_tokens, usd_of(call)) for call in calls]
    return _totals(used, record.wall_seconds)


def _run_root(course: Course, root: Block) -> None:
    ended: list[float] = []
    running = start_of(course, root, Whole(course), lambda _: ended.append(course.clock.now))
    running.start()
    if isinstance(root.row, RecordedGraph) and root.row.status == "running":  # it was ended from outside
        course.clock.after(root.row.ended - root.row.started, partial(_end, course, running, ended))
    course.clock.run(lambda: bool(ended))
    while not ended:  # what it waits for was cut off in the recorded run, and nothing cuts it off in this one
        next(iter(course.waiting.values()))(NEVER_ENDED)
        course.clock.run(lambda: bool(ended))


def _end(course: Course, running: Running, ended: list[float]) -> None:
    running.cut()
    ended.append(course.clock.now)


def _totals(sent: Sequence[Sent], wall: float | None) -> RunTotals:
    return RunTotals(
        calls=len(sent),
        input_tokens=_sum([each.input_tokens for each in sent], sum),
        output_tokens=_sum([each.output_tokens for each in sent], sum),
        usd=_sum([each.usd for each in sent], math.fsum),
        wall_seconds=wall,
    )


def _sum(values: Sequence[Any], total: Callable[[Iterable[Any]], Any]) -> Any:
    """Add up; None if something is not known."""
    return None if any(value is None for value in values) else total(values)
