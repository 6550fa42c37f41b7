"""What the benchmark of kills takes for explained, and what it finds wrong."""

import pytest

from benchmarks.kill_law import Call, Kill, calls_at, exposed_calls, repeated_calls


def call(came: float, answered: float | None = None, left: float = float("inf")) -> Call:
    """Return a call that was answered, or whose sender has left."""
    made = Call(came)
    made.ended, made.is_answered = (left, False) if answered is None else (answered, True)
    return made


def kill(sent: float, *stored: str, is_command: bool = False) -> Kill:
    """Return a kill whose victim is dead after 10 ms, and after which rows are read for 10 ms more."""
    return Kill(is_command, sent, sent + 0.01, frozenset(stored), sent + 0.02)


@pytest.mark.parametrize(
    "before",
    [call(9.9, left=10.0), call(9.8, answered=9.95), call(9.8, answered=10.3)],
    ids=["died with its sender", "just answered", "answered after the kill"],
)
def test_a_call_whose_result_was_not_stored_is_repeated_because_of_the_kill(before: Call) -> None:
    """It was in flight, or on its way to the sink."""
    found = repeated_calls({1: [before, call(11.0, answered=11.1)]}, [kill(10.0)])
    assert (found.number, found.without_reason, found.stored) == (1, 0, 0)


@pytest.mark.parametrize(
    ("before", "again", "kills"),
    [
        (call(9.9, answered=9.95), 11.0, []),
        (call(9.9, answered=9.95), 9.97, [kill(10.0)]),
        (call(7.0, answered=8.0), 11.0, [kill(10.0)]),
        (call(10.5, answered=10.6), 11.0, [kill(10.0)]),
        (call(12.0, answered=12.1), 12.5, [kill(10.0, is_command=True)]),
    ],
    ids=["no kill", "before the kill", "long answered", "after a worker", "long after a command"],
)
def test_a_call_that_no_kill_has_exposed_is_repeated_without_a_reason(
    before: Call, again: float, kills: list[Kill]
) -> None:
    """The benchmark fails then."""
    assert repeated_calls({1: [before, call(again)]}, kills).without_reason == 1


def test_a_row_that_is_stored_is_not_to_be_asked_for_again() -> None:
    """Unless it was lost, run again and stored before anyone could look."""
    before = call(9.9, answered=9.95)
    found = repeated_calls({1: [before, call(11.0)]}, [kill(10.0, "i1")])
    assert (found.without_reason, found.stored) == (1, 1)
    quick = repeated_calls({1: [before, call(10.005, answered=10.01)]}, [kill(10.0, "i1")])
    assert (quick.without_reason, quick.stored) == (0, 0)


def test_workers_of_a_killed_command_have_a_second_to_notice() -> None:
    """What they begin in it is exposed; so is what was in flight, and nothing that is stored."""
    asked = {1: [call(9.9, left=10.0)], 2: [call(10.5, answered=10.6)], 3: [call(9.9, answered=9.95)]}
    assert exposed_calls(asked, [kill(10.0, "i3")]) == 1
    assert exposed_calls(asked, [kill(10.0, "i3", is_command=True)]) == 2


def test_as_many_calls_may_be_repeated_as_kills_find_in_flight() -> None:
    """With those that were answered in the 100 ms before, for each kill, whoever had sent them."""
    asked = {1: [call(9.8, answered=9.92)], 2: [call(9.8, answered=9.88)], 3: [call(9.99), call(10.02)]}
    assert calls_at(asked, [kill(10.0)]) == 2
    assert calls_at(asked, [kill(10.0), kill(10.05)]) == 4
