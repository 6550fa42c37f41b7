"""The rules of voting: what each decides, and what holds for all of them."""

import math
import random
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue, ValidationError

from langgraph_parallel.errors import UnknownRule, UsageError
from langgraph_parallel.records import Ballot, BallotStatus, Count, Support, Tally, Verdict
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.rules import (
    RULES,
    Rule,
    approval,
    as_rule,
    borda,
    first_valid,
    instant_runoff,
    majority,
    median,
    mode,
    most_similar,
    schulze,
    threshold,
    trimmed_mean,
    unanimous,
    union,
    weighted,
)
from langgraph_parallel.reducers.votes.rules.dawid_skene import fit_dawid_skene
from tests.support.ids import readable
from tests.support.strategies import NOT_CAST, ballot_lists, ballots

ALL: list[Rule] = [
    majority(),
    majority(ties="none"),
    unanimous(),
    threshold(0.5),
    threshold(0.1),
    weighted(),
    weighted({"ann": 2.5, "ben": 0}, ties="none"),
    union(),
    union(2),
    median(),
    mode(),
    mode(ties="none"),
    trimmed_mean(),
    approval(),
    approval(ties="none"),
    borda(),
    borda(candidates=["x", "y", "z"]),
    instant_runoff(),
    schulze(ties="none"),
    first_valid(),
    most_similar(),
    most_similar(measure=lambda one, other: float(len(one) == len(other))),
    fit_dawid_skene([{"ann": "yes", "ben": "no", "cas": 1}, {"ann": "yes", "dee": "yes"}]).rule(),
]
LABELS = [f"{i}-{rule.name}" for i, rule in enumerate(ALL)]
every_rule = pytest.mark.parametrize("rule", ALL, ids=LABELS)
few = settings(max_examples=25, deadline=None)


def ballot(
    voter: str, choice: JsonValue, order: int = 0, status: BallotStatus = "cast", **fields: Any
) -> Ballot:
    """One voter's answer."""
    return Ballot.model_validate(
        {"voter": voter, "choice": choice, "order": order, "status": status, **fields}
    )


def tally(*choices: JsonValue, **fields: Any) -> Tally:
    """One cast ballot for each choice, by voters v0, v1 and so on."""
    return Tally.of(ballot(f"v{i}", choice, i, **fields) for i, choice in enumerate(choices))


def failed(*statuses: BallotStatus) -> Tally:
    """Ballots that are not cast, by voters f0, f1 and so on, who would have said yes."""
    return Tally.of(ballot(f"f{i}", "yes", 50 + i, status) for i, status in enumerate(statuses))


def denominators(verdict: Verdict) -> int:
    """All ballots that the verdict accounts for."""
    return (
        verdict.cast
        + verdict.abstained
        + verdict.failed
        + verdict.timed_out
        + verdict.cancelled
        + verdict.skipped
    )


# all rules


def test_sums_beyond_the_largest_float_are_compared_exactly() -> None:
    """And shown as the largest one."""
    heavy = weighted({"v0": 1e308, "v1": 1e308, "v2": 1e308})(tally(1, 1, 2))
    assert (heavy.choice, heavy.counts[0].weight) == (1, sys.float_info.max)
    assert median()(tally(10**400, 1.5)).choice == sys.float_info.max
    assert trimmed_mean()(tally(-(10**400), -1.5)).choice == -sys.float_info.max


@every_rule
def test_an_empty_vote_has_no_quorum_and_no_choice(rule: Rule) -> None:
    """Nobody asked is never an error and never an answer."""
    verdict = rule(Tally())
    assert (verdict.status, verdict.choice, verdict.support) == ("no_quorum", None, Support(k=0, n=0))
    assert (verdict.asked, verdict.margin, verdict.confidence, verdict.counts) == (0, 0.0, None, [])


@every_rule
def test_a_vote_in_which_all_fail_has_no_quorum(rule: Rule) -> None:
    """Failures say nothing, even where they hold a choice; each stands under its own status."""
    verdict = rule(failed("failed", "timed_out", "cancelled", "skipped", "abstained"))
    assert (verdict.status, verdict.choice, verdict.support) == ("no_quorum", None, Support(k=0, n=0))
    assert (verdict.asked, verdict.cast, verdict.abstained, verdict.failed) == (5, 0, 1, 1)
    assert (verdict.timed_out, verdict.cancelled, verdict.skipped) == (1, 1, 1)


