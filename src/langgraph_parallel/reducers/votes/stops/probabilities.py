"""Probabilities that the leading choice of a vote in progress stays ahead.

Those over beta-binomials and fair coins are exact fractions, so that no rounding moves a decision; only the
integral of the Dirichlet criterion is computed in floating point. All are cached: a lossless wave asks for
the same ones many times.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

HALF = Fraction(1, 2)
_SUMMED_FROM_ZERO = 200
"""Count up to which a Poisson distribution is added up from 0."""
_SMALLEST_TERM = 1e-17
"""Share of a sum below which its falling terms are left out."""


@lru_cache(maxsize=2**16)
def chance_to_win(lead: int, behind: int, to_come: int, draw: Fraction) -> Fraction:
    """Return the probability that the leader of a vote wins in the end.

    BetaBinomial(x; m, a + 1, b + 1) = C(a + x, a) C(b + m - x, b) / C(a + b + m + 1, m), a ratio of integers.

    Args:
        lead: a, the ballots for the leader.
        behind: b, the ballots for the runner-up.
        to_come: m, the further ballots, each for one of the two.
        draw: the share of a win that a draw counts for, 0 to 1.

    >>> chance_to_win(3, 1, 1, HALF), chance_to_win(1, 0, 1, HALF), chance_to_win(1, 0, 1, Fraction(1))
    (Fraction(1, 1), Fraction(5, 6), Fraction(1, 1))
    """
    wins = draws = 0
    for more, ways in enumerate(_ways(lead, behind, to_come)):
        final_lead, final_behind = lead + more, behind + to_come - more
        if final_lead >= final_behind:
            wins, draws = (wins + ways, draws) if final_lead > final_behind else (wins, draws + ways)
    return (wins + draw * draws) / math.comb(lead + behind + to_come + 1, to_come)


def _ways(lead: int, behind: int, to_come: int) -> Iterator[int]:
    """Yield C(a + x, a) C(b + m - x, b) for each number x of further ballots for the leader."""
    ways = math.comb(behind + to_come, behind)
    yield ways
    for more in range(to_come):  # each from the one before: two binomials of large numbers cost more
        left = to_come - more
        ways = ways * (lead + more + 1) * left // ((more + 1) * (behind + left))
        yield ways


@lru_cache(maxsize=2**16)
def chance_to_keep_outcome(lead: int, behind: int, cast: int, to_come: int, share: Fraction) -> Fraction:
    """Return the probability that a leader with its share keeps it, or that without one, no choice gets it.

    The odds of the two leading choices are those of `chance_to_win`; all further ballots are for one of them.

    Args:
        lead: ballots for the leader.
        behind: ballots for the runner-up.
        cast: ballots for any choice.
        to_come: further ballots.
        share: the share of ballots that a choice needs.

    >>> chance_to_keep_outcome(2, 0, 2, 1, Fraction(1)), chance_to_keep_outcome(1, 1, 2, 1, Fraction(1))
    (Fraction(3, 4), Fraction(1, 1))
    """
    needed = share * (cast + to_come)
    has_share = lead >= share * cast and lead > behind
    ways_to_keep = 0
    for more, ways in enumerate(_ways(lead, behind, to_come)):
        final_lead, final_behind = lead + more, behind + to_come - more
        leader_has_it = final_lead >= needed and final_lead > final_behind
        rival_has_it = final_behind >= needed and final_behind > final_lead
        if leader_has_it if has_share else not (leader_has_it or rival_has_it):
            ways_to_keep += ways
    return Fraction(ways_to_keep, math.comb(lead + behind + to_come + 1, to_come))


@lru_cache(maxsize=2**16)
def chance_of_majority(lead: int, behind: int) -> Fraction:
    """Return the probability that the leader's share is above one half, for a uniform prior.

    >>> float(chance_of_majority(4, 0)), float(chance_of_majority(3, 0))
    (0.96875, 0.9375)
    """
    coins = lead + behind + 1
    ways = total = 1
    for heads in range(lead):
        ways = ways * (coins - heads) // (heads + 1)
        total += ways
    return Fraction(total, 2**coins)


@lru_cache(maxsize=2**14)
def chance_of_greatest_share(votes: tuple[int, ...]) -> float:
    """Return the probability that the first share of a Dirichlet distribution is the greatest.

    With a Gamma variable of shape c + 1 for each count c: the integral of the first one's density times the
    others' distribution functions, by Simpson's rule.

    >>> round(chance_of_greatest_share((4, 0)), 4)
    0.9688
    """
    lead, *others = votes
    # From twelve standard deviations below the mean to twelve above; the density beyond is negligible.
    steps, mean, reach = 400, lead + 1, 12 * math.sqrt(lead + 1) + 12
    end, start = mean + reach, max(0.0, mean - reach)
    width, total = end - start, 0.0
    for step in range(steps + 1):
        x = start + width * step / steps
        density = math.exp(lead * math.log(x) - x - math.lgamma(lead + 1)) if x else float(lead == 0)
        others_below = math.prod(_gamma_distribution(count, x) for count in others) if density else 0.0
        total += density * others_below * (1 if step in (0, steps) else 4 if step % 2 else 2)
    return total * width / steps / 3


def _gamma_distribution(count: int, x: float) -> float:
    """Return the probability that a Gamma variable of shape count + 1 is at most x.

    It is that of more than `count` events of a Poisson distribution with mean x.
    """
    if count <= _SUMMED_FROM_ZERO or not x:
        term = above = math.exp(-x)
        for k in range(1, count + 1):
            term *= x / k
            above += term
        return 1 - above
    # Outward from the end that is asked for: exp(-x) would be 0.
    up = x < count
    first = count + 1 if up else count
    term = math.exp(first * math.log(x) - x - math.lgamma(first + 1))
    total, k = term, first
    while k and term > total * _SMALLEST_TERM:
        k, term = (k + 1, term * x / (k + 1)) if up else (k - 1, term * k / x)
        total += term
    return total if up else 1 - total
