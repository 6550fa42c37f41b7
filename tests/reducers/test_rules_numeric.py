"""The rules over numbers and their intervals."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Support
from langgraph_parallel.reducers.votes.rules import Rule, maximum, mean, median, minimum, mode, trimmed_mean
from langgraph_parallel.reducers.votes.rules.intervals import student_t
from tests.support.ballots import denominators, tally

every_rule = pytest.mark.parametrize(
    "rule", [median(), mode(), mean(), maximum(), minimum()], ids=lambda rule: rule.name
)
NOT_NUMBERS: list[JsonValue] = [math.nan, math.inf, -math.inf, True, False, "3", None, [3]]


# median and mode


def test_the_median_is_the_middle_number() -> None:
    """Support is the voters with exactly this number."""
    verdict = median()(tally(9, 1, 3.0, 3, 2))
    assert (verdict.status, verdict.choice, verdict.support) == ("decided", 3, Support(k=2, n=5))


def test_the_median_of_an_even_number_is_the_mean_of_the_middle_two() -> None:
    """It may be the number of no voter."""
    verdict = median()(tally(1, 2, 3, 10))
    assert (verdict.choice, verdict.support) == (2.5, Support(k=0, n=4))
    assert len(verdict.dissent) == 4


@every_rule
def test_only_finite_numbers_count(rule: Rule) -> None:
    """NaN, infinities, booleans and texts do not count, and are in the denominators."""
    verdict = rule(tally(*NOT_NUMBERS, 4))
    assert (verdict.choice, verdict.support, denominators(verdict)) == (4, Support(k=1, n=1), 9)


@every_rule
def test_a_vote_without_a_number_has_no_quorum(rule: Rule) -> None:
    """Without numbers there is neither a median nor a mode."""
    assert rule(tally(*NOT_NUMBERS)).status == "no_quorum"


@every_rule
def test_a_number_too_great_for_a_float_is_still_a_number(rule: Rule) -> None:
    """JSON has no bound on integers, and a model's answer must not end the vote."""
    assert rule(tally(10**400)).choice == 10**400


def test_the_median_of_equal_integers_is_that_integer() -> None:
    """The mean of the middle two does not lose digits."""
    verdict = median()(tally(2**53 + 1, 2**53 + 1))
    assert (verdict.choice, verdict.support) == (2**53 + 1, Support(k=2, n=2))


def test_the_median_of_finite_numbers_is_finite() -> None:
    """The mean of the middle two does not overflow."""
    assert median()(tally(1.7e308, 1.7e308)).choice == 1.7e308


@settings(max_examples=25, deadline=None)
@given(numbers=st.lists(st.integers(-5, 5), min_size=1, max_size=7))
def test_the_median_has_no_more_than_half_on_either_side(numbers: list[int]) -> None:
    """At most half of the numbers are below it, and at most half above it."""
    choice = median()(tally(*numbers)).choice
    assert isinstance(choice, int | float)
    assert 2 * sum(number < choice for number in numbers) <= len(numbers)
    assert 2 * sum(number > choice for number in numbers) <= len(numbers)


def test_the_mode_is_the_most_frequent_number() -> None:
    """1 and 1.0 are the same number."""
    verdict = mode()(tally(2, 1, 1.0))
    assert (verdict.status, verdict.choice, verdict.support) == ("decided", 1, Support(k=2, n=3))


def test_a_tie_of_numbers_goes_to_the_earliest_voter() -> None:
    """It does not go to the smallest number."""
    verdict = mode()(tally(5, 1))
    assert (verdict.status, verdict.choice) == ("tied", 5)


# trimmed_mean


def test_a_trimmed_mean_drops_its_tails() -> None:
    """It drops a fifth at either end, rounded down: none of fewer than five numbers."""
    assert trimmed_mean()(tally(1, 2, 3, 4, 1000)).choice == 3
    assert trimmed_mean()(tally(1, 2, 6)).choice == 3
    assert trimmed_mean(0)(tally(1, 2, 6, 7)).choice == 4
    assert trimmed_mean(0.4)(tally(*range(10))).choice == 4.5
    for share in (-0.1, 0.5, 1):
        with pytest.raises(UsageError, match=r"expected a number from 0 to below 0.5"):
            trimmed_mean(share)


# mean, maximum, minimum