@pytest.mark.parametrize(
    ("rule", "choice"),
    [
        (majority(), "a"),
        (unanimous(), "a"),
        (threshold(1), "a"),
        (weighted(), "a"),
        (union(), ["a"]),
        (median(), 3),
        (mode(), 3),
    ],
    ids=["majority", "unanimous", "threshold", "weighted", "union", "median", "mode"],
)
def test_one_voter_decides_alone(rule: Rule, choice: JsonValue) -> None:
    """A vote of one is decided, with all of the support and nobody against it."""
    verdict = rule(tally(choice))
    assert (verdict.status, verdict.choice, verdict.support) == ("decided", choice, Support(k=1, n=1))
    assert (verdict.margin, verdict.dissent) == (1.0, [])


@pytest.mark.parametrize(
    "rule",
    [
        majority(quorum=3),
        unanimous(quorum=3),
        threshold(0.5, quorum=3),
        weighted(quorum=3),
        union(quorum=3),
        median(quorum=3),
        mode(quorum=3),
    ],
    ids=lambda rule: rule.name,
)
def test_below_the_quorum_nothing_is_chosen(rule: Rule) -> None:
    """Two ballots that count are too few for a quorum of three, however many failed."""
    choice: JsonValue = ["a"] if rule.name == "union" else 1
    verdict = rule(tally(choice, choice) | failed("failed", "failed"))
    assert (verdict.status, verdict.choice, verdict.support) == ("no_quorum", None, Support(k=0, n=2))


@pytest.mark.parametrize(
    "rule",
    [
        majority(quorum=2),
        unanimous(quorum=2),
        threshold(0.5, quorum=2),
        weighted(quorum=2),
        union(quorum=2),
        median(quorum=2),
        mode(quorum=2),
    ],
    ids=lambda rule: rule.name,
)
def test_at_the_quorum_the_rule_decides(rule: Rule) -> None:
    """As many counting ballots as the quorum asks for are enough."""
    choice: JsonValue = ["a"] if rule.name == "union" else 1
    assert rule(tally(choice, choice)).status == "decided"


@pytest.mark.parametrize("quorum", [0, -1])
@pytest.mark.parametrize("rule", [majority, unanimous, weighted, union, median, mode])
def test_a_quorum_below_one_is_refused(rule: Any, quorum: int) -> None:
    """The error comes when the rule is made, and names the value."""
    with pytest.raises(UsageError, match=str(quorum)):
        rule(quorum=quorum)


def test_a_threshold_with_a_quorum_below_one_is_refused() -> None:
    """The check of the share does not replace the check of the quorum."""
    with pytest.raises(UsageError, match="quorum"):
        threshold(0.5, quorum=0)


@every_rule
@few
@given(cast=ballot_lists("cast"), other=st.sampled_from(NOT_CAST), data=st.data())
def test_adding_ballots_that_are_not_cast_changes_no_choice(
    rule: Rule, cast: list[Ballot], other: BallotStatus, data: st.DataObject
) -> None:
    """Status, choice, support, counts, margin and dissent depend on cast ballots alone."""
    more = data.draw(st.lists(ballots(voter=st.sampled_from(["f1", "f2", "f3"]), status=st.just(other))))
    fields = {"status", "choice", "support", "counts", "margin", "dissent", "confidence", "cast"}
    alone, together = rule(Tally.of(cast)), rule(Tally.of([*cast, *more]))
    assert together.model_dump(include=fields) == alone.model_dump(include=fields)


@every_rule
@few
@given(held=ballot_lists())
def test_a_ballot_that_is_not_cast_supports_nothing(rule: Rule, held: list[Ballot]) -> None:
    """Nobody whose ballot is not cast stands behind a choice or among the dissenters."""
    verdict = rule(Tally.of(held))
    heard = {one.voter for one in held if one.status == "cast"}
    assert {voter for count in verdict.counts for voter in count.voters} <= heard
    assert {dissent.voter for dissent in verdict.dissent} <= heard
    assert verdict.support.k + len(verdict.dissent) == verdict.support.n == verdict.cast <= len(heard)


