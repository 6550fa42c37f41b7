"""Replays of recorded runs: what the same run would have cost and taken under other settings."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.replayed import Replayed, RunTotals
from langgraph_parallel.records.run_record import RecordedGraph, RunRecord
from langgraph_parallel.reducers.recorded import read_record
from langgraph_parallel.reducers.votes.rules import RuleLike
from langgraph_parallel.reducers.votes.stops import Stop
from langgraph_parallel.reducers.votes.waves import Wave
from langgraph_parallel.replays.blocks import Whole, start_of
from langgraph_parallel.replays.changes import Changes
from langgraph_parallel.replays.course import Course, Running, Sent
from langgraph_parallel.replays.outline import Block
from langgraph_parallel.replays.reading import Reading, turnaround
from langgraph_parallel.replays.requests import NEVER_ENDED, usd_of
from langgraph_parallel.replays.rules import VoteReader
from langgraph_parallel.replays.telling import assumptions, compare, unknown_of_run

_DRAWS = 15
"""Replays of which the middle one counts, where durations are drawn."""


def replay(
    record: RunRecord | Path | str,
    *,
    stop: str | Stop | None = None,
    voters: int | None = None,
    wave: Wave | None = None,
    rule: RuleLike | None = None,
    race: bool | None = None,
    concurrency: int | None = None,
    rate: float | str | None = None,
    hedge: float | str | None = None,
    deadline: float | str | None = None,
) -> Replayed:
    """Return what a recorded run would have cost and taken under other settings, without a call.

    Every request takes the time that it took, and every voter that was heard says what it said. Settings that
    are None are as recorded. What the record cannot tell is in `Replayed.unknown`.

    Args:
        record: of the run, or its file.
        stop: of all votes.
        voters: number of voters of all votes: the first ones.
        wave: size of the waves of all votes.
        rule: of all votes.
        race: whether voters of a wave that are not needed any more are cancelled.
        concurrency: requests in flight, at most.
        rate: requests per minute; `off` for no such limit.
        hedge: when a second request is sent for a straggler: `p95`, after seconds, or `off`. How long it
            takes is drawn, with fixed seeds, from the durations of the same model; of 15 replays that draw
            otherwise, the one with the middle wall time counts.
        deadline: seconds of the whole run; `off` for none.

    Raises:
        UsageError: the file is not the record of a run, or a setting is not valid, or it is one of votes and
            the run had none.
    """
    changes = Changes.of(
        stop=stop,
        voters=voters,
        wave=wave,
        rule=rule,
        race=race,
        concurrency=concurrency,
        rate=rate,
        hedge=hedge,
        deadline=deadline,
    )
    return replay_under(record if isinstance(record, RunRecord) else read_record(record), changes)


def replay_under(record: RunRecord, changes: Changes) -> Replayed:
    """Return what a recorded run would have been under changes; see `replay`."""
    _check_votes(record, changes)
    reader = VoteReader(record, changes)
    reading = Reading(record, changes, reader)
    invocations = [reading.roots(number) for number in range(len(record.invocations))]
    course, wall = _run(record, changes, reader, invocations, 0)
    if course.drawn:
        draws = [(_run(record, changes, reader, invocations, seed)) for seed in range(1, _DRAWS)]
        course, wall = sorted([(course, wall), *draws], key=lambda draw: draw[1])[_DRAWS // 2]
    votes, changed = compare(record, course)
    after = _after(course, wall)
    return Replayed(
        settings=changes.told(),
        before=_before(record),
        after=after,
        calls_at_most=after.calls + course.more_calls,
        votes=votes,
        changed=changed,
        unknown=[*reader.unknown, *course.unknown, *unknown_of_run(record, changes)],
        late=course.late,
        assumed=assumptions(record, changes, course, changed),
    )


def _check_votes(record: RunRecord, changes: Changes) -> None:
    """Refuse settings of votes for a run that had none: they would seem to change nothing."""
    names = " and ".join(changes.names_of_votes)
    if names and not any(graph.vote for graph in record.graphs):
        raise UsageError(
            f"{names} of votes cannot be replayed: the record of {record.name!r} has no vote; "
            "set concurrency, rate, hedge or deadline"
        )


def _run(
    record: RunRecord,
    changes: Changes,
    reader: VoteReader,
    invocations: Sequence[Sequence[Block]],
    seed: int,
) -> tuple[Course, float]:
    """Replay all invocations, one after another; return what came of them, and the seconds that they took."""
    course = Course(record, changes, reader, turnaround(record), seed)
    wall = 0.0
    for invocation, roots in zip(record.invocations, invocations, strict=True):
        span = invocation.ended - invocation.started
        wall += max(0.0, span - sum(root.row.ended - root.row.started for root in roots))
        for root in roots:
            begun = course.clock.now
            _run_root(course, root)
            wall += course.clock.now - begun
    return course, wall


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


def _before(record: RunRecord) -> RunTotals:
    calls = [call for call in record.calls if call.kind == "model" and not call.kept]
    used = [Sent(call.usage.input_tokens, call.usage.output_tokens, usd_of(call)) for call in calls]
    return _totals(used, record.wall_seconds)


def _totals(sent: Sequence[Sent], wall: float | None) -> RunTotals:
    return RunTotals(
        calls=len(sent),
        input_tokens=_sum([each.input_tokens for each in sent], sum),
        output_tokens=_sum([each.output_tokens for each in sent], sum),
        usd=_sum([each.usd for each in sent], math.fsum),
        wall_seconds=wall,
    )


def _after(course: Course, wall: float) -> RunTotals:
    totals = _totals(course.sent, None if course.time_is_open else wall)
    if not course.cost_is_open:
        return totals
    return totals.model_copy(update={"input_tokens": None, "output_tokens": None, "usd": None})


def _sum(values: Sequence[Any], total: Callable[[Iterable[Any]], Any]) -> Any:
    """Add up; None if something is not known."""
    return None if any(value is None for value in values) else total(values)
