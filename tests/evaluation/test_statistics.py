"""Tests, intervals and bets, against tables, each other and simulations."""

import math
import random
from collections.abc import Callable
from itertools import pairwise
from math import comb

import pytest

from langgraph_parallel.evaluation.statistics.intervals import (
    mean_interval,
    paired_share_interval,
    share_interval,
)
from langgraph_parallel.evaluation.statistics.needed import Question, more_items
from langgraph_parallel.evaluation.statistics.paired import holm, mcnemar, permutation
from langgraph_parallel.evaluation.statistics.sequence import MeanSequence
from langgraph_parallel.evaluation.statistics.trend import covariance_of_means, drawn_to_trend

Draw = Callable[[random.Random], float]


def shares(won: float, lost: float) -> Draw:
    """What draws differences of right and wrong answers."""

    def draw(dice: random.Random) -> float:
        place = dice.random()
        return 1.0 if place < won else -1.0 if place < won + lost else 0.0

    return draw


def test_mcnemar_is_the_mid_p_of_a_fair_coin() -> None:
    """Twice the tail, with half of the probability of what was seen."""
    for gained, lost in [(7, 2), (1, 0), (9, 0), (40, 21)]:
        number, less = gained + lost, min(gained, lost)
        tail = sum(comb(number, k) for k in range(less)) + comb(number, less) / 2
        assert mcnemar(gained, lost) == mcnemar(lost, gained) == pytest.approx(2 * tail / 2**number)


def test_many_flips_come_near_to_all_flips() -> None:
    """Random signs of thirteen differences agree with the exact probability that they stand for."""
    differences = [0.5] * 10 + [-0.5] * 3
    exact = 2 * sum(comb(13, k) for k in range(4)) / 2**13
    assert permutation(differences) == pytest.approx(exact, abs=0.01)
    assert permutation(differences) == permutation(differences)


@pytest.mark.parametrize("values", [[], [0.0, 0.0]], ids=["none", "no difference"])
def test_a_permutation_of_nothing_says_nothing(values: list[float]) -> None:
    """Without a difference there is nothing to flip."""
    assert permutation(values) == 1.0


def test_holm_keeps_the_order_and_never_exceeds_one() -> None:
    """The least is multiplied by their number, the greatest is at least the others."""
    adjusted = holm({"a": 0.2, "b": 0.01, "c": 0.9})
    assert adjusted == {"a": 0.4, "b": pytest.approx(0.03), "c": 0.9}
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


@pytest.mark.parametrize(
    ("gained", "lost", "number"), [(1, 12, 44), (30, 12, 200), (0, 3, 40)], ids=["few", "many", "none gained"]
)
def test_the_score_interval_ends_where_the_score_test_does(gained: int, lost: int, number: int) -> None:
    """At its bounds the difference is 1.96 standard errors away, by a likelihood that is searched for."""
    for bound in paired_share_interval(gained, lost, number):
        likeliest = max(
            (
                gained * math.log(share + bound)
                + lost * math.log(share)
                + (number - gained - lost) * math.log(1 - 2 * share - bound),
                share,
            )
            for share in (max(0.0, -bound) + step / 20_000 for step in range(1, 10_000))
            if share + bound > 0 and 2 * share + bound < 1
        )[1]
        error = math.sqrt((2 * likeliest + bound - bound * bound) / number)
        assert abs((gained - lost) / number - bound) / error == pytest.approx(1.96, abs=0.01)
    assert paired_share_interval(lost, gained, number) == pytest.approx(
        tuple(-one for one in reversed(paired_share_interval(gained, lost, number)))
    )


def test_intervals_do_not_collapse_where_nothing_differs() -> None:
    """No differing item of many is not no difference."""
    low, high = paired_share_interval(0, 0, 50)
    assert low == pytest.approx(-high)
    assert 0.05 < high < 0.1
    assert paired_share_interval(0, 0, 0) == (-1.0, 1.0)
    assert share_interval(0, 0) == (0.0, 1.0)
    assert share_interval(50, 50)[0] < 0.95


@pytest.mark.parametrize(
    ("won", "lost", "size"), [(0.15, 0.05, 60), (0.1, 0.1, 100)], ids=["better", "alike"]
)
def test_one_look_covers_as_often_as_it_says(won: float, lost: float, size: int) -> None:
    """The score interval has the true difference in 93 to 97 of a hundred samples."""
    draw, covered = shares(won, lost), 0
    for seed in range(1000):
        dice = random.Random(seed)
        values = [draw(dice) for _ in range(size)]
        low, high = paired_share_interval(values.count(1.0), values.count(-1.0), size)
        covered += low <= won - lost <= high
    assert 930 <= covered <= 970


def test_the_bootstrap_covers_skewed_scores() -> None:
    """Shares of findings, of which most are alike, have their true mean inside."""
    covered = 0
    for seed in range(60):
        dice = random.Random(seed)
        values = [dice.choice((0.0, 0.0, 0.0, 0.25, 0.5, -0.25)) for _ in range(30)]
        low, high = mean_interval(values)
        covered += low <= 0.5 / 6 <= high
    assert covered >= 54


def test_intervals_of_few_equal_or_no_values_say_what_is_known() -> None:
    """One value has no interval, and equal ones have no spread."""
    assert mean_interval([0.5])[0] == float("-inf")
    assert mean_interval([0.25] * 9) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("won", "lost"), [(0.1, 0.1), (0.25, 0.05), (0.02, 0.0)], ids=["alike", "better", "rare"]
)
def test_the_true_mean_is_never_left_on_the_whole_path(won: float, lost: float) -> None:
    """In 95 of a hundred paths of 400 items, whenever one looks."""
    draw, left = shares(won, lost), 0
    for seed in range(300):
        dice = random.Random(seed)
        sequence = MeanSequence(0.05, (draw(dice) for _ in range(400)))
        left += sequence.excludes(won - lost)
    assert left <= 15