@every_rule
@few
@given(held=ballot_lists(), seed=st.integers())
def test_the_order_of_arrival_does_not_matter(rule: Rule, held: list[Ballot], seed: int) -> None:
    """The same ballots give the same verdict, whichever came first."""
    shuffled = random.Random(seed).sample(held, len(held))
    assert rule(Tally.of(shuffled)) == rule(Tally.of(held))


@every_rule
@few
@given(held=ballot_lists())
def test_the_denominators_sum_to_all_who_were_asked(rule: Rule, held: list[Ballot]) -> None:
    """No ballot is lost in the verdict, and none counts twice."""
    verdict = rule(Tally.of(held))
    assert denominators(verdict) == verdict.asked == len(held)


@every_rule
@few
@given(held=ballot_lists())
def test_the_best_supported_choice_is_counted_first(rule: Rule, held: list[Ballot]) -> None:
    """`counts` has every choice once, the best supported first."""
    verdict = rule(Tally.of(held))
    weights = [count.weight for count in verdict.counts]
    keys = [canonical(count.choice) for count in verdict.counts]
    assert weights == sorted(weights, reverse=True)
    assert len(set(keys)) == len(keys)
    assert 0 <= verdict.margin <= 1


@pytest.mark.parametrize("name", ["majority", "unanimous", "weighted"])
def test_a_cast_ballot_without_a_choice_does_not_count(name: str) -> None:
    """None is no choice: the ballot stands among those who abstained."""
    verdict = as_rule(name)(tally("a", None))
    assert (verdict.choice, verdict.support, verdict.cast, verdict.abstained) == (
        "a",
        Support(k=1, n=1),
        1,
        1,
    )


def test_a_vote_with_no_choice_in_it_has_no_quorum() -> None:
    """Ballots that are cast for None are not an agreement on None."""
    assert unanimous()(tally(None, None)).status == "no_quorum"


def test_a_choice_that_is_not_a_number_is_no_choice() -> None:
    """NaN, which equals nothing, does not count for any rule."""
    verdict = majority()(tally(math.nan, "a"))
    assert (verdict.choice, verdict.cast, verdict.abstained) == ("a", 1, 1)


def test_confidence_is_the_mean_of_what_supporters_state() -> None:
    """Dissenters and supporters who state none do not lower it."""
    held = Tally.of(
        [
            ballot("ann", "a", 0, confidence=0.5),
            ballot("ben", "a", 1, confidence=1.0),
            ballot("cas", "a", 2),
            ballot("dee", "b", 3, confidence=0.0),
        ]
    )
    assert majority()(held).confidence == 0.75


# majority


def test_the_majority_is_the_choice_with_most_votes() -> None:
    """Two of three decide; the third stands in the dissent with its reasons."""
    held = Tally.of([ballot("ann", "a", 0), ballot("ben", "b", 1, rationale="better"), ballot("cas", "a", 2)])
    verdict = majority()(held)
    assert (verdict.status, verdict.choice, str(verdict.support)) == ("decided", "a", "2/3")
    assert [(d.voter, d.choice, d.rationale) for d in verdict.dissent] == [("ben", "b", "better")]
    assert verdict.counts == [
        Count(choice="a", votes=2, weight=2.0, voters=["ann", "cas"]),
        Count(choice="b", votes=1, weight=1.0, voters=["ben"]),
    ]
    assert verdict.margin == pytest.approx(1 / 3)


def test_a_majority_need_not_have_more_than_half() -> None:
    """Two of five are enough where no other choice has as many."""
    assert majority()(tally("a", "b", "a", "c", "d")).decided


def test_a_tie_goes_to_the_earliest_voter_among_the_leaders() -> None:
    """The first voter's choice has too few votes to be among them."""
    verdict = majority()(tally("c", "b", "a", "a", "b"))
    assert (verdict.status, verdict.choice, verdict.support) == ("tied", "b", Support(k=2, n=5))
    assert verdict.margin == 0.0


def test_earliest_is_by_the_voters_order_and_not_by_arrival() -> None:
    """The ballot that arrives first is not the earliest voter's."""
    held = Tally.of([ballot("late", "b", 1), ballot("early", "a", 0)])
    assert majority()(held).choice == "a"


