"""Properties of all rules, and how a rule is read from text. What each rule decides: `test_rules_*`."""

import math
import random
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from langgraph_parallel.errors import UnknownRule, UsageError
from langgraph_parallel.records import Ballot, BallotStatus, Support, Tally
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.rules import (
    RULES,
    Rule,
    approval,
    as_rule,
    at_least,
    borda,
    by_field,
    elementwise,
    first_valid,
    instant_runoff,
    majority,
    maximum,
    mean,
    median,
    minimum,
    mode,
    most_similar,
    pass_at,
    pass_power,
    schulze,
    threshold,
    trimmed_mean,
    unanimous,
    union,
    weighted,
)
from langgraph_parallel.reducers.votes.rules.dawid_skene import fit_dawid_skene
from tests.support.ballots import ballot, denominators, not_cast, tally
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
    maximum(),
    minimum(),
    mean(),
    trimmed_mean(),
    at_least(2),
    at_least(1, 2, quorum=2),
    pass_at(1),
    pass_at(2),
    pass_power(2),
    elementwise("majority"),
    elementwise(majority(ties="none", quorum=2)),
    by_field("majority"),
    by_field({"x": "median", "y": "majority"}, quorum=2),
    as_rule(lambda choices: choices[0]),
    as_rule(len),
    as_rule(lambda choices: None),
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


# all rules


def test_sums_beyond_the_largest_float_are_compared_exactly() -> None:
    """The verdict shows them as the largest float."""
    heavy = weighted({"v0": 1e308, "v1": 1e308, "v2": 1e308})(tally(1, 1, 2))
    assert (heavy.choice, heavy.counts[0].weight) == (1, sys.float_info.max)
    assert median()(tally(10**400, 1.5)).choice == sys.float_info.max
    assert trimmed_mean()(tally(-(10**400), -1.5)).choice == -sys.float_info.max


@every_rule
def test_an_empty_vote_has_no_quorum_and_no_choice(rule: Rule) -> None:
    """A vote without voters is neither an error nor an answer."""
    verdict = rule(Tally())
    assert (verdict.status, verdict.choice, verdict.support) == ("no_quorum", None, Support(k=0, n=0))
    assert (verdict.asked, verdict.margin, verdict.confidence, verdict.counts) == (0, 0.0, None, [])


@every_rule
def test_a_vote_in_which_all_fail_has_no_quorum(rule: Rule) -> None:
    """Failures support nothing, even with a choice; each is counted under its own status."""
    verdict = rule(not_cast("failed", "timed_out", "cancelled", "skipped", "abstained"))
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
        (mean(), 3),
        (maximum(), 3),
        (minimum(), 3),
        (pass_at(1), 1),
        (pass_power(1), 1),
        (at_least(1), 1),
        (elementwise("majority"), ["a", 1]),
        (by_field({"x": "majority"}), {"x": "a"}),
        (as_rule(lambda choices: choices[-1]), "a"),
    ],
    ids=lambda given: getattr(given, "name", "-"),
)
def test_one_voter_decides_alone(rule: Rule, choice: JsonValue) -> None:
    """A vote of one voter is decided, with full support and no dissent."""
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
    """Two ballots that count are too few for a quorum of three, whatever the number of failures."""
    choice: JsonValue = ["a"] if rule.name == "union" else 1
    verdict = rule(tally(choice, choice) | not_cast("failed", "failed"))
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
    """Two ballots that count are enough for a quorum of two."""
    choice: JsonValue = ["a"] if rule.name == "union" else 1
    assert rule(tally(choice, choice)).status == "decided"


@pytest.mark.parametrize("quorum", [0, -1])
@pytest.mark.parametrize("rule", [majority, unanimous, weighted, union, median, mode])
def test_a_quorum_below_one_is_rejected(rule: Any, quorum: int) -> None:
    """The error is raised at construction, and names the value."""
    with pytest.raises(UsageError, match=f"quorum is {quorum}; expected an integer of at least 1"):
        rule(quorum=quorum)


@every_rule
@few
@given(cast=ballot_lists("cast"), other=st.sampled_from(NOT_CAST), data=st.data())
def test_ballots_that_are_not_cast_change_no_choice(
    rule: Rule, cast: list[Ballot], other: BallotStatus, data: st.DataObject
) -> None:
    """Status, choice, support, counts, margin and dissent depend on cast ballots alone."""
    more = data.draw(st.lists(ballots(voter=st.sampled_from(["f1", "f2", "f3"]), status=st.just(other))))
    fields = {"status", "choice", "support", "counts", "margin", "dissent", "confidence", "cast"}
    alone, together = rule(Tally.of(cast)), rule(Tally.of([*cast, *more]))
    assert together.model_dump(include=fields) == alone.model_dump(include=fields)


@every_rule
@few
@given(drawn=ballot_lists())
def test_a_ballot_that_is_not_cast_supports_nothing(rule: Rule, drawn: list[Ballot]) -> None:
    """Only voters with a cast ballot support a choice or dissent."""
    verdict = rule(Tally.of(drawn))
    heard = {ballot.voter for ballot in drawn if ballot.status == "cast"}
    assert {voter for count in verdict.counts for voter in count.voters} <= heard
    assert {dissent.voter for dissent in verdict.dissent} <= heard
    assert verdict.support.k + len(verdict.dissent) == verdict.support.n == verdict.cast <= len(heard)


