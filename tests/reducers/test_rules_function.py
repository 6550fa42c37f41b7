"""A function of the caller's as a rule."""

import statistics
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Tally, Verdict
from langgraph_parallel.reducers.votes.rules import as_rule, majority
from langgraph_parallel.reducers.votes.stops import ahead_by, decided
from tests.support.ballots import ballot, denominators, not_cast, tally


def shortest(choices: list[str]) -> str:
    """Choose the shortest text."""
    return min(choices, key=len)


def test_a_function_gets_the_choices_that_count_in_the_voters_order() -> None:
    """Not those of failures, nor None or NaN."""
    seen: list[Any] = []

    def first(choices: list[Any]) -> Any:
        seen.extend(choices)
        return choices[0]

    ballots = Tally.of(
        [ballot("b", "two", 1), ballot("a", "one", 0), ballot("c", None, 2), ballot("d", 3, 3)]
    )
    verdict = as_rule(first)(ballots | not_cast("failed"))
    assert seen == ["one", "two", 3]
    assert (verdict.rule, verdict.status, verdict.choice, str(verdict.support)) == (
        "first",
        "decided",
        "one",
        "1/3",
    )
    assert [dissent.voter for dissent in verdict.dissent] == ["b", "d"]
    assert (denominators(verdict), verdict.abstained, verdict.failed) == (5, 1, 1)


@pytest.mark.parametrize(
    ("function", "name", "choice", "support"),
    [
        (max, "max", 5, "2/3"),
        (statistics.median, "median", 5, "2/3"),
        (lambda choices: sum(choices), "function", 12, "0/3"),
        (partial(max, key=lambda choice: -choice), "partial", 2, "1/3"),
        (lambda choices: (1, 2), "function", [1, 2], "0/3"),
        (lambda choices: Decimal("5.00"), "function", 5, "2/3"),
        (lambda choices: {"n": len(choices)}, "function", {"n": 3}, "0/3"),
    ],
)
def test_support_is_whoever_said_what_the_function_returns(
    function: Any, name: str, choice: JsonValue, support: str
) -> None:
    """It may return what nobody said; what is like a list is one."""
    verdict = as_rule(function)(tally(5, 2, 5.0))
    assert (verdict.rule, verdict.choice, str(verdict.support)) == (name, choice, support)


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_no_choice_leaves_the_vote_undecided(nothing: Any) -> None:
    """As does the lack of a share."""
    verdict = as_rule(lambda choices: nothing)(tally("a", "a"))
    assert (verdict.status, verdict.choice, str(verdict.support)) == ("below_threshold", None, "0/2")


def test_a_function_is_not_called_without_choices() -> None:
    """So that `max` and `choices[0]` need no check of their own."""
    for ballots in (Tally(), tally(None, float("nan")), not_cast("failed")):
        assert as_rule(shortest)(ballots).status == "no_quorum"


def test_a_function_may_return_a_verdict_and_read_the_tally() -> None:
    """If its parameter is annotated so."""

    def halves(ballots: Tally) -> Verdict:
        return majority(quorum=len(ballots) // 2)(ballots)

    def quoted(ballots: "Tally") -> int:
        return len(ballots)

    assert as_rule(halves)(tally("a", None, None, None)).status == "no_quorum"
    assert as_rule(halves)(tally("a", "a", None, None)).rule == "majority"
    assert as_rule(quoted)(tally("a", None)).choice == 2


@pytest.mark.parametrize("wrong", [{1, 2}, object(), Tally(), [object()]])
def test_what_is_no_choice_is_an_error(wrong: Any) -> None:
    """It says what was returned, and what may be."""
    with pytest.raises(TypeError, match=r"rule function returned .*; expected a choice \(texts, numbers"):
        as_rule(lambda choices: wrong)(tally("a"))


def test_what_a_function_raises_is_raised() -> None:
    """It is a bug of the caller's, and no abstention."""
    with pytest.raises(ZeroDivisionError):
        as_rule(lambda choices: 1 / 0)(tally("a"))


class Later:
    """A callable that is async."""

    async def __call__(self, choices: Any) -> Any:
        """Return nothing."""


async def later(choices: Any) -> Any:
    """Return nothing."""


@pytest.mark.parametrize("function", [later, Later(), partial(later)])
def test_an_async_function_is_refused_with_what_to_do(function: Any) -> None:
    """When it is passed; one that only returns something to await fails when it is called."""
    with pytest.raises(UsageError, match=r"is async; a rule only counts, .* a voter, a Judge, or a worker"):
        as_rule(function)
    with pytest.raises(TypeError, match="returned <coroutine object later"):
        as_rule(lambda choices: later(choices))(tally("a"))


def test_all_voters_are_heard() -> None:
    """Nothing is known of when a function is certain, nor that it goes by the most ballots."""
    rule = as_rule(shortest)
    assert not decided()(tally("a", "a", "a"), 1, rule)
    assert decided()(tally("a", "a", "a"), 0, rule)
    with pytest.raises(UsageError, match="shortest does not decide by that"):
        ahead_by(2).check(rule)