def test_the_extremes_are_those_of_the_numbers() -> None:
    """Support is the voters that say it, however they spell it; it is as the earliest of them said it."""
    greatest = maximum()(tally(2, 7.0, 7, "9", True))
    assert (greatest.status, repr(greatest.choice), str(greatest.support)) == ("decided", "7.0", "2/3")
    least = minimum()(tally(2, -(10**400), 7))
    assert (least.choice, str(least.support), least.interval) == (-(10**400), "1/3", None)
    assert greatest.standard_error is None


def test_the_extremes_tell_long_decimals_apart() -> None:
    """A float would make them equal."""
    near = "0.12345678901234567890123"
    assert maximum()(tally(0.12345678901234568, near)).choice == 0.12345678901234568
    assert minimum()(tally(0.12345678901234568, near)).choice == near


def test_the_mean_has_its_standard_error_and_students_interval() -> None:
    """They are s / sqrt(n), and t of n - 1; both need two numbers, and the error of equal numbers is 0."""
    verdict = mean()(tally(1, 2, 3, 4, 5))
    assert (verdict.choice, str(verdict.support)) == (3, "1/5")
    assert verdict.standard_error == pytest.approx(math.sqrt(2.5 / 5))
    assert verdict.interval is not None
    reach = 2.776445 * math.sqrt(2.5 / 5)
    assert [verdict.interval.low, verdict.interval.high] == pytest.approx([3 - reach, 3 + reach])
    one, equal = mean()(tally(7, "x")), mean()(tally(7, 7))
    assert (one.choice, one.interval, one.standard_error) == (7, None, None)
    assert (equal.choice, equal.standard_error, str(equal.support)) == (7, 0, "2/2")
    assert equal.interval is not None
    assert (equal.interval.low, equal.interval.high) == (7, 7)


def test_the_mean_is_exact() -> None:
    """Float sums would give 0.3000000000000000444 and lose the 1."""
    assert mean()(tally(0.1, 0.2, 0.6)).choice == 0.3
    assert mean()(tally(10**30, 1, -(10**30))).choice == 1 / 3
    beyond = mean()(tally(10**400, -1))
    assert (beyond.standard_error, beyond.interval) == (None, None)


def test_below_the_quorum_a_mean_has_no_error() -> None:
    """There is no choice that it could be the error of."""
    verdict = mean(quorum=3)(tally(1, 2))
    assert (verdict.status, verdict.choice, verdict.standard_error) == ("no_quorum", None, None)


def test_a_trimmed_mean_has_the_standard_error_of_its_interval() -> None:
    """Without anything trimmed it is that of the mean."""
    numbers = (1, 2, 3, 4, 50)
    assert trimmed_mean(0)(tally(*numbers)).standard_error == mean()(tally(*numbers)).standard_error
    verdict = trimmed_mean(0.2)(tally(*numbers))
    assert verdict.interval is not None
    assert verdict.standard_error is not None
    assert verdict.interval.high - 3 == pytest.approx(student_t(2) * verdict.standard_error)


# intervals


def test_each_rule_gives_an_interval() -> None:
    """The sign test's for the median, Student's t for a plain mean, half of all numbers for the mode."""
    middle = median()(tally(*range(1, 11))).interval
    assert middle is not None
    assert [middle.low, middle.high, middle.level] == pytest.approx([2, 9, 1 - 22 / 1024])
    assert median()(tally(1, 2, 3, 4, 5)).interval is None
    mean = trimmed_mean(0)(tally(1, 2, 3, 4, 5)).interval
    assert mean is not None
    reach = 2.776445 * math.sqrt(2.5 / 5)
    assert [mean.low, mean.high, mean.level] == pytest.approx([3 - reach, 3 + reach, 0.95])
    assert trimmed_mean()(tally(7)).interval is None
    densest = mode()(tally(3, 3, 4, 9, 20, 3)).interval
    assert densest is not None
    assert (densest.low, densest.high, densest.level) == (3, 3, 0.5)
    assert trimmed_mean()(tally(10**400, 10**400)).interval is None


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (7, 2.3646), (30, 2.0423), (1000, 1.9623)],
)
def test_students_t_is_that_of_the_tables(freedom: int, quantile: float) -> None:
    """Odd and even degrees of freedom have different formulas."""
    assert student_t(freedom) == pytest.approx(quantile, abs=1e-4)
