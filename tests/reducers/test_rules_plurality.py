"""The rules `majority` and `weighted`, and ties between the leaders."""

import math

import pytest
from pydantic import ValidationError

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Count, Support, Tally
from langgraph_parallel.reducers.votes.rules import Rule, majority, mode, weighted
from tests.support.ballots import ballot, denominators, tally

# majority


def test_the_majority_is_the_choice_with_most_votes() -> None:
    """Two of three decide; the third dissents, with its rationale."""
    ballots = Tally.of(
        [ballot("ann", "a", 0), ballot("ben", "b", 1, rationale="better"), ballot("cas", "a", 2)]
    )
    verdict = majority()(ballots)
    assert (verdict.status, verdict.choice, str(verdict.support)) == ("decided", "a", "2/3")
    assert [(d.voter, d.choice, d.rationale) for d in verdict.dissent] == [("ben", "b", "better")]
    assert verdict.counts == [
        Count(choice="a", votes=2, weight=2.0, voters=["ann", "cas"]),
        Count(choice="b", votes=1, weight=1.0, voters=["ben"]),
    ]
    assert verdict.margin == pytest.approx(1 / 3)


def test_a_majority_need_not_have_more_than_half() -> None:
    """Two of five are enough if every other choice has fewer."""
    assert majority()(tally("a", "b", "a", "c", "d")).decided


def test_a_tie_goes_to_the_earliest_voter_among_the_leaders() -> None:
    """The choice of the first voter has too few votes to be a leader."""
    verdict = majority()(tally("c", "b", "a", "a", "b"))
    assert (verdict.status, verdict.choice, verdict.support) == ("tied", "b", Support(k=2, n=5))
    assert verdict.margin == 0.0


def test_earliest_is_by_the_voters_order_and_not_by_arrival() -> None:
    """The ballot that arrives first is not the earliest voter's."""
    ballots = Tally.of([ballot("late", "b", 1), ballot("early", "a", 0)])
    assert majority()(ballots).choice == "a"


@pytest.mark.parametrize("rule", [majority(ties="none"), weighted(ties="none"), mode(ties="none")])
def test_a_tie_may_be_left_open(rule: Rule) -> None:
    """With `ties="none"`, a tie has neither a choice nor support."""
    verdict = rule(tally(1, 2))
    assert (verdict.status, verdict.choice, verdict.support) == ("tied", None, Support(k=0, n=2))


def test_different_answers_of_all_voters_are_a_tie() -> None:
    """Three choices with one vote each are tied."""
    assert majority()(tally("a", "b", "c")).status == "tied"


# weighted


def test_the_greatest_sum_of_weights_wins() -> None:
    """One heavy voter beats two light ones; support still counts voters."""
    ballots = Tally.of([ballot("ann", "a", 0), ballot("ben", "a", 1), ballot("cas", "b", 2, weight=2.5)])
    verdict = weighted()(ballots)
    assert (verdict.status, verdict.choice, verdict.support) == ("decided", "b", Support(k=1, n=3))
    assert verdict.margin == pytest.approx(0.5 / 4.5)


def test_weights_by_name_replace_those_of_the_ballots() -> None:
    """A voter without a weight by name keeps the weight of its ballot."""
    ballots = Tally.of([ballot("ann", "a", 0, weight=9), ballot("ben", "b", 1, weight=2)])
    assert weighted({"ann": 1})(ballots).choice == "b"


def test_weights_are_added_exactly() -> None:
    """Weight 1 on top of 2**60 decides, although a float of this size has no digit for it."""
    ballots = Tally.of(
        [
            ballot("big", "a", 0, weight=2.0**60),
            ballot("one", "a", 1, weight=1),
            ballot("same", "b", 2, weight=2.0**60),
        ]
    )
    verdict = weighted()(ballots)
    assert (verdict.status, verdict.choice) == ("decided", "a")


def test_equal_sums_of_equal_weights_are_a_tie() -> None:
    """The order of addition does not matter: .1 + .2 + .3 ties with .3 + .2 + .1."""
    left = [ballot(f"l{i}", "a", i, weight=weight) for i, weight in enumerate([0.1, 0.2, 0.3])]
    right = [ballot(f"r{i}", "b", 3 + i, weight=weight) for i, weight in enumerate([0.3, 0.2, 0.1])]
    verdict = weighted()(Tally.of([*left, *right]))
    assert (verdict.status, verdict.choice) == ("tied", "a")


def test_a_weight_of_zero_counts_for_nothing() -> None:
    """Such a ballot is not in the denominator of support."""
    ballots = Tally.of([ballot("ann", "a", 0, weight=0), ballot("ben", "b", 1)])
    verdict = weighted()(ballots)
    assert (verdict.choice, verdict.support, denominators(verdict)) == ("b", Support(k=1, n=1), 2)


def test_a_vote_in_which_every_weight_is_zero_has_no_quorum() -> None:
    """Without any support there is no choice."""
    verdict = weighted()(tally("a", "b", weight=0))
    assert (verdict.status, verdict.choice) == ("no_quorum", None)


@pytest.mark.parametrize("weight", [-1, math.nan, math.inf])
def test_a_weight_that_is_not_a_number_from_zero_is_rejected(weight: float) -> None:
    """The error names the voter, or the field."""
    with pytest.raises(UsageError, match=rf"weights\['ann'\] is {weight}; expected a (finite )?number"):
        weighted({"ann": weight})
    with pytest.raises(UsageError, match=f"others is {weight}; expected a (finite )?number"):
        weighted({"others": 1}, others=weight)


@pytest.mark.parametrize("weight", [-1, math.nan, math.inf])
def test_a_ballot_with_such_a_weight_is_rejected(weight: float) -> None:
    """A rule never gets a weight that it cannot add."""
    with pytest.raises(ValidationError, match="weight"):
        ballot("ann", "a", weight=weight)
