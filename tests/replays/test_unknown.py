"""What cannot be known from a record is said, with bounds, and never guessed."""

from typing import Any

import pytest

from langgraph_parallel import create_voting, recording
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.vote.judge import Judge
from langgraph_parallel.recording import RunRecord, into, replay
from langgraph_parallel.stops import Stop
from langgraph_parallel.testing import FakeModel
from tests.support.timed_records import call, fan_out, vote


async def _recorded(contents: bool = False, **settings: object) -> RunRecord:
    """Return the record of a vote in which voters 1 and 2 say 3, and all others 4."""
    model = FakeModel(default={"rationale": "", "choice": 4, "confidence": None})
    for number in (1, 2):
        model.on(f"voter {number} of", {"rationale": "", "choice": 3, "confidence": None})
    records: list[RunRecord] = []
    graph = create_voting(model=model, **settings)  # type: ignore[arg-type]
    await graph.ainvoke({"question": "?"}, into(recording.Recording(records.append, contents=contents)))
    return records[-1]


async def test_voters_that_were_never_asked_are_bounds_of_calls() -> None:
    """Of five, the fourth is asked at most; with two more it may be all seven, and who wins is not known."""
    record = await _recorded(voters=5, choices=[3, 4], stop="ahead_by(2)", wave=1)
    assert replay(record).before.calls == 2
    replayed = replay(record, stop="ahead_by(3)")
    assert (replayed.after.calls, replayed.calls_at_most) == (3, 5)
    assert (replayed.after.usd, replayed.after.wall_seconds, replayed.after.input_tokens) == (
        None,
        None,
        None,
    )
    assert replayed.changed == []
    assert "3 to 5" in str(replayed)
    assert "ballots that were never heard: of #3, #4, #5" in str(replayed)


async def test_all_voters_are_a_known_number_of_calls() -> None:
    """Without a stop all five are asked: how many calls is known, and what they say is not."""
    record = await _recorded(voters=5, choices=[3, 4], stop="ahead_by(2)", wave=1)
    replayed = replay(record, stop="all_votes")
    assert (replayed.after.calls, replayed.calls_at_most) == (5, 5)
    assert [each.graph for each in replayed.unknown] == ["voting"]


async def test_more_voters_than_there_were_are_not_known() -> None:
    """Voters that the run did not have were never heard."""
    record = await _recorded(voters=3, choices=[3, 4], stop="all_votes", wave="all")
    replayed = replay(record, voters=5)
    assert (replayed.after.calls, replayed.calls_at_most) == (5, 5)
    assert "of #4, #5" in replayed.unknown[0].why


def test_what_is_settled_needs_no_further_ballots() -> None:
    """Three of five agree already, so that the verdict is known although two were never asked."""
    record = vote(["yes", "yes", "yes"], [0.1] * 3, voters=["#1", "#2", "#3", "#4", "#5"], stop="decided()")
    replayed = replay(record, rule="majority", stop="all_votes")
    assert (replayed.after.calls, replayed.changed, replayed.after.usd) == (5, [], None)
    changed = vote(["no"] * 3, [0.1] * 3, voters=["#1", "#2", "#3", "#4", "#5"], choice="yes")
    assert [each.after for each in replay(changed, voters=5, rule="majority").changed] == ["no"]


@pytest.mark.parametrize("contents", [True, False], ids=["with contents", "without contents"])
async def test_a_rule_that_reads_numbers_needs_contents(contents: bool) -> None:
    """Labels are equal or not, and have no median."""
    record = await _recorded(contents, voters=5, rule="median", stop="all_votes", wave="all")
    replayed = replay(record, voters=3)
    if contents:
        assert [(each.before, each.after) for each in replayed.changed] == [(4, 3)]
    else:
        assert replayed.changed == []
        assert "contents=True" in replayed.unknown[0].why
    assert (replayed.after.calls, replay(record).unknown) == (3, [])


