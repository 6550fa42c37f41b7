"""Stops that bet: they end a vote when it is likely enough that the rest would not change it.

The two that count in halves and binomials do so in integers, so that no rounding moves a decision; only the
integral of the Dirichlet variant is computed in floating point.
"""

import math
from bisect import bisect_left
from collections.abc import Collection
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar, Literal

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.votes.rules import GoesBy
from langgraph_parallel.reducers.votes.standing import Standing
from langgraph_parallel.reducers.votes.stops.base import CountingStop

_SMALL = 15
"""Voters up to which a lower probability is the default, and a draw is half a win."""
HALF = Fraction(1, 2)
_TRIED = 8
"""Further ballots whose every outcome is tried, to find out how many can be asked for at once."""


def _probability(given: object, name: str) -> Fraction:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0.5 < given < 1:
        raise UsageError(f"{name}({given!r}): pass a probability above 0.5 and below 1")
    return Fraction(str(given))


class confident(CountingStop):  # noqa: N801 - called like the function that it stands for
    """When the leader is with probability p still ahead once all ballots are in, of a known number of voters.

    Of the ballots for the two leading choices, a and b, each of the m to come is one, at odds that are
    uniformly distributed before the first ballot: the further ones for the leader are beta-binomial,
    BetaBinomial(m, a + 1, b + 1). Of up to 15 voters a final draw counts half; of more it counts for the
    leader where an earlier voter has made its choice, as the rule would decide it. (On recorded votes of few
    voters the latter lost more answers than it saved calls.) A vote that is decided
    is over in any case. Under weights a and b are the support in ballots of the mean weight of those to come.

    Under `threshold` and `unanimous` it is the outcome that has to stay as it is: that the leader has its
    share in the end, or, where it has not now, that nobody has.

    Args:
        p: by default 0.95 of up to 15 voters, 0.98 of more.

    Raises:
        UsageError: p is not above 0.5 and below 1.
    """

    fits: ClassVar[Collection[GoesBy]] = ("ballots", "weights", "share")

    def __init__(self, p: float | None = None) -> None:
        self.p = p
        self._p = None if p is None else _probability(p, "confident")

    def is_enough(self, standing: Standing) -> bool:
        """By the two leading choices; and in any case where the vote is decided."""
        if standing.rule.settled(standing):
            return True
        if (least := _least(standing.rule)) is not None:
            return self._keeps_share(standing, least, 0, 0, 0)
        lead, behind = standing.in_ballots()
        return lead > behind and self._is_safe(lead, behind, standing.left, standing)

    def lacks(self, standing: Standing) -> int:
        """When all of them side with the leader; of a share, in whatever way."""
        least = _least(standing.rule)
        likely = self._lacks_lead(standing) if least is None else self._lacks_share(standing, least)
        return min(likely, standing.rule.fewest(standing))

    def _lacks_lead(self, standing: Standing) -> int:

        def would_fire(number: int) -> bool:
            lead, behind = standing.in_ballots(number)
            return lead > behind and self._is_safe(lead, behind, standing.left - number, standing)

        numbers = range(1, max(1, standing.left))
        if len(set(standing.worths)) > 1:
            return next(filter(would_fire, numbers), standing.left)
        return numbers.start + bisect_left(numbers, True, key=would_fire)  # each one makes it more likely

    def _is_safe(self, lead: int, behind: int, left: int, standing: Standing) -> bool:
        few = len(standing.heard) + standing.left <= _SMALL
        draw = HALF if few else Fraction(standing.leader_wins_draws)
        return _stays_ahead(lead, behind, left, draw) >= self._wanted(standing)

    def _keeps_share(self, standing: Standing, least: Fraction, more: int, against: int, new: int) -> bool:
        """Whether the outcome is safe, with so many more for the leader, for its rival, and for others."""
        lead, behind = standing.top_two()
        heard, further = len(standing.heard), more + against + new
        left, cast = standing.left - further, heard + further
        return bool(cast) and _stays_so(lead + more, behind + against, cast, left, least) >= self._wanted(
            standing
        )

    def _lacks_share(self, standing: Standing, least: Fraction) -> int:
        """By trying every way in which the next few may vote."""
        for number in range(1, min(standing.left, _TRIED) + 1):
            for more in range(number + 1):
                for against in range(number - more + 1):
                    if self._keeps_share(standing, least, more, against, number - more - against):
                        return number
        return min(standing.left, _TRIED) + 1

    def _wanted(self, standing: Standing) -> Fraction:
        few = len(standing.heard) + standing.left <= _SMALL
        return self._p or (Fraction(95, 100) if few else Fraction(98, 100))

    def __str__(self) -> str:
        return "confident()" if self.p is None else f"confident({self.p:g})"


def _least(rule: object) -> Fraction | None:
    """The share of ballots that a choice needs, where a rule goes by that."""
    least: Fraction | None = getattr(rule, "least", None)
    return least


