"""One client prepares the voters of all votes of a run: what it prepared together leaves together."""

from functools import partial

import pytest

from langgraph_parallel.recording import RunRecord, replay
from langgraph_parallel.replays.client import Client, read_prepared
from langgraph_parallel.replays.clock import Clock
from tests.support.timed_records import CLOSING, LAG, OPENING, OWN, vote

EACH = 0.01
"""Seconds in which the client prepares a voter."""
ANSWER = 0.3


def _prepared_together(voters: int) -> RunRecord:
    """Return the record of a vote in which no request left before all were prepared."""
    record = vote(["yes"] * voters, [0.0] * voters)
    left = OPENING + voters * EACH
    calls = [
        call.model_copy(update={"started": OPENING + (number + 1) * EACH, "ended": left + ANSWER})
        for number, call in enumerate(record.calls)
    ]
    branches = [
        branch.model_copy(update={"ended": left + ANSWER + OWN, "started": OPENING})
        for branch in record.branches
    ]
    counted = record.graphs[0].vote
    assert counted is not None
    at = left + ANSWER + OWN + LAG
    ballots = [ballot.model_copy(update={"at": at}) for ballot in counted.ballots]
    ended = at + CLOSING
    graph = record.graphs[0].model_copy(
        update={"ended": ended, "vote": counted.model_copy(update={"ballots": ballots})}
    )
    invocation = record.invocations[0].model_copy(update={"ended": ended})
    parts = {"calls": calls, "branches": branches, "graphs": [graph], "invocations": [invocation]}
    return record.model_copy(update=parts)


@pytest.mark.parametrize("asked", [1, 2, 6])
def test_fewer_voters_leave_earlier(asked: int) -> None:
    """A request was held up by those after it, and is not by those that are not asked."""
    wall = replay(_prepared_together(6), voters=asked).after.wall_seconds
    assert wall == pytest.approx(OPENING + asked * EACH + ANSWER + OWN + LAG + CLOSING, abs=0.001)


def test_requests_that_were_prepared_at_other_times_did_not_hold_each_other_up() -> None:
    """A voter that was asked when the first one had left is another go of the client."""
    record = _prepared_together(3)
    branches = [*record.branches]
    branches[2] = branches[2].model_copy(update={"started": 0.1})
    record = record.model_copy(update={"branches": branches})
    prepared = read_prepared(record, {0: 0.02, 1: 0.03, 2: 0.105})
    assert [prepared[place].held for place in range(3)] == [pytest.approx(0.01), 0.0, 0.0]
    assert [prepared[place].seconds for place in range(3)] == pytest.approx([0.01, 0.01, 0.005])


def test_the_client_takes_turns_between_votes() -> None:
    """Of two votes that ask at once, it prepares the first voters before the second ones."""
    clock = Clock()
    order: list[str] = []
    client = Client(clock)
    for asking in ("a", "b"):
        for number in (1, 2):
            client.prepare(asking, EACH, partial(order.append, f"{asking}{number}"))
    client.after_all(lambda: order.append(f"left at {clock.now:.2f}"))
    clock.run(lambda: False)
    assert order == ["a1", "b1", "a2", "b2", "left at 0.04"]
