"""Intervals around a number that a vote chooses, from the sorted numbers of its ballots."""

import math
import statistics
from collections.abc import Sequence
from fractions import Fraction
from functools import cache

from langgraph_parallel.records import Interval

LEVEL = 0.95
"""Confidence level of the intervals of medians and means."""


def median_interval(numbers: Sequence[Fraction]) -> Interval | None:
    """Return the interval of the sign test: the narrowest between order statistics with at least 95%.

    None for fewer than six numbers.
    """
    dropped, outside = _order_statistics_to_drop(len(numbers))
    if dropped is None:
        return None
    return Interval(low=float(numbers[dropped]), high=float(numbers[-1 - dropped]), level=1 - outside)


def trimmed_mean_error(numbers: Sequence[Fraction], trimmed: int = 0) -> float | None:
    """Return the standard error of a trimmed mean, by Tukey and McLaughlin (1963): the winsorized deviation.

    With nothing trimmed it is that of the mean, s / sqrt(n).

    Args:
        numbers: sorted.
        trimmed: how many numbers are dropped at either end; None is returned if fewer than two are kept.

    Raises:
        OverflowError: it is beyond the largest float.
    """
    size = len(numbers)
    kept = size - 2 * trimmed
    if kept < 2:
        return None
    inner = numbers[trimmed : size - trimmed]
    winsorized = [*[inner[0]] * trimmed, *inner, *[inner[-1]] * trimmed]
    deviation = statistics.stdev(winsorized)
    return float(deviation) * math.sqrt(size - 1) / math.sqrt(kept * (kept - 1))


def mean_interval(mean: Fraction, error: float | None, kept: int) -> Interval | None:
    """Return the interval of Student's t around a mean; None without a standard error.

    Args:
        mean: of the numbers that are kept.
        error: its standard error.
        kept: how many numbers it is the mean of.

    Raises:
        OverflowError: the mean is beyond the largest float.
    """
    if error is None:
        return None
    centre, reach = float(mean), student_t(kept - 1) * error
    return Interval(low=centre - reach, high=centre + reach, level=LEVEL)


def shortest_half(numbers: Sequence[Fraction], mode: Fraction) -> Interval | None:
    """Return the shortest interval with the mode and at least half of all numbers; level is their share."""
    half = (len(numbers) + 1) // 2
    spans = [(numbers[i], numbers[i + half - 1]) for i in range(len(numbers) - half + 1)]
    spans = [(low, high) for low, high in spans if low <= mode <= high]
    spans = spans or [(min(numbers[0], mode), max(numbers[-1], mode))]
    low, high = min(spans, key=lambda span: (span[1] - span[0], span))
    level = sum(low <= number <= high for number in numbers) / len(numbers)
    return Interval(low=float(low), high=float(high), level=level)


def _order_statistics_to_drop(size: int) -> tuple[int | None, float]:
    """Return how many numbers to drop at either end so that at least 95% of medians lie between the rest.

    And the share of medians that then do not; None and 0 if there are too few numbers.
    """
    numerator, denominator = (1 - LEVEL).as_integer_ratio()
    most = numerator * 2**size // denominator
    dropped, outside, below, ways = None, 0, 1, 1
    for place in range((size + 1) // 2):
        if 2 * below > most:
            break
        dropped, outside = place, 2 * below
        ways = ways * (size - place) // (place + 1)
        below += ways
    return dropped, outside / 2**size


@cache
def student_t(freedom: int) -> float:
    """Return the 97.5% quantile of Student's t, by bisection of its distribution.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.

    >>> round(student_t(1), 2), round(student_t(10), 3), round(student_t(120), 2)
    (12.71, 2.228, 1.98)
    """

    def probability_within(t: float) -> float:
        angle = math.atan(t / math.sqrt(freedom))
        term, total = (math.cos(angle), 0.0) if freedom % 2 else (1.0, 0.0)
        for i in range(1 + freedom % 2, freedom, 2):
            total += term
            term *= math.cos(angle) ** 2 * i / (i + 1)
        if freedom % 2:
            return 2 / math.pi * (angle + math.sin(angle) * total)
        return math.sin(angle) * total

    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if probability_within(middle) < LEVEL else (low, middle)
    return high