@every_rule
@few
@given(drawn=ballot_lists(), seed=st.integers())
def test_the_order_of_arrival_does_not_matter(rule: Rule, drawn: list[Ballot], seed: int) -> None:
    """The same ballots in any order give the same verdict."""
    shuffled = random.Random(seed).sample(drawn, len(drawn))
    assert rule(Tally.of(shuffled)) == rule(Tally.of(drawn))


@every_rule
@few
@given(drawn=ballot_lists())
def test_the_denominators_sum_to_all_who_were_asked(rule: Rule, drawn: list[Ballot]) -> None:
    """Every ballot is counted exactly once in the verdict."""
    verdict = rule(Tally.of(drawn))
    assert denominators(verdict) == verdict.asked == len(drawn)


@every_rule
@few
@given(drawn=ballot_lists())
def test_the_best_supported_choice_is_counted_first(rule: Rule, drawn: list[Ballot]) -> None:
    """`counts` has every choice once, in descending order of weight."""
    verdict = rule(Tally.of(drawn))
    weights = [count.weight for count in verdict.counts]
    keys = [canonical(count.choice) for count in verdict.counts]
    assert weights == sorted(weights, reverse=True)
    assert len(set(keys)) == len(keys)
    assert 0 <= verdict.margin <= 1


@pytest.mark.parametrize("name", ["majority", "unanimous", "weighted"])
def test_a_cast_ballot_without_a_choice_does_not_count(name: str) -> None:
    """A cast ballot with None is counted as an abstention."""
    verdict = as_rule(name)(tally("a", None))
    assert (verdict.choice, verdict.support, verdict.cast, verdict.abstained) == (
        "a",
        Support(k=1, n=1),
        1,
        1,
    )


def test_a_vote_without_choices_has_no_quorum() -> None:
    """Ballots with None do not agree on None."""
    assert unanimous()(tally(None, None)).status == "no_quorum"


def test_nan_does_not_count() -> None:
    """NaN is not equal to itself, so that no rule can count it."""
    verdict = majority()(tally(math.nan, "a"))
    assert (verdict.choice, verdict.cast, verdict.abstained) == ("a", 1, 1)


def test_confidence_is_the_mean_of_what_supporters_state() -> None:
    """Dissenters, and supporters that state none, do not lower it."""
    ballots = Tally.of(
        [
            ballot("ann", "a", 0, confidence=0.5),
            ballot("ben", "a", 1, confidence=1.0),
            ballot("cas", "a", 2),
            ballot("dee", "b", 3, confidence=0.0),
        ]
    )
    assert majority()(ballots).confidence == 0.75


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
    """Numbers are equal by value, objects by their items; values of other types differ."""
    assert (canonical(one) == canonical(other)) is same
    assert len(majority()(tally(one, other)).counts) == (1 if same else 2)


# as_rule

WITH_ARGUMENTS = {
    "threshold": "threshold(0.5)",
    "at_least": "at_least(2)",
    "pass_at": "pass_at(k=2)",
    "pass_power": "pass_power(2, value=0.5)",
    "elementwise": "elementwise('median')",
    "by_field": "by_field({'price': 'median'}, others='majority')",
}


@pytest.mark.parametrize("name", [name for name in RULES if name not in WITH_ARGUMENTS])
def test_a_rule_is_found_by_its_name(name: str) -> None:
    """The verdict has the same name."""
    assert as_rule(name)(Tally()).rule == name


@pytest.mark.parametrize(("name", "text"), WITH_ARGUMENTS.items())
def test_a_rule_that_needs_an_argument_is_found_with_one(name: str, text: str) -> None:
    """Without it, the error says which."""
    assert as_rule(text)(Tally()).rule == name
    with pytest.raises(UnknownRule, match=rf"'{name}' is not a rule; .*{name}\("):
        as_rule(name)


def test_the_names_of_built_in_functions_stand_for_the_extremes() -> None:
    """In a text they hide nothing; the verdict has the name of the rule."""
    assert (as_rule("max"), as_rule("min(quorum=2)")) == (maximum(), minimum(quorum=2))
    assert as_rule("max")(Tally()).rule == "maximum"


def test_a_rule_is_returned_unchanged() -> None:
    """This includes rules of the caller's."""
    rule = threshold(0.7)
    assert as_rule(rule) is rule


@pytest.mark.parametrize("bad", ["plurality", "", "threshold", 3, None])
def test_an_unknown_rule_is_rejected_with_the_choices(bad: Any) -> None:
    """The error names the value and the rules."""
    with pytest.raises(UnknownRule, match=r"majority.*threshold\(share\)") as error:
        as_rule(bad)
    assert repr(bad) in str(error.value)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("borda", borda()),
        ("threshold(0.7)", as_rule("threshold(share=0.7)")),
        ("trimmed_mean(0.1)", trimmed_mean(0.1)),
        ("schulze(candidates=['a', 'b'], ties='none')", schulze(candidates=["a", "b"], ties="none")),
    ],
)
def test_rules_are_read_from_text(text: str, rule: Rule) -> None:
    """Arguments are literals, by position or by keyword."""
    assert as_rule(text) == rule


@pytest.mark.parametrize("text", ["threshold", "borda(", "open('x')", "majority()()", "majority(3)", "", "1"])
def test_a_text_that_is_not_a_rule_is_rejected(text: str) -> None:
    """Nothing in it is executed."""
    with pytest.raises(UnknownRule, match="is not a rule; choose one of approval, at_least"):
        as_rule(text)
