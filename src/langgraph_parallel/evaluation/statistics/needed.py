"""About how many more items would settle a question, if they are like those so far."""

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist, fmean, pvariance
from typing import NamedTuple

from langgraph_parallel.evaluation.statistics.intervals import normal_quantile
from langgraph_parallel.evaluation.statistics.sequence import growth

_LOST = 3.0
"""By what the capital of a sequence is below that of its best stake, roughly."""
_POWER = 0.8
_MOST = 10_000_000


class Question(NamedTuple):
    """Whether a mean is on a side of a bound."""

    bound: float
    side: int
    """1: above it; -1: below it."""


def more_items(
    values: Sequence[float], questions: Iterable[Question], alpha: float, *, stopping: bool
) -> int | None:
    """Return about how many more items would answer the first of some questions to be answered.

    Args:
        values: so far.
        questions: any of which would do.
        alpha: of the interval.
        stopping: whether the interval holds at every moment; otherwise for one look, with a power of 80%.

    Returns:
        A number of two digits and zeros; None if the values so far point to no answer.
    """
    if len(values) < 2:
        return None
    needed = (_by_growth if stopping else _by_spread)(values, questions, alpha)
    if needed is None or needed - len(values) > _MOST:
        return None
    more = max(1, math.ceil(needed - len(values)))
    unit: int = 10 ** max(0, len(str(more)) - 2)
    return math.ceil(more / unit) * unit


def _by_growth(values: Sequence[float], questions: Iterable[Question], alpha: float) -> float | None:
    rates = [growth(values, question.bound, question.side) for question in questions]
    best = max(rates, default=0.0)
    return math.log(_LOST * 2 / alpha) / best if best > 1e-9 else None


def _by_spread(values: Sequence[float], questions: Iterable[Question], alpha: float) -> float | None:
    mean, variance = fmean(values), pvariance(values) or 1 / len(values)
    distances = [(mean - question.bound) * question.side for question in questions]
    best = max(distances, default=0.0)
    reach = normal_quantile(alpha) + NormalDist().inv_cdf(_POWER)
    return reach * reach * variance / (best * best) if best > 1e-9 else None
