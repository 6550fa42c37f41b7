"""The rules `unanimous` and `threshold`."""

import math

import pytest

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Support
from langgraph_parallel.reducers.votes.rules import threshold, unanimous
from tests.support.ballots import not_cast, tally

# unanimous


def test_all_who_agree_are_unanimous() -> None:
    """Failed voters do not break unanimity."""
    verdict = unanimous()(tally("a", "a") | not_cast("failed", "timed_out"))
    assert (verdict.status, verdict.choice, str(verdict.support)) == ("decided", "a", "2/2")


def test_one_who_disagrees_breaks_unanimity() -> None:
    """There is no choice then, and no support."""
    verdict = unanimous()(tally("a", "a", "b"))
    assert (verdict.status, verdict.choice, verdict.support) == ("below_threshold", None, Support(k=0, n=3))


# threshold


@pytest.mark.parametrize(
    ("share", "votes", "of"), [(0.7, 7, 10), (0.3, 3, 10), (0.6, 3, 5), (0.07, 7, 100), (1, 4, 4)]
)
def test_a_share_that_is_met_exactly_is_met(share: float, votes: int, of: int) -> None:
    """The comparison is exact: 7 of 10 meets 0.7, which no binary fraction equals."""
    verdict = threshold(share)(tally(*["a"] * votes, *range(of - votes)))
    assert (verdict.status, verdict.choice, verdict.support) == ("decided", "a", Support(k=votes, n=of))


def test_one_of_ten_meets_a_tenth() -> None:
    """All ten choices meet 0.1 and tie; above it, no choice does."""
    assert threshold(0.1)(tally(*range(10))).status == "tied"
    assert threshold(0.11)(tally(*range(10))).status == "below_threshold"


@pytest.mark.parametrize(("share", "votes", "of"), [(0.7, 6, 9), (0.71, 7, 10), (0.5, 4, 9), (1, 9, 10)])
def test_a_share_that_is_missed_gives_no_choice(share: float, votes: int, of: int) -> None:
    """The leading choice is not chosen below the threshold."""
    verdict = threshold(share)(tally(*["a"] * votes, *range(of - votes)))
    assert (verdict.status, verdict.choice, verdict.support) == ("below_threshold", None, Support(k=0, n=of))


def test_a_leader_above_the_threshold_beats_others_that_meet_it_too() -> None:
    """One of ten meets 0.1, and so do nine of ten: the nine win."""
    verdict = threshold(0.1)(tally("b", *["a"] * 9))
    assert (verdict.status, verdict.choice) == ("decided", "a")


def test_two_leaders_that_both_meet_the_threshold_are_a_tie() -> None:
    """Half against half, at 0.5, has no choice."""
    verdict = threshold(0.5)(tally("a", "b", "b", "a"))
    assert (verdict.status, verdict.choice, verdict.support) == ("tied", None, Support(k=0, n=4))


def test_the_threshold_is_a_share_of_the_ballots_cast() -> None:
    """Failures are not in its denominator."""
    ballots = tally(*["a"] * 7, "b", "c", "d") | not_cast(*["failed"] * 9)  # type: ignore[arg-type]
    assert threshold(0.7)(ballots).choice == "a"


@pytest.mark.parametrize("share", [0, -0.1, 1.01, math.nan, math.inf])
def test_a_share_outside_of_zero_to_one_is_rejected(share: float) -> None:
    """Zero is rejected as well: every choice would meet it."""
    with pytest.raises(UsageError, match=r"expected a number( above 0 and at most 1)?$"):
        threshold(share)


def test_a_threshold_with_a_quorum_below_one_is_rejected() -> None:
    """The check of the share does not replace the check of the quorum."""
    with pytest.raises(UsageError, match="quorum is 0"):
        threshold(0.5, quorum=0)
