"""Intervals for one look at a number of items that was fixed beforehand."""

import math
import random
from collections.abc import Callable, Sequence
from operator import mul
from statistics import NormalDist
from typing import NamedTuple

_RESAMPLES = 1_999
_STEPS = 50


class Interval(NamedTuple):
    """Two bounds."""

    low: float
    high: float


def normal_quantile(alpha: float) -> float:
    """Return the two-sided quantile of the normal distribution.

    >>> round(normal_quantile(0.05), 3)
    1.96
    """
    return NormalDist().inv_cdf(1 - alpha / 2)


def share_interval(hits: int, number: int, alpha: float = 0.05) -> Interval:
    """Return the interval of a share: the score interval (Wilson 1927, JASA 22).

    >>> [round(bound, 3) for bound in share_interval(8, 10)]
    [0.49, 0.943]
    """
    if not number:
        return Interval(0.0, 1.0)
    z = normal_quantile(alpha)
    share, scale = hits / number, 1 + z * z / number
    centre = (share + z * z / (2 * number)) / scale
    reach = z / scale * math.sqrt(share * (1 - share) / number + z * z / (4 * number * number))
    return Interval(max(0.0, centre - reach), min(1.0, centre + reach))


def paired_share_interval(gained: int, lost: int, number: int, alpha: float = 0.05) -> Interval:
    """Return the interval of the difference of two shares of the same items: the score interval.

    Tango 1998, Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design, Statistics in Medicine 17. It does not collapse where few items differ, or none.

    Args:
        gained: items that only the first variant got right.
        lost: items that only the second did.
        number: all items.
        alpha: one minus the level.

    >>> [round(bound, 3) for bound in paired_share_interval(12, 4, 100)]
    [0.002, 0.166]
    """
    if not number:
        return Interval(-1.0, 1.0)
    z, estimate = normal_quantile(alpha), (gained - lost) / number

    def is_inside(difference: float) -> bool:
        return abs(_score(gained, lost, number, difference)) <= z

    return Interval(_last(is_inside, estimate, -1.0), _last(is_inside, estimate, 1.0))


def mean_interval(values: Sequence[float], alpha: float = 0.05) -> Interval:
    """Return the interval of a mean of values of any distribution: bootstrap-t, from a fixed seed.

    Efron and Tibshirani 1993, An Introduction to the Bootstrap, 12.5. Resamples without any spread, which
    few different values make likely, are left out.

    Args:
        values: two or more, else the interval has no bounds.
        alpha: one minus the level.
    """
    number = len(values)
    if number < 2:
        return Interval(-math.inf, math.inf)
    mean, error = _mean_and_error(values)
    if error == 0.0:
        return Interval(mean, mean)
    ratios = sorted(_ratios([value - mean for value in values]))
    cut = min(len(ratios) - 1, math.ceil(alpha / 2 * len(ratios)))
    return Interval(mean - ratios[-1 - cut] * error, mean - ratios[cut] * error)


def _score(gained: int, lost: int, number: int, difference: float) -> float:
    """Return Tango's score statistic of a difference."""
    slope = (2 * number - gained + lost) * difference - gained - lost
    constant = -lost * difference * (1 - difference)
    root = math.sqrt(max(0.0, slope * slope - 8 * number * constant))
    losing = (root - slope) / (4 * number)
    variance = number * (2 * losing + difference * (1 - difference))
    distance = gained - lost - number * difference
    if variance <= 1e-12:
        return 0.0 if abs(distance) < 1e-9 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _last(is_inside: Callable[[float], bool], inside: float, outside: float) -> float:
    if is_inside(outside):
        return outside
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if is_inside(middle) else (inside, middle)
    return inside


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    number = len(values)
    mean = math.fsum(values) / number
    variance = math.fsum((value - mean) ** 2 for value in values) / (number - 1)
    return mean, math.sqrt(variance / number)


def _ratios(centred: Sequence[float]) -> list[float]:
    dice, number = random.Random(len(centred)), len(centred)  # noqa: S311 - no secret
    ratios: list[float] = []
    for _ in range(_RESAMPLES):
        drawn = dice.choices(centred, k=number)
        mean = sum(drawn) / number
        variance = (sum(map(mul, drawn, drawn)) - number * mean * mean) / (number - 1)
        if variance > 1e-15:
            ratios.append(mean / math.sqrt(variance / number))
    return ratios
