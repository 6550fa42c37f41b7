"""Smaller panels: which voters to drop first, how many, and what the rest promises."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from langgraph_parallel.reducers.votes.learning import Blend
from langgraph_parallel.reducers.votes.panels.answers import NONE, RIGHT, Answers
from langgraph_parallel.reducers.votes.panels.deciding import ByFold, Deciding, Rows, in_folds
from langgraph_parallel.reducers.votes.panels.promise import share

_STEEPNESS = 4.0
_TOLERANCE = 0.002
"""Share that a cheaper panel may be behind the best one: less than any history can measure."""

Path = Mapping[int, Sequence[int]]
"""The voters of the panel of each size, best first."""
Curve = Mapping[int, ByFold]
"""Panels by size."""


def drop_one_by_one(deciding: Deciding, seats: Sequence[int], rows: Rows, prices: Sequence[float]) -> Path:
    """Drop voters until one is left, each time the one whose loss is least for its price.

    The loss is of a smooth share: by how far each question is decided right or wrong, so that single
    questions do not rule the choice.
    """
    left = deciding.best_first(seats)
    weights, counted = deciding.weights(left), list(Counter(map(tuple, rows)).items())
    path = {len(left): tuple(left)}
    while len(left) > 1:
        tallied = [_Tallied(row, left, weights, number) for row, number in counted]
        now = _smooth_share(tallied, None, weights, left)
        losses = {seat: now - _smooth_share(tallied, seat, weights, left) for seat in reversed(left)}
        left.remove(min(losses, key=lambda seat: _for_its_price(losses[seat], prices[seat])))
        path[len(left)] = tuple(left)
    return path


def _for_its_price(loss: float, price: float) -> tuple[float, float]:
    """Order losses: without some voters the panel is better, whatever they cost; of equal ones the dearer."""
    if loss <= 0:
        return loss, -price
    return (loss / price if price else math.inf), -price


class _Tallied:
    """Support in one question: of the right answer, and of the two wrong ones with most."""

    __slots__ = ("number", "right", "row", "second", "top", "top_answer")

    def __init__(
        self, row: Sequence[int], seats: Iterable[int], weights: Mapping[int, float], number: int
    ) -> None:
        support: dict[int, float] = {RIGHT: 0.0}
        for seat in seats:
            if row[seat] != NONE:
                support[row[seat]] = support.get(row[seat], 0.0) + weights[seat]
        self.row, self.number, self.right = row, number, support.pop(RIGHT)
        wrong = sorted(support.items(), key=lambda item: -item[1])
        self.top_answer, self.top = wrong[0] if wrong else (NONE, 0.0)
        self.second = wrong[1][1] if len(wrong) > 1 else 0.0

    def margin(self, seat: int | None, weight: float) -> float:
        """Return how far the right answer is ahead of the strongest wrong one, without one of the voters."""
        answer = NONE if seat is None else self.row[seat]
        if answer == NONE:
            return self.right - self.top
        if answer == RIGHT:
            return self.right - weight - self.top
        return self.right - (max(self.second, self.top - weight) if answer == self.top_answer else self.top)


def _smooth_share(
    tallied: Sequence[_Tallied], without: int | None, weights: Mapping[int, float], seats: Iterable[int]
) -> float:
    weight = 0.0 if without is None else weights[without]
    norm = math.sqrt(sum(weights[seat] ** 2 for seat in seats if seat != without)) or 1.0
    total = sum(
        vote.number / (1 + math.exp(-_STEEPNESS * vote.margin(without, weight) / norm)) for vote in tallied
    )
    return total / sum(vote.number for vote in tallied)


def learning_curve(
    answers: Answers, seats: Sequence[int], blend: Blend | None, prices: Sequence[float]
) -> Curve:
    """Cross-validate panels of every size: each is chosen and weighed without the fold that judges it."""
    curve: dict[int, list[list[bool]]] = {size: [] for size in range(1, len(seats) + 1)}
    for others, fold in in_folds(answers.rows):
        deciding = Deciding.learn(blend, others, len(answers.voters))
        for size, panel in drop_one_by_one(deciding, seats, others, prices).items():
            curve[size].append(deciding.are_right(panel, fold))
    return curve


def least_size(curve: Curve, whole: ByFold, tolerance: float, folds: Collection[int]) -> int | None:
    """Return the smallest panel that is as good as needed, and nearly the best; None if there is none.

    Args:
        curve: by size.
        whole: the panel that is to be matched.
        tolerance: share that may be lost.
        folds: those to look at.
    """
    shares = {size: share(_of_folds(right, folds)) for size, right in curve.items()}
    least = share(_of_folds(whole, folds))
    enough = max(least, max(shares.values()) - _TOLERANCE) - tolerance
    return next((size for size in sorted(shares) if shares[size] >= enough), None)


def best_size(curve: Curve, folds: Collection[int]) -> int:
    """Return the size of the panel with the greatest share; of equal ones the smallest."""
    return max(sorted(curve), key=lambda size: share(_of_folds(curve[size], folds)))


def _of_folds(right: ByFold, folds: Collection[int]) -> list[bool]:
    return [is_right for fold in folds for is_right in right[fold]]


def all_folds(curve: Curve) -> range:
    """Return the numbers of the folds."""
    return range(len(next(iter(curve.values()))))


def other_folds(curve: Curve, fold: int) -> list[int]:
    """Return the folds but one; all, if there is no other."""
    return [other for other in all_folds(curve) if other != fold] or [fold]
