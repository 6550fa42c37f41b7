"""The rules over scores: `at_least`, `pass_at`, `pass_power`."""

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Verdict
from langgraph_parallel.reducers.votes.rules import Rule, at_least, pass_at, pass_power
from langgraph_parallel.reducers.votes.stops import decided
from tests.support.ballots import denominators, not_cast, tally

EVERY: list[Callable[..., Rule]] = [at_least, pass_at, pass_power]
every_rule = pytest.mark.parametrize("rule", EVERY)


def outcome(verdict: Verdict) -> tuple[str, JsonValue, str]:
    """Return what a vote came to."""
    return verdict.status, verdict.choice, str(verdict.support)


def test_at_least_k_must_pass() -> None:
    """Support is those that pass, or, of a 0, those that do not."""
    assert outcome(at_least(2)(tally(1, 0, True, 0.99))) == ("decided", 1, "2/4")
    assert outcome(at_least(3)(tally(1, 0, True, 0.99))) == ("decided", 0, "2/4")
    assert outcome(at_least(1, 0.99)(tally(0.99, 0))) == ("decided", 1, "1/2")
    assert outcome(at_least(3)(tally(True, True))) == ("decided", 0, "0/2")
    assert [dissent.voter for dissent in at_least(2)(tally(1, 0, 1)).dissent] == ["v1"]


def test_pass_at_is_the_chance_that_one_of_k_passes() -> None:
    """The figures are those of the formula: 1 - C(3, 2) / C(5, 2), and 1 - C(1, 3) = 1."""
    assert outcome(pass_at(2)(tally(1, 1, 0, 0, 0))) == ("decided", 0.7, "2/5")
    assert pass_at(3)(tally(True, True, True, False)).choice == 1
    assert pass_at(1)(tally(0, 0)).choice == 0
    assert pass_at(1)(tally(1, 0, 0)).choice == 1 / 3


def test_pass_power_is_the_chance_that_all_of_k_pass() -> None:
    """C(3, 2) / C(5, 2); less than k that pass are 0."""
    assert outcome(pass_power(2)(tally(1, 1, 1, 0, 0))) == ("decided", 0.3, "3/5")
    assert pass_power(3)(tally(1, 1, 0)).choice == 0
    assert pass_power(2)(tally(1, 1)).choice == 1


@given(scores=st.lists(st.booleans(), min_size=1, max_size=7), k=st.integers(1, 4))
def test_the_estimates_are_those_of_all_ways_to_draw_k_ballots(scores: list[bool], k: int) -> None:
    """What share of them has a pass, and what share passes as a whole."""
    draws = list(combinations(scores, k))
    for rule, passes in ((pass_at(k), any), (pass_power(k), all)):
        verdict = rule(tally(*scores))
        if draws:
            assert verdict.choice == float(Fraction(sum(map(passes, draws)), len(draws)))
        else:
            assert outcome(verdict) == ("no_quorum", None, f"0/{len(scores)}")


@every_rule
def test_what_is_neither_a_number_nor_a_truth_value_does_not_count(rule: Callable[..., Rule]) -> None:
    """A text is not read; NaN and infinities are no numbers; a failure is no 0."""
    odd: list[JsonValue] = ["1", "yes", None, math.nan, math.inf, [1], {"a": 1}]
    verdict = rule(1)(tally(True, *odd) | not_cast("failed"))
    assert outcome(verdict) == ("decided", 1, "1/1")
    assert (denominators(verdict), verdict.abstained, verdict.failed) == (9, 7, 1)
    assert rule(1)(tally(*odd)).status == "no_quorum"


@every_rule
@pytest.mark.parametrize(("score", "choice"), [(True, 1), (False, 0)])
def test_equal_ballots_give_that_answer(rule: Callable[..., Rule], score: bool, choice: int) -> None:
    """All are right, or all are wrong."""
    verdict = rule(2)(tally(score, score, score))
    assert (verdict.status, verdict.choice) == ("decided", choice)


@pytest.mark.parametrize("rule", [pass_at, pass_power])
def test_fewer_than_k_ballots_are_no_quorum(rule: Callable[..., Rule]) -> None:
    """A greater quorum stands."""
    assert rule(3)(tally(1, 1)).status == "no_quorum"
    assert rule(3)(tally(1, 1, 1)).status == "decided"
    assert rule(2, quorum=4)(tally(1, 1, 1)).status == "no_quorum"


def test_the_bar_is_exact() -> None:
    """What a float would round to the bar is not at it."""
    assert at_least(1, 0.3)(tally(0.3)).choice == 1
    assert at_least(1, 0.3)(tally("0.29999999999999999999")).choice == 0
    assert at_least(1, 2**53 + 1)(tally(2**53)).choice == 0


@pytest.mark.parametrize(
    ("rule", "said", "to_come", "fires"),
    [
        (at_least(2), [1], 3, False),
        (at_least(2), [1, 1], 3, True),
        (at_least(2), [0, 0], 2, False),
        (at_least(2), [0, 0], 1, True),
        (at_least(2), [1, 0, 0], 1, False),
        (at_least(2, quorum=3), [1, 1], 3, False),
        (pass_at(2), [1, 1], 2, False),  # both may fail: not all pairs have a pass
        (pass_at(2), [1, 1], 1, True),
        (pass_at(2), [1], 1, False),
        (pass_power(2), [0, 0], 2, False),
        (pass_power(2), [0, 0], 1, True),
        (pass_power(2), [1, 0], 1, False),
    ],
)
def test_a_vote_ends_where_its_outcome_is_certain(
    rule: Rule, said: list[JsonValue], to_come: int, fires: bool
) -> None:
    """That no ending contradicts it is checked in `test_stops`."""
    assert decided()(tally(*said), to_come, rule) is fires


@every_rule
def test_wrong_arguments_are_refused(rule: Callable[..., Rule]) -> None:
    """When the rule is made."""
    for k in (0, -1, 1.5, True):
        with pytest.raises(UsageError, match="expected an integer"):
            rule(k)
    with pytest.raises(UsageError, match="value is inf; expected a finite number"):
        rule(1, math.inf)
    with pytest.raises(UsageError, match="value is nan"):
        rule(1, math.nan)
