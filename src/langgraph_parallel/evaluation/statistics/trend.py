"""Several scores estimated at once: each is drawn towards the line of scores over costs.

Of several measured scores the greatest is partly the luckiest, and of those that are equal by chance the
cheapest is not the best choice if dearer ones have been better. Scores are therefore taken as spread around a
line over the logarithm of cost: the less they are known, and the closer to it they are, the more they are
drawn to it (empirical Bayes with regression: Morris 1983, Parametric empirical Bayes inference, Journal of
the American Statistical Association 78). The spread is averaged over, by its likelihood. Two scores are on
their line, and stay as they are.
"""

import math
from collections.abc import Sequence
from statistics import fmean

Vector = Sequence[float]
Matrix = Sequence[Vector]

_SPREADS = (0.0, 0.01, 0.02, 0.04, 0.08)
"""Standard deviations of scores around the line."""
_LEAST = 1e-8
"""Least variance of a score, so that variants whose answers are all the same have one."""


def drawn_to_trend(scores: Vector, noise: Matrix, costs: Vector) -> list[float]:
    """Return estimates of the true scores.

    Args:
        scores: as measured.
        noise: covariances of their errors.
        costs: above 0; where all are the same, scores are drawn to their mean.
    """
    logs = [math.log(cost) for cost in costs]
    middle = fmean(logs)
    columns = [[1.0] * len(scores), [place - middle for place in logs]]
    if max(map(abs, columns[1])) < _LEAST:
        columns.pop()
    fits = [_fit(scores, noise, columns, spread**2 + _LEAST) for spread in _SPREADS]
    greatest = max(likelihood for likelihood, _ in fits)
    shares = [math.exp(likelihood - greatest) for likelihood, _ in fits]
    total = math.fsum(shares)
    of_each = zip(*(estimates for _, estimates in fits), strict=True)
    return [_dot(shares, estimates) / total for estimates in of_each]


def covariance_of_means(rows: Matrix) -> list[list[float]]:
    """Return the covariances of the means of columns.

    Args:
        rows: at least two.
    """
    number = len(rows)
    columns = [[value - fmean(column) for value in column] for column in zip(*rows, strict=True)]
    return [[_dot(one, other) / (number - 1) / number for other in columns] for one in columns]


def _fit(scores: Vector, noise: Matrix, columns: Matrix, variance: float) -> tuple[float, list[float]]:
    """Return the log-likelihood of a variance around the line, and the estimates if it is the true one."""
    whole = [
        [value + variance * (i == j) for j, value in enumerate(row)]  # of measured scores
        for i, row in enumerate(noise)
    ]
    (weighed, *weighed_columns), log_size = _solve(whole, [scores, *columns])
    normal = [[_dot(column, other) for other in weighed_columns] for column in columns]
    (line,), log_normal = _solve(normal, [[_dot(column, weighed) for column in columns]])
    fitted = [_dot(line, at) for at in zip(*columns, strict=True)]
    rest = [score - on_line for score, on_line in zip(scores, fitted, strict=True)]
    (weighed_rest,), _ = _solve(whole, [rest])
    likelihood = -(log_size + log_normal + _dot(rest, weighed_rest)) / 2
    return likelihood, [
        on_line + variance * value for on_line, value in zip(fitted, weighed_rest, strict=True)
    ]


def _solve(matrix: Matrix, sides: Matrix) -> tuple[list[list[float]], float]:
    """Return the solution for each right-hand side, and the logarithm of the determinant.

    Args:
        matrix: symmetric and positive definite.
        sides: right-hand sides.
    """
    size = len(matrix)
    rows = [[*row, *(side[i] for side in sides)] for i, row in enumerate(matrix)]
    log_size = 0.0
    for pivot in range(size):
        log_size += math.log(rows[pivot][pivot])
        head = [value / rows[pivot][pivot] for value in rows[pivot]]
        rows = [
            head if i == pivot else [a - row[pivot] * b for a, b in zip(row, head, strict=True)]
            for i, row in enumerate(rows)
        ]
    return [[row[size + n] for row in rows] for n in range(len(sides))], log_size


def _dot(one: Vector, other: Vector) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))