class adaptive(CountingStop):  # noqa: N801
    """When the leader is, with probability p, the choice most often made; for an open number of voters.

    Adaptive-Consistency (arXiv 2305.11860). By default its beta criterion over the two leading choices, a and
    b ballots: P(Bin(a + b + 1, 1/2) <= a) >= p. With `over="dirichlet"` its Dirichlet criterion over all
    choices that were made: the probability that the leader's share is the greatest, each share having had a
    uniform prior.

    Raises:
        UsageError: p is not above 0.5 and below 1, or `over` is neither of the two.
    """

    def __init__(self, p: float = 0.95, over: Literal["beta", "dirichlet"] = "beta") -> None:
        self.p, self.over = p, over
        self._p = _probability(p, "adaptive")
        if over not in ("beta", "dirichlet"):
            raise UsageError(f"adaptive(over={over!r}): choose beta or dirichlet")

    def is_enough(self, standing: Standing) -> bool:
        """By the number of ballots for each choice."""
        return self._is_safe(sorted(standing.votes.values(), reverse=True))

    def lacks(self, standing: Standing) -> int:
        """When all of them side with the leader."""
        lead, *others = [*sorted(standing.votes.values(), reverse=True)] or [0]
        for number in range(1, standing.left):
            if self._is_safe([lead + number, *others]):
                return number
        return standing.left

    def _is_safe(self, votes: list[int]) -> bool:
        lead, *others = votes or [0]
        if not lead:
            return False
        if self.over == "beta":
            return _is_ahead(lead, max(others, default=0)) >= self._p
        return _is_greatest((lead, *(others or [0]))) >= self._p

    def __str__(self) -> str:
        return f"adaptive({self.p:g})" if self.over == "beta" else f"adaptive({self.p:g}, 'dirichlet')"


@lru_cache(maxsize=2**16)
def _stays_ahead(lead: int, behind: int, left: int, draw: Fraction) -> Fraction:
    """The probability that a leader wins in the end; `draw` is how much of a win a draw is, 0 to 1.

    BetaBinomial(x; m, a + 1, b + 1) = C(a + x, a) C(b + m - x, b) / C(a + b + m + 1, m), a ratio of integers.

    >>> _stays_ahead(3, 1, 1, HALF), _stays_ahead(1, 0, 1, HALF), _stays_ahead(1, 0, 1, Fraction(1))
    (Fraction(1, 1), Fraction(5, 6), Fraction(1, 1))
    """
    won = drawn = 0
    for more in range(left + 1):
        ahead, end = lead + more, behind + left - more
        if ahead >= end:
            ways = math.comb(ahead, lead) * math.comb(end, behind)
            won, drawn = (won + ways, drawn) if ahead > end else (won, drawn + ways)
    return (won + draw * drawn) / math.comb(lead + behind + left + 1, left)


@lru_cache(maxsize=2**16)
def _stays_so(lead: int, behind: int, cast: int, left: int, least: Fraction) -> Fraction:
    """The probability that a choice which has its share keeps it, or that, where none has, none will.

    The odds of the two leading choices are those of `_stays_ahead`; all further ballots are for one of them.

    >>> _stays_so(2, 0, 2, 1, Fraction(1)), _stays_so(1, 1, 2, 1, Fraction(1))
    (Fraction(3, 4), Fraction(1, 1))
    """
    needed, has_it = least * (cast + left), lead >= least * cast and lead > behind
    same = 0
    for more in range(left + 1):
        ahead, end = lead + more, behind + left - more
        first, second = ahead >= needed and ahead > end, end >= needed and end > ahead
        if first if has_it else not (first or second):
            same += math.comb(ahead, lead) * math.comb(end, behind)
    return Fraction(same, math.comb(lead + behind + left + 1, left))


@lru_cache(maxsize=2**16)
def _is_ahead(lead: int, behind: int) -> Fraction:
    """The probability that the leader's share is above one half, by a uniform prior.

    >>> float(_is_ahead(4, 0)), float(_is_ahead(3, 0))
    (0.96875, 0.9375)
    """
    thrown = lead + behind + 1
    return Fraction(sum(math.comb(thrown, heads) for heads in range(lead + 1)), 2**thrown)


@lru_cache(maxsize=2**14)
def _is_greatest(votes: tuple[int, ...]) -> float:
    """The probability that the first share of a Dirichlet distribution is the greatest.

    With Gamma variables of shape c + 1 for each count c: the integral of the first one's density times the
    others' distributions, by Simpson's rule.

    >>> round(_is_greatest((4, 0)), 4)
    0.9688
    """
    lead, *others = votes
    steps, end = 400, lead + 1 + 12 * math.sqrt(lead + 1) + 12
    total = 0.0
    for step in range(steps + 1):
        x = end * step / steps
        density = math.exp(lead * math.log(x) - x - math.lgamma(lead + 1)) if x else float(lead == 0)
        inside = math.prod(_gamma_below(count, x) for count in others) if density else 0.0
        total += density * inside * (1 if step in (0, steps) else 4 if step % 2 else 2)
    return total * end / steps / 3


def _gamma_below(count: int, x: float) -> float:
    """The distribution of a Gamma variable of shape count + 1."""
    term = above = math.exp(-x)
    for k in range(1, count + 1):
        term *= x / k
        above += term
    return 1 - above