@pytest.mark.parametrize(
    ("rule", "why"),
    [(lambda choices: choices[0], "function function decides"), (Judge(model=FakeModel()), "judge decides")],
    ids=["function", "judge"],
)
async def test_code_that_decides_cannot_be_replayed(rule: object, why: str) -> None:
    """On the recorded ballots it decided as it did; on others nobody knows."""
    record = await _recorded(voters=5, rule=rule, choices=["3", "4"], stop="all_votes", wave="all")
    assert replay(record, concurrency=1).unknown == []
    replayed = replay(record, voters=3)
    assert replayed.changed == []
    assert why.split()[-2] in replayed.unknown[0].why
    assert "cannot be replayed" in replayed.unknown[0].why
    assert replay(record, voters=3, rule="majority").unknown == []


class _Often(Stop):
    """A stop of a caller's own."""

    def is_enough(self, standing: object) -> bool:
        return True

    def __str__(self) -> str:
        return "often!"


async def test_a_stop_that_is_code_is_taken_as_recorded() -> None:
    """Another stop in its place is replayed."""
    record = await _recorded(voters=3, choices=[3, 4], stop=_Often(), wave=3, race=False)
    assert "often! is code" in replay(record).unknown[0].why
    assert replay(record).after.calls == replay(record).before.calls == 3
    assert replay(record, stop="all_votes").unknown == []


def test_a_stop_must_fit_the_rule() -> None:
    """As in a graph, it is refused, with the name of the vote."""
    with pytest.raises(UsageError, match="voting: ahead_by"):
        replay(vote(["yes"], [0.1]), rule="threshold(0.7)", stop="ahead_by(2)")


def test_without_its_deadline_a_call_that_was_cut_off_is_not_known() -> None:
    """Its time is what nobody knows, and so is what it would have cost."""
    record = fan_out([0.1, 0.5])
    late = record.branches[1].model_copy(update={"status": "timed_out", "ended_by": "deadline"})
    cut = record.calls[1].model_copy(update={"ok": False})
    graph = record.graphs[0].model_copy(update={"limits": {"deadline": 0.52}})
    cut_off = record.model_copy(
        update={"graphs": [graph], "branches": [record.branches[0], late], "calls": [record.calls[0], cut]}
    )
    same = replay(cut_off)
    assert (same.unknown, same.late) == ([], [["s1"]])
    assert same.after.usd == pytest.approx(0.0015)
    lifted = replay(cut_off, deadline="off")
    assert (lifted.after.calls, lifted.after.usd, lifted.after.wall_seconds) == (2, None, None)
    assert [(each.path, each.graph) for each in lifted.unknown] == [(["s1"], "sectioning")]


def test_without_its_hedge_a_straggler_is_not_known() -> None:
    """The second request won, so that only the least that the first one takes is known; the cost is, too."""
    record = fan_out([0.1, 0.5])
    first = record.calls[1].model_copy(update={"ok": False})
    second = call(7, 0.2, first.started + 0.3, branch=1, hedge=True, usage=first.usage)
    hedged = record.model_copy(update={"calls": [record.calls[0], first, second]})
    assert replay(hedged).after == replay(hedged).before.model_copy(
        update={"wall_seconds": pytest.approx(record.wall_seconds)}
    )
    replayed = replay(hedged, hedge="off")
    assert (replayed.after.calls, replayed.after.input_tokens) == (2, 201)
    assert replayed.after.wall_seconds is None


def test_refusals_are_said_to_be_as_recorded() -> None:
    """How many requests an endpoint refuses at another concurrency is its own affair."""
    record = fan_out([0.1, 0.1])
    refused = record.calls[0].model_copy(update={"ok": False, "throttled": True})
    replayed = replay(record.model_copy(update={"calls": [refused, record.calls[1]]}), concurrency=8)
    assert "refused 1 request;" in replayed.unknown[0].why


@pytest.mark.parametrize(
    "changed",
    [{"voters": 3}, {"stop": "decided"}, {"rule": "majority"}, {"wave": 2}, {"race": True}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_run_without_a_vote_has_no_settings_of_votes(changed: dict[str, Any]) -> None:
    """A replay that ignored them would say that they make no difference."""
    with pytest.raises(UsageError, match=rf"^{next(iter(changed))} of votes cannot be replayed"):
        replay(fan_out([0.1]), **changed)
