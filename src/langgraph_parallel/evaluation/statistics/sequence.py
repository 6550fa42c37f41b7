"""Intervals for a mean that hold at every moment at once, so that one may look after each item, and stop.

A bet that the mean is not `m` gains on the values if it is not, and is expected to gain nothing if it is: by
Ville's inequality its capital ever multiplies by `1 / alpha` with a probability of at most `alpha`. The means
against which it has not are a confidence sequence (Waudby-Smith and Ramdas 2024, Estimating means of bounded
random variables by betting, arXiv 2010.09686). The capital is spread over a few constant stakes, so that no
variance has to be guessed (Orabona and Jun 2021, Tight concentrations and confidence sequences from the
regret of universal portfolio, arXiv 2110.14099).
"""

import math
from collections.abc import Iterable, Sequence

from langgraph_parallel.evaluation.statistics.intervals import Interval

STAKES = (0.06, 0.12, 0.24, 0.48, 0.95)
"""Shares of the capital that are lost if the value is the worst possible one."""
_STEPS = 16
"""Halvings of the distance to a bound: to less than 0.0001."""
_RICH = 1e250
"""Capital at which a bet has long been won."""


class Bet:
    """The capital of a bet against one mean, spread over the stakes, while values come.

    Args:
        mean: that is bet against, between -1 and 1.
        side: 1: that the true one is above it; -1: below it.
    """

    __slots__ = ("_capitals", "_factors", "_mean", "_room", "_side", "most", "seen")

    def __init__(self, mean: float, side: int) -> None:
        self._mean, self._side = mean, side
        self._room = 1 + side * mean
        self._capitals = [1 / len(STAKES)] * len(STAKES)
        self._factors: dict[float, list[float]] = {}
        self.most = 1.0
        """The most that it had at any moment, from a capital of 1."""
        self.seen = 0
        """Number of values."""

    def see(self, values: Sequence[float], enough: float = math.inf) -> float:
        """Go on with the values that it has not seen, and return the most that it had.

        Args:
            values: all so far.
            enough: at which it may leave the others out.
        """
        if self._room <= 0:
            return self.most
        capitals, factors = self._capitals, self._factors
        for value in values[self.seen :]:
            by_stake = factors.get(value)
            if by_stake is None:
                gain = self._side * (value - self._mean) / self._room
                by_stake = factors[value] = [1 + stake * gain for stake in STAKES]
            capitals = [capital * factor for capital, factor in zip(capitals, by_stake, strict=True)]
            total = sum(capitals)
            if total > self.most:
                self.most = total
                if total >= enough or total > _RICH:
                    break
        self._capitals, self.seen = capitals, len(values)
        return self.most


class MeanSequence:
    """The interval of a mean of values between -1 and 1, at every moment while values come.

    The values are independent, and of one distribution, or come in a random order. How many are added at once
    does not matter: the interval depends on the values and their order alone, and never grows.

    Args:
        alpha: probability that the mean is ever outside, at most.
        values: the first ones.
    """

    def __init__(self, alpha: float = 0.05, values: Iterable[float] = ()) -> None:
        self.alpha = alpha
        self.values: list[float] = []
        self._bets: dict[tuple[float, int], Bet] = {}
        self._low, self._high = -1.0, 1.0
        self._bounded = 0
        self.add(values)

    def add(self, values: Iterable[float]) -> None:
        """Add values, in their order.

        Raises:
            ValueError: one is not between -1 and 1.
        """
        for value in values:
            if not -1.0 <= value <= 1.0:
                raise ValueError(f"{value} is not between -1 and 1")
            self.values.append(value)

    @property
    def mean(self) -> float:
        """Of the values; 0 without any."""
        return math.fsum(self.values) / len(self.values) if self.values else 0.0

    def excludes(self, mean: float) -> bool:
        """Return whether a mean is outside of the interval, now or at any moment before."""
        return self.is_above(mean) or self.is_below(mean)

    def is_above(self, mean: float) -> bool:
        """Return whether the mean of the values is known to be above another one."""
        return self._most(mean, 1) >= 2 / self.alpha

    def is_below(self, mean: float) -> bool:
        """Return whether the mean of the values is known to be below another one."""
        return self._most(mean, -1) >= 2 / self.alpha

    def p_values(self, mean: float = 0.0) -> tuple[float, float]:
        """Return upper bounds of the chance to see as much against a mean, at any moment so far.

        They are valid whenever one stops: the reciprocals of the most that bets against the mean have gained,
        on the true one being above and below, each doubled because there are two.
        """
        return min(1.0, 2 / self._most(mean, 1)), min(1.0, 2 / self._most(mean, -1))

    @property
    def interval(self) -> Interval:
        """The means that no bet has ruled out."""
        if self._bounded < len(self.values):
            self._low, self._high = self._bound(self._low, 1), self._bound(self._high, -1)
            self._bounded = len(self.values)
        return Interval(self._low, max(self._low, self._high))

    def _most(self, mean: float, side: int) -> float:
        bet = self._bets.get((mean, side))
        if bet is None:
            bet = self._bets[mean, side] = Bet(mean, side)
        return bet.see(self.values)

    def _bound(self, outside: float, side: int) -> float:
        """Return the last mean on a side that is ruled out, from one that was so before."""
        inside, enough = self.mean, 2 / self.alpha
        if (inside - outside) * side <= 0:
            return outside
        for _ in range(_STEPS):
            middle = (inside + outside) / 2
            if Bet(middle, side).see(self.values, enough) >= enough:
                outside = middle
            else:
                inside = middle
        return outside


def growth(values: Sequence[float], mean: float, side: int) -> float:
    """Return by how much the logarithm of the best stake grows with each value; 0 if none grows."""
    best = 0.0
    for stake in STAKES:
        rate = stake / (1 + side * mean)
        logs = [math.log1p(rate * side * (value - mean)) for value in values]
        best = max(best, math.fsum(logs) / len(logs) if logs else 0.0)
    return best