@pytest.mark.parametrize("rule", [majority(ties="none"), weighted(ties="none"), mode(ties="none")])
def test_a_tie_may_be_left_open(rule: Rule) -> None:
    """With `ties="none"` a tie has no choice, and nobody supports it."""
    verdict = rule(tally(1, 2))
    assert (verdict.status, verdict.choice, verdict.support) == ("tied", None, Support(k=0, n=2))


def test_all_tie_where_everybody_says_something_else() -> None:
    """Three choices of one vote each are a tie."""
    assert majority()(tally("a", "b", "c")).status == "tied"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1.0}, True),
        (0.0, -0.0, True),
        ("1", 1, False),
        (True, 1, False),
        (False, 0, False),
        ([1], [True], False),
        ([1, 2], [2, 1], False),
        ("ä", "a\u0308", False),
    ],
    ids=readable,
)
def test_choices_are_compared_as_json(one: JsonValue, other: JsonValue, same: bool) -> None:
    """Numbers are equal by value, keys in any order; other types are other choices."""
    assert (canonical(one) == canonical(other)) is same
    assert len(majority()(tally(one, other)).counts) == (1 if same else 2)


# unanimous


def test_all_who_agree_are_unanimous() -> None:
    """Failed voters do not break unanimity."""
    verdict = unanimous()(tally("a", "a") | failed("failed", "timed_out"))
    assert (verdict.status, verdict.choice, str(verdict.support)) == ("decided", "a", "2/2")


def test_one_who_disagrees_breaks_unanimity() -> None:
    """Then there is no choice, and nobody supports it."""
    verdict = unanimous()(tally("a", "a", "b"))
    assert (verdict.status, verdict.choice, verdict.support) == ("below_threshold", None, Support(k=0, n=3))


# threshold


@pytest.mark.parametrize(
    ("share", "votes", "of"), [(0.7, 7, 10), (0.3, 3, 10), (0.6, 3, 5), (0.07, 7, 100), (1, 4, 4)]
)
def test_a_share_that_is_met_exactly_is_met(share: float, votes: int, of: int) -> None:
    """The comparison is exact: 7 of 10 meets 0.7, in spite of binary fractions."""
    verdict = threshold(share)(tally(*["a"] * votes, *range(of - votes)))
    assert (verdict.status, verdict.choice, verdict.support) == ("decided", "a", Support(k=votes, n=of))


def test_one_of_ten_meets_a_tenth() -> None:
    """All ten of them do, so that they tie; above a tenth none does."""
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
    """Half against half at 0.5 has no choice."""
    verdict = threshold(0.5)(tally("a", "b", "b", "a"))
    assert (verdict.status, verdict.choice, verdict.support) == ("tied", None, Support(k=0, n=4))


def test_the_threshold_is_a_share_of_the_ballots_cast() -> None:
    """Failures do not stand in its denominator."""
    assert threshold(0.7)(tally(*["a"] * 7, "b", "c", "d") | failed(*["failed"] * 9)).choice == "a"  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0, -0.1, 1.01, math.nan, math.inf])
def test_a_share_outside_of_zero_to_one_is_refused(share: float) -> None:
    """Zero is refused as well: everything would meet it."""
    with pytest.raises(UsageError, match="share"):
        threshold(share)


# weighted


def test_the_greatest_sum_of_weights_wins() -> None:
    """One heavy voter beats two light ones, and the support is still a count of voters."""
    held = Tally.of([ballot("ann", "a", 0), ballot("ben", "a", 1), ballot("cas", "b", 2, weight=2.5)])
    verdict = weighted()(held)
    assert (verdict.status, verdict.choice, verdict.support) == ("decided", "b", Support(k=1, n=3))
    assert verdict.margin == pytest.approx(0.5 / 4.5)


def test_weights_by_name_replace_those_of_the_ballots() -> None:
    """A voter that is not named keeps the weight of its ballot."""
    held = Tally.of([ballot("ann", "a", 0, weight=9), ballot("ben", "b", 1, weight=2)])
    assert weighted({"ann": 1})(held).choice == "b"


