"""What holds of every replay, on records of runs that never were."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_parallel.recording import replay
from langgraph_parallel.records import Ballot
from langgraph_parallel.reducers.votes.replay import replay as replay_ballots
from tests.support.ids import readable
from tests.support.timed_records import CLOSING, LAG, OPENING, OWN, fan_out, vote

TIMES = st.lists(st.floats(0.05, 2), min_size=1, max_size=12)
ANSWERS = st.lists(st.sampled_from(["yes", "no"]), min_size=1, max_size=9)
STOPS = ["decided()", "ahead_by(2)", "confident(0.9)", "window(3)", "all_votes()"]


def _seconds(number: int, seed: int) -> list[float]:
    chance = random.Random(seed)
    return [chance.uniform(0.05, 0.5) for _ in range(number)]


@given(seconds=TIMES)
@settings(max_examples=40, deadline=None)
def test_nothing_changes_where_nothing_is_changed(seconds: list[float]) -> None:
    """A fan-out is replayed to the same calls, tokens, dollars and time."""
    replayed = replay(fan_out(seconds))
    assert replayed.after.wall_seconds == pytest.approx(replayed.before.wall_seconds)
    assert replayed.after.model_copy(update={"wall_seconds": 0}) == replayed.before.model_copy(
        update={"wall_seconds": 0}
    )
    assert (replayed.unknown, replayed.assumed, replayed.calls_at_most) == ([], [], len(seconds))


@given(answers=ANSWERS, seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_vote_is_replayed_to_its_verdict(answers: list[str], seed: int) -> None:
    """Where nothing is changed, a vote has the same calls, time and verdict."""
    replayed = replay(vote(answers, _seconds(len(answers), seed)))
    assert replayed.after.wall_seconds == pytest.approx(replayed.before.wall_seconds)
    assert (replayed.after.calls, replayed.after.usd) == (replayed.before.calls, replayed.before.usd)
    assert (replayed.votes, replayed.changed, replayed.unknown) == (1, [], [])


@given(seconds=TIMES)
@settings(max_examples=30, deadline=None)
def test_more_requests_in_flight_are_never_slower(seconds: list[float]) -> None:
    """Sections that need nothing end no later with more slots; with one slot they take the sum."""
    walls = [replay(fan_out(seconds), concurrency=slots).after.wall_seconds for slots in (1, 2, 3, 8, 64)]
    assert all(wall is not None for wall in walls)
    assert walls == sorted(walls, reverse=True, key=lambda wall: round(wall or 0.0, 9))
    one_by_one = OPENING + 2 * OWN + CLOSING + sum(seconds)
    assert walls[0] == pytest.approx(one_by_one, abs=0.003 * len(seconds))


@given(answers=ANSWERS, seed=st.integers(0, 99), stop=st.sampled_from(STOPS), wave=st.sampled_from([1, 2, 4]))
@settings(max_examples=60, deadline=None)
def test_calls_are_those_of_a_count_by_hand(answers: list[str], seed: int, stop: str, wave: int) -> None:
    """Stops and waves without a race ask those voters that a count of the ballots alone asks."""
    replayed = replay(vote(answers, _seconds(len(answers), seed)), stop=stop, wave=wave, race=False)
    ballots = [
        Ballot(voter=f"#{place + 1}", order=place, status="cast", choice=answer)
        for place, answer in enumerate(answers)
    ]
    counted = replay_ballots(ballots, "majority", stop, wave)
    assert replayed.after.calls == counted.calls
    tokens = sum(100 + number for number in range(counted.calls))
    assert replayed.after.input_tokens == tokens
    same = counted.verdict.choice == replay_ballots(ballots, "majority", "all_votes").verdict.choice
    assert same or [each.after for each in replayed.changed] == [counted.verdict.choice]


@given(answers=ANSWERS, seed=st.integers(0, 99), wave=st.sampled_from([1, 3, "all", "lossless"]))
@settings(max_examples=30, deadline=None)
def test_without_a_stop_all_are_asked_in_any_waves(answers: list[str], seed: int, wave: int | str) -> None:
    """The verdict is that of all ballots, whatever the order in which they come."""
    replayed = replay(vote(answers, _seconds(len(answers), seed)), wave=wave)  # type: ignore[arg-type]
    assert (replayed.after.calls, replayed.changed) == (len(answers), [])


@given(answers=ANSWERS, seed=st.integers(0, 99), again=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_times_do_not_change_what_is_certain(answers: list[str], seed: int, again: int) -> None:
    """Under `decided` the verdict is the same however long each voter takes."""
    one = replay(vote(answers, _seconds(len(answers), seed)), stop="decided", wave="all")
    other = replay(vote(answers, _seconds(len(answers), again)), stop="decided", wave="all")
    assert one.changed == other.changed == []


def test_a_race_cuts_off_what_is_not_needed() -> None:
    """Of three voters two agree at once: the third one's prompt counts as estimated, its time does not."""
    replayed = replay(vote(["yes", "yes", "no"], [0.1, 0.1, 5.0]), stop="decided")
    assert replayed.after.calls == 3
    assert replayed.after.input_tokens == 100 + 101 + 92
    assert replayed.after.output_tokens == 20
    assert replayed.after.usd == pytest.approx(0.001 + 0.001 + 0.0005)
    ended = OPENING + 1e-4 + 0.1 + 2 * OWN + LAG
    assert replayed.after.wall_seconds == pytest.approx(ended + CLOSING, abs=0.002)


def test_voters_that_are_left_out_are_not_asked() -> None:
    """Of five voters the first three are asked, and outvote what the five decided."""
    replayed = replay(vote(["no", "no", "yes", "yes", "yes"], [0.1] * 5), voters=3)
    assert (replayed.after.calls, replayed.after.input_tokens) == (3, 303)
    assert [(each.path, each.before, each.after) for each in replayed.changed] == [([], "yes", "no")]
    assert "verdicts changed: 1 of 1" in str(replayed)


