"""Predictions of shares, with intervals."""

import math
from collections.abc import Sequence

from langgraph_parallel.records.verdict import Interval

LEVEL = 0.95
Z = 1.959964
"""Standard deviations on either side of the mean that hold 95% of a normal distribution."""


def share(right: Sequence[bool]) -> float:
    """Return the share of questions that were answered right."""
    return sum(right) / len(right)


def predicted(right: Sequence[bool]) -> Interval:
    """Return an interval for the share among as many new questions.

    Both samples vary, the recorded and the new one, so it is wider than a confidence interval by the root of
    2. Variances are those of two more hits and two more misses (Agresti and Coull, The American Statistician
    52, 1998).
    """
    questions = len(right)
    smoothed = (sum(right) + 2) / (questions + 4)
    error = Z * math.sqrt(smoothed * (1 - smoothed) * 2 / questions)
    centre = share(right)
    return Interval(low=max(0.0, centre - error), high=min(1.0, centre + error), level=LEVEL)


def difference(first: Sequence[bool], second: Sequence[bool]) -> tuple[float, Interval]:
    """Return how much greater the first share is on the same questions, and its 95% interval.

    For paired answers, with half a question more on either side (Agresti and Min, Statistics in Medicine 24,
    2005).
    """
    questions = len(first)
    ahead = sum(a and not b for a, b in zip(first, second, strict=True))
    behind = sum(b and not a for a, b in zip(first, second, strict=True))
    value = (ahead - behind) / questions
    size, b, c = questions + 2, ahead + 0.5, behind + 0.5
    error = Z * math.sqrt((b + c) - (b - c) ** 2 / size) / size
    return value, Interval(low=max(-1.0, value - error), high=min(1.0, value + error), level=LEVEL)
