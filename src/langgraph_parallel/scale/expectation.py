"""What a sample says of the rest, with an interval that holds for skewed values as well."""

import math
import random
from collections.abc import Iterator, Sequence
from operator import mul

from langgraph_parallel.records.map_estimate import Expected

_RESAMPLES = 2_000
_TAIL = 0.025


def expected_mean(values: Sequence[float], others: int | None = None) -> Expected:
    """Return the mean of values that were not sampled, with a 95% interval: bootstrap-t, from a fixed seed.

    Costs are skewed: a few items take many times what most do. The interval is that of Student's t, whose
    quantiles are taken from resamples of the values themselves, so that it reaches further to the right
    (Efron and Tibshirani, An Introduction to the Bootstrap, 12.5). It is never below zero.

    Args:
        values: of the sample, each at least 0; one or more.
        others: number of values that were not sampled; None for very many.
    """
    number = len(values)
    mean, spread = _mean_and_spread(values)
    if number < 2 or spread == 0.0 or others == 0:
        return Expected(value=mean, low=mean, high=mean)
    ratios = sorted(_ratios([value - mean for value in values]))
    # Of the mean of the others, not of all: both means differ from the true one.
    error = spread * math.sqrt(1 / number + (0 if others is None else 1 / others))
    low = mean - _quantile(ratios, 1 - _TAIL) * error
    high = mean - _quantile(ratios, _TAIL) * error
    return Expected(value=mean, low=max(0.0, min(low, mean)), high=max(high, mean))


def times(mean: Expected, factor: float) -> Expected:
    """Return a multiple of an expectation."""
    return Expected(value=mean.value * factor, low=mean.low * factor, high=mean.high * factor)


def plus(one: Expected, other: float) -> Expected:
    """Return an expectation with a certain amount more."""
    return Expected(value=one.value + other, low=one.low + other, high=one.high + other)


def at_least(one: Expected, least: Expected) -> Expected:
    """Return an expectation that is nowhere below another one."""
    return Expected(
        value=max(one.value, least.value), low=max(one.low, least.low), high=max(one.high, least.high)
    )


def _ratios(centred: Sequence[float]) -> Iterator[float]:
    """Yield Student's t of resamples of values whose mean is 0."""
    dice, number = random.Random(len(centred)), len(centred)  # noqa: S311 - no secret
    for _ in range(_RESAMPLES):
        drawn = dice.choices(centred, k=number)
        mean = sum(drawn) / number
        variance = (sum(map(mul, drawn, drawn)) - number * mean * mean) / (number - 1)
        if variance > 0:
            yield mean / math.sqrt(variance / number)


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    squares = sum([(value - mean) ** 2 for value in values])
    return mean, math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else 0.0


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