def test_a_rule_decides_otherwise() -> None:
    """A threshold that three of five do not reach leaves the vote undecided."""
    replayed = replay(vote(["no", "no", "yes", "yes", "yes"], [0.1] * 5), rule="threshold(0.7)")
    assert [each.after_status for each in replayed.changed] == ["below_threshold"]


def test_sections_wait_for_those_that_they_need() -> None:
    """With one slot, a section that needs another is behind those that were in line before it."""
    record = fan_out([0.1, 0.2, 0.3, 0.4], needs={3: [0]})
    assert replay(record).after.wall_seconds == pytest.approx(record.wall_seconds)
    one_by_one = replay(record, concurrency=1).after.wall_seconds
    assert one_by_one == pytest.approx(OPENING + CLOSING + 1.0 + 2 * OWN, abs=0.01)


def test_requests_leave_at_the_rate_that_is_set() -> None:
    """At 600 a minute, 10 requests of no time take about 0.9 s to leave."""
    wall = replay(fan_out([0.01] * 10), rate=600).after.wall_seconds
    assert wall == pytest.approx(0.9 + 0.1, rel=0.15)


def test_a_deadline_ends_what_is_in_flight() -> None:
    """Sections that take longer are late; their prompts count, and their answers do not."""
    replayed = replay(fan_out([0.1, 0.5, 0.9]), deadline=0.4)
    assert replayed.late == [["s1"], ["s2"]]
    assert (replayed.after.calls, replayed.after.output_tokens) == (3, 10)
    assert replayed.after.wall_seconds == pytest.approx(0.4 + CLOSING, abs=0.001)
    assert "ended by the deadline: 2, the first s1" in str(replayed)


def test_what_ends_near_the_deadline_is_told() -> None:
    """A call ends 6 ms after the deadline: cut off here, and answered in a run that is a little faster."""
    replayed = replay(fan_out([0.1, 0.5, 0.9]), deadline=0.505)
    assert replayed.after.output_tokens == 10
    near = replayed.near_deadline
    assert near is not None
    assert (near.calls, near.seconds) == (1, 0.02)
    assert [near.least.output_tokens, near.most.output_tokens] == [10, 20]
    assert [near.least.usd, near.most.usd] == [pytest.approx(0.002), pytest.approx(0.0025)]
    assert (
        "near the deadline: 1 call ends or begins within 20 ms of it: 3 calls, 10 to 20 tokens out, "
        "0.002000 to 0.002500 US dollars" in str(replayed)
    )


@pytest.mark.parametrize("changed", [{"deadline": 0.4}, {"concurrency": 2}], ids=readable)
def test_nothing_is_told_of_a_deadline_that_nothing_is_near(changed: dict[str, Any]) -> None:
    """No call ends or begins within 20 ms of it, or there is none."""
    assert replay(fan_out([0.1, 0.5, 0.9]), **changed).near_deadline is None


def test_a_verdict_that_a_deadline_decides_by_a_hair_is_not_known() -> None:
    """Of three voters one has answered, and the others answer 6 ms after the deadline."""
    replayed = replay(vote(["no", "yes", "yes"], [0.1, 0.5, 0.5]), deadline=0.505)
    assert [each.why for each in replayed.unknown] == [
        "its outcome depends on a call that ends near the deadline"
    ]


def test_a_vote_that_a_deadline_cuts_off_counts_what_was_heard() -> None:
    """One of three has answered: its choice stands, and was not the verdict."""
    replayed = replay(vote(["no", "yes", "yes"], [0.1, 0.5, 0.9]), deadline=0.4)
    assert [(each.before, each.after) for each in replayed.changed] == [("yes", "no")]


def test_a_straggler_is_hedged_by_a_time_of_other_calls() -> None:
    """Nine calls take 0.1 s and one takes 5 s: its second request is drawn, and most likely wins."""
    record = fan_out([0.1] * 9 + [5.0])
    replayed = replay(record, hedge=0.3)
    assert (replayed.after.calls, replayed.before.calls) == (11, 10)
    assert replayed.after.input_tokens == sum(100 + n for n in range(10)) + 109
    assert replayed.after.wall_seconds == pytest.approx(OPENING + 0.3 + 0.1 + CLOSING, abs=0.01)
    assert replayed == replay(record, hedge=0.3)
    assert "the time of 1 second request is drawn from that of other calls" in replayed.assumed


def test_seconds_that_depend_on_a_second_request_are_told() -> None:
    """Half of the calls take 0.1 s and half 0.2 s, and so may the second request for the straggler."""
    record = fan_out([0.1, 0.2] * 5 + [5.0])
    replayed = replay(record, hedge=0.3)
    assert replayed.wall_between is not None
    quick, slow = replayed.wall_between
    assert quick == pytest.approx(OPENING + 0.3 + 0.1 + CLOSING, abs=0.01)
    assert slow >= quick + 0.1
    assert quick <= (replayed.after.wall_seconds or 0.0) <= slow
    assert f"seconds by how long second requests take: {quick:.2f} to {slow:.2f}" in str(replayed)
    assert replay(record, concurrency=4).wall_between is None


def test_p95_hedges_what_is_later_than_the_others() -> None:
    """Of 40 calls two are late; at most a tenth of all may be hedged."""
    replayed = replay(fan_out([0.1 + 0.001 * n for n in range(38)] + [5.0, 5.0]), hedge="p95")
    assert replayed.after.calls == 42
    wall = replayed.after.wall_seconds
    assert wall is not None
    assert wall < 0.5
