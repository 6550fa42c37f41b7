"""Replays of recorded runs: what the same run would have cost and taken under other settings."""

from pathlib import Path

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.replayed import Replayed
from langgraph_parallel.records.run_record import RunRecord
from langgraph_parallel.reducers.recorded import read_record
from langgraph_parallel.reducers.votes.rules import RuleLike
from langgraph_parallel.reducers.votes.stops import Stop
from langgraph_parallel.reducers.votes.waves import Wave
from langgraph_parallel.replays.changes import Changes
from langgraph_parallel.replays.margin import near_deadline
from langgraph_parallel.replays.rules import VoteReader
from langgraph_parallel.replays.simulation import Simulation, totals_before
from langgraph_parallel.replays.telling import assumptions, compare, unknown_of_run


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
            takes is drawn, with fixed seeds, from the durations of the same model; of 31 replays that draw
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
    simulation = Simulation(record, changes, reader)
    run = simulation.usual_run()
    course, after = run.course, run.totals
    votes, changed = compare(record, course)
    near, depending = near_deadline(simulation, run)
    return Replayed(
        settings=changes.told(),
        before=totals_before(record),
        after=after,
        calls_at_most=after.calls + course.more_calls,
        votes=votes,
        changed=changed,
        unknown=[*reader.unknown, *course.unknown, *depending, *unknown_of_run(record, changes)],
        late=course.late,
        wall_between=None if after.wall_seconds is None else run.between,
        near_deadline=near,
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