def test_weights_are_added_exactly() -> None:
    """One more on top of a huge weight decides, though a float of this size has no digit for it."""
    held = Tally.of(
        [
            ballot("big", "a", 0, weight=2.0**60),
            ballot("one", "a", 1, weight=1),
            ballot("same", "b", 2, weight=2.0**60),
        ]
    )
    verdict = weighted()(held)
    assert (verdict.status, verdict.choice) == ("decided", "a")


def test_equal_sums_of_equal_weights_are_a_tie() -> None:
    """The order in which weights are added does not matter: .1 + .2 + .3 ties with .3 + .2 + .1."""
    left = [ballot(f"l{i}", "a", i, weight=weight) for i, weight in enumerate([0.1, 0.2, 0.3])]
    right = [ballot(f"r{i}", "b", 3 + i, weight=weight) for i, weight in enumerate([0.3, 0.2, 0.1])]
    verdict = weighted()(Tally.of([*left, *right]))
    assert (verdict.status, verdict.choice) == ("tied", "a")


def test_a_weight_of_zero_counts_for_nothing() -> None:
    """Such a ballot is not in the support's denominator."""
    held = Tally.of([ballot("ann", "a", 0, weight=0), ballot("ben", "b", 1)])
    verdict = weighted()(held)
    assert (verdict.choice, verdict.support, denominators(verdict)) == ("b", Support(k=1, n=1), 2)


def test_a_vote_in_which_every_weight_is_zero_has_no_quorum() -> None:
    """There is no choice that nothing stands behind."""
    verdict = weighted()(tally("a", "b", weight=0))
    assert (verdict.status, verdict.choice) == ("no_quorum", None)


@pytest.mark.parametrize("weight", [-1, math.nan, math.inf])
def test_a_weight_that_is_no_number_from_zero_is_refused(weight: float) -> None:
    """The error names the voter."""
    with pytest.raises(UsageError, match="ann"):
        weighted({"ann": weight})


@pytest.mark.parametrize("weight", [-1, math.nan, math.inf])
def test_a_ballot_with_such_a_weight_is_refused(weight: float) -> None:
    """A rule never meets a weight that it cannot add."""
    with pytest.raises(ValidationError, match="weight"):
        ballot("ann", "a", weight=weight)


# union


def test_the_union_is_all_that_anybody_names() -> None:
    """Items stand in the order of the earliest voter who names them, each once."""
    verdict = union()(tally(["b", "a"], ["c", "a"], []))
    assert (verdict.status, verdict.choice, str(verdict.support)) == ("decided", ["b", "a", "c"], "2/3")
    assert {str(count.choice): count.voters for count in verdict.counts} == {
        "b": ["v0"],
        "a": ["v0", "v1"],
        "c": ["v1"],
    }


def test_the_union_may_ask_for_more_than_one_voter() -> None:
    """Those who name nothing that is kept are the dissent."""
    verdict = union(2)(tally(["a", "b"], ["c"], ["b"]))
    assert (verdict.choice, str(verdict.support)) == (["b"], "2/3")
    assert [dissent.voter for dissent in verdict.dissent] == ["v1"]


def test_one_voter_cannot_name_an_item_twice() -> None:
    """Naming it twice, or as 1 and 1.0, is one vote for it."""
    verdict = union(2)(tally(["a", "a", 1, 1.0]))
    assert (verdict.choice, [count.votes for count in verdict.counts]) == ([], [1, 1])


def test_nobody_naming_anything_is_decided() -> None:
    """An empty list is an answer: there is nothing."""
    verdict = union()(tally([], []))
    assert (verdict.status, verdict.choice, verdict.support) == ("decided", [], Support(k=0, n=2))


def test_a_choice_that_is_no_list_does_not_count_in_a_union() -> None:
    """A text is not a list of its letters."""
    verdict = union()(tally("ab", ["c"], {"d": 1}))
    assert (verdict.choice, verdict.cast, verdict.abstained) == (["c"], 1, 2)


def test_items_of_a_union_may_be_any_json() -> None:
    """Items are compared as JSON, like choices."""
    verdict = union(2)(tally([{"a": 1, "b": 2}], [{"b": 2.0, "a": 1}]))
    assert verdict.choice == [{"a": 1, "b": 2}]


def test_items_named_by_more_voters_are_counted_first() -> None:
    """`counts` of a union are ordered as those of every verdict: the best supported first."""
    verdict = union()(tally(["x"], ["y"], ["y"]))
    assert [(count.choice, count.votes) for count in verdict.counts] == [("y", 2), ("x", 1)]