def test_an_interval_does_not_depend_on_how_many_values_come_at_once() -> None:
    """The looks of a program are none of its business."""
    values = [shares(0.3, 0.1)(random.Random(seed)) for seed in range(200)]
    slowly, at_once = MeanSequence(), MeanSequence(values=values)
    intervals = []
    for start in range(0, 200, 8):
        slowly.add(values[start : start + 8])
        intervals.append(slowly.interval)
    assert slowly.interval == pytest.approx(at_once.interval, abs=1e-3)
    assert all(b.low >= a.low and b.high <= a.high for a, b in pairwise(intervals))


def test_what_an_interval_leaves_out_is_what_bets_have_ruled_out() -> None:
    """The bounds are those means between which no bet was won."""
    sequence = MeanSequence(values=[shares(0.4, 0.1)(random.Random(seed)) for seed in range(300)])
    low, high = sequence.interval
    assert sequence.is_above(low - 0.001)
    assert not sequence.is_above(low + 0.001)
    assert sequence.is_below(high + 0.001)
    assert not sequence.is_below(high - 0.001)
    above, below = sequence.p_values()
    assert above < 0.05
    assert below == 1.0


@pytest.mark.parametrize("value", [1.01, -2.0, float("nan")], ids=["above", "below", "no number"])
def test_values_out_of_range_are_refused(value: float) -> None:
    """A bet is safe only if a value cannot take more than its stake."""
    with pytest.raises(ValueError, match="is not between -1 and 1"):
        MeanSequence(values=[value])


def test_about_so_many_more_items_are_as_many_as_it_takes() -> None:
    """Twice as many items as asked for settle it; without any difference none do."""
    values = [shares(0.2, 0.1)(random.Random(seed)) for seed in range(100)]
    more = more_items(values, [Question(0.0, 1)], 0.05, stopping=True)
    assert more is not None
    longer = values * (2 * (len(values) + more) // len(values))
    assert MeanSequence(values=longer).is_above(0.0)
    assert more_items([0.0] * 50, [Question(0.0, 1)], 0.05, stopping=True) is None
    assert more_items([0.0] * 50, [Question(-0.05, 1)], 0.05, stopping=True) is not None
    fewer = more_items(values, [Question(0.0, 1)], 0.05, stopping=False)
    assert fewer is not None
    assert fewer < more


def alike(variance: float, number: int) -> list[list[float]]:
    """Return the covariances of scores whose errors are independent."""
    return [[variance * (i == j) for j in range(number)] for i in range(number)]


def test_scores_are_drawn_to_their_line_the_less_they_are_known() -> None:
    """Over the logarithm of cost: known ones stay, of unknown ones only the line is left."""
    scores, costs = [0.5, 0.7, 0.6, 0.8], [1, 2, 4, 8]
    assert drawn_to_trend(scores, alike(1e-9, 4), costs) == pytest.approx(scores, abs=1e-4)
    line = [0.53, 0.61, 0.69, 0.77]
    assert drawn_to_trend(scores, alike(10.0, 4), costs) == pytest.approx(line, abs=1e-4)
    between = drawn_to_trend(scores, alike(0.002, 4), costs)
    assert all(abs(a - b) < abs(a - c) for a, b, c in zip(line, between, scores, strict=True))
    assert drawn_to_trend(scores, alike(10.0, 4), [3] * 4) == pytest.approx([0.65] * 4, abs=1e-4)


@pytest.mark.parametrize("variance", [0.0001, 0.01])
def test_two_scores_stay_as_they_are(variance: float) -> None:
    """Their line goes through them."""
    assert drawn_to_trend([0.7, 0.6], alike(variance, 2), [1, 5]) == pytest.approx([0.7, 0.6])


def test_a_difference_that_is_known_stays_whatever_the_scores_have_in_common() -> None:
    """Items that are hard for all make every score uncertain, and no difference."""
    shared = [[0.01 + 1e-7 * (i == j) for j in range(4)] for i in range(4)]
    scores = [0.5, 0.7, 0.6, 0.8]
    assert drawn_to_trend(scores, shared, [1, 2, 4, 8]) == pytest.approx(scores, abs=1e-3)


def test_errors_of_means_are_those_of_the_items() -> None:
    """Variances and covariances of items, divided by their number."""
    rows = [[1, 0], [1, 1], [0, 0], [0, 1], [1, 1]]
    assert covariance_of_means(rows) == [pytest.approx(row) for row in ([0.06, 0.01], [0.01, 0.06])]


def test_the_best_of_five_is_found_more_often_by_the_line() -> None:
    """Simulated scores that rise with cost, measured on 60 items: less is lost than by the greatest score."""
    dice, lost = random.Random(1), {"measured": 0.0, "drawn": 0.0}
    costs = [1, 3, 5, 9, 15]
    for _ in range(200):
        true = [0.6 + 0.05 * math.log(cost) + dice.gauss(0, 0.01) for cost in costs]
        rows = [[float(dice.random() < share) for share in true] for _ in range(60)]
        measured = [sum(column) / 60 for column in zip(*rows, strict=True)]
        drawn = drawn_to_trend(measured, covariance_of_means(rows), costs)
        for name, scores in (("measured", measured), ("drawn", drawn)):
            lost[name] += max(true) - true[scores.index(max(scores))]
    assert lost["drawn"] < lost["measured"] / 2