# median and mode

NO_NUMBERS: list[JsonValue] = [math.nan, math.inf, -math.inf, True, False, "3", None, [3]]


def test_the_median_is_the_middle_number() -> None:
    """Support is who says exactly this number."""
    verdict = median()(tally(9, 1, 3.0, 3, 2))
    assert (verdict.status, verdict.choice, verdict.support) == ("decided", 3, Support(k=2, n=5))


def test_the_median_of_an_even_number_is_the_mean_of_the_middle_two() -> None:
    """Nobody need have said it."""
    verdict = median()(tally(1, 2, 3, 10))
    assert (verdict.choice, verdict.support) == (2.5, Support(k=0, n=4))
    assert len(verdict.dissent) == 4


@pytest.mark.parametrize("rule", [median(), mode()], ids=["median", "mode"])
def test_what_is_no_finite_number_does_not_count(rule: Rule) -> None:
    """NaN, infinities, booleans and texts do not count, and are in the denominators."""
    verdict = rule(tally(*NO_NUMBERS, 4))
    assert (verdict.choice, verdict.support, denominators(verdict)) == (4, Support(k=1, n=1), 9)


@pytest.mark.parametrize("rule", [median(), mode()], ids=["median", "mode"])
def test_a_vote_without_a_number_has_no_quorum(rule: Rule) -> None:
    """There is no middle of nothing."""
    assert rule(tally(*NO_NUMBERS)).status == "no_quorum"


@pytest.mark.parametrize("rule", [median(), mode()], ids=["median", "mode"])
def test_a_number_too_great_for_a_float_is_still_a_number(rule: Rule) -> None:
    """JSON has no bound on integers, and a model's answer must not end the vote."""
    assert rule(tally(10**400)).choice == 10**400


def test_the_median_of_equal_integers_is_that_integer() -> None:
    """The mean of the middle two does not lose digits: both said it exactly."""
    verdict = median()(tally(2**53 + 1, 2**53 + 1))
    assert (verdict.choice, verdict.support) == (2**53 + 1, Support(k=2, n=2))


def test_the_median_of_finite_numbers_is_finite() -> None:
    """The mean of the middle two does not overflow."""
    assert median()(tally(1.7e308, 1.7e308)).choice == 1.7e308


@few
@given(numbers=st.lists(st.integers(-5, 5), min_size=1, max_size=7))
def test_the_median_has_no_more_than_half_on_either_side(numbers: list[int]) -> None:
    """At most half of the numbers are below it, and at most half above it."""
    choice = median()(tally(*numbers)).choice
    assert isinstance(choice, int | float)
    assert 2 * sum(number < choice for number in numbers) <= len(numbers)
    assert 2 * sum(number > choice for number in numbers) <= len(numbers)


def test_the_mode_is_the_number_that_comes_most_often() -> None:
    """1 and 1.0 are the same number."""
    verdict = mode()(tally(2, 1, 1.0))
    assert (verdict.status, verdict.choice, verdict.support) == ("decided", 1, Support(k=2, n=3))


def test_a_tie_of_numbers_goes_to_the_earliest_voter() -> None:
    """Not to the smallest number."""
    verdict = mode()(tally(5, 1))
    assert (verdict.status, verdict.choice) == ("tied", 5)


# as_rule


@pytest.mark.parametrize("name", [name for name in RULES if name != "threshold"])
def test_a_rule_is_found_by_its_name(name: str) -> None:
    """The verdict carries the same name."""
    assert as_rule(name)(Tally()).rule == name


def test_a_rule_is_taken_as_it_is() -> None:
    """Rules of one's own are welcome."""
    rule = threshold(0.7)
    assert as_rule(rule) is rule


@pytest.mark.parametrize("bad", ["plurality", "", "threshold", majority, 3, None])
def test_what_is_no_rule_is_refused_with_the_choices(bad: Any) -> None:
    """The error names the bad value and what is there; a class is no rule yet."""
    with pytest.raises(UnknownRule, match=r"majority.*threshold\(share\)") as error:
        as_rule(bad)
    assert repr(bad) in str(error.value)
