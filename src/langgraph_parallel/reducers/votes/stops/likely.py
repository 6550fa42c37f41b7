"""Whether a probability of `stops.probabilities` is high enough, without computing it exactly in large votes.

The exact fraction costs a sum over all ballots to come of integers with as many digits. In floating point the
terms that matter are few, and the sum ends as soon as the answer is clear. Only a probability that is very
close to the one that is required is computed exactly, so that the answers are those of the fractions.
"""

import math
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from langgraph_parallel.reducers.votes.stops.probabilities import (
    chance_of_greatest_share,
    chance_of_majority,
    chance_to_keep_outcome,
    chance_to_win,
)

_SMALL_VOTE = 200
"""Ballots up to which the exact fraction is computed, which is cached."""
_MARGIN = 1e-6
"""More than the error of the sums. That of logarithms of factorials is 1e-8 at ten million ballots."""
_NEGLIGIBLE = 1e-3
"""Sum of the terms that are left out, as a share of the margin."""


def _margin(limit: float) -> float:
    """Return how close to its limit the chance against the leader is in doubt."""
    return min(_MARGIN, limit / 1000)


def is_likely_to_win(lead: int, behind: int, to_come: int, draw: Fraction, p: Fraction) -> bool:
    """Return whether `chance_to_win` is at least p."""
    if lead + behind + to_come > _SMALL_VOTE:
        # With x further ballots for the leader it loses, or draws if 2x = needed.
        needed = behind + to_come - lead
        loses = range(min((needed + 1) // 2, to_come + 1))
        draws = range(needed // 2, needed // 2 + 1) if needed % 2 == 0 and 0 <= needed // 2 <= to_come else ()
        terms = _BetaBinomial(lead, behind, to_come)
        limit = float(1 - p)
        against = terms.sum(loses, limit)
        against += float(1 - draw) * sum(math.exp(terms.log(x)) for x in draws)
        if abs(against - limit) > _margin(limit):
            return against < limit
    return chance_to_win(lead, behind, to_come, draw) >= p


def is_likely_to_stay(lead: int, behind: int, cast: int, to_come: int, share: Fraction, p: Fraction) -> bool:
    """Return whether `chance_to_keep_outcome` is at least p."""
    if cast + to_come > _SMALL_VOTE:
        needed = math.ceil(share * (cast + to_come))
        # The least further ballots for the leader with which it has its share, and the most with which its
        # rival has.
        leads_from = max(needed - lead, (behind + to_come - lead) // 2 + 1)
        rival_up_to = min(behind + to_come - needed, (behind + to_come - lead - 1) // 2)
        has_share = lead >= share * cast and lead > behind
        changes = [range(min(leads_from, to_come + 1))]
        if not has_share:
            changes = [
                range(max(0, leads_from), to_come + 1),
                range(min(rival_up_to, to_come) + 1),
            ]
        terms, limit = _BetaBinomial(lead, behind, to_come), float(1 - p)
        against = sum(terms.sum(places, limit) for places in changes)
        if abs(against - limit) > _margin(limit):
            return against < limit
    return chance_to_keep_outcome(lead, behind, cast, to_come, share) >= p


def is_likely_majority(lead: int, behind: int, p: Fraction) -> bool:
    """Return whether `chance_of_majority` is at least p."""
    if lead + behind > _SMALL_VOTE:
        limit = float(1 - p)
        against = _chance_of_minority(lead, behind, limit)
        if abs(against - limit) > _margin(limit):
            return against < limit
    return chance_of_majority(lead, behind) >= p


def is_likely_greatest(votes: tuple[int, ...], p: float) -> bool:
    """Return whether `chance_of_greatest_share` is at least p."""
    lead, *others = votes
    if sum(votes) > _SMALL_VOTE:
        # The chance that some share is greater is at most the sum of the chances of each.
        limit = 1 - p
        against = sum(
            times * _chance_of_minority(lead, behind, limit) for behind, times in Counter(others).items()
        )
        if against < limit - _margin(limit):
            return True
    return chance_of_greatest_share(votes) >= Fraction(str(p))


def _chance_of_minority(lead: int, behind: int, limit: float) -> float:
    """Return 1 - `chance_of_majority`, or a number clearly above the limit."""
    coins = lead + behind + 1
    if lead < behind:
        return 1.0 if limit < 0.5 else 1 - float(chance_of_majority(lead, behind))
    # More than `lead` heads: the terms fall from the first on.
    log = math.lgamma(coins + 1) - coins * math.log(2)
    term = math.exp(log - math.lgamma(lead + 2) - math.lgamma(coins - lead))
    total, heads, margin = 0.0, lead + 1, _margin(limit)
    while heads <= coins and total <= limit + margin and term * (coins - heads + 1) > margin * _NEGLIGIBLE:
        total += term
        term *= (coins - heads) / (heads + 1)
        heads += 1
    return total


class _BetaBinomial:
    """The distribution of the further ballots for the leader: BetaBinomial(m, a + 1, b + 1).

    Args:
        lead: a.
        behind: b.
        to_come: m.
    """

    def __init__(self, lead: int, behind: int, to_come: int) -> None:
        self.a, self.b, self.m = lead, behind, to_come
        # As the logarithm of the number of ways of all.
        self._all = _log_ways(lead + behind + to_come + 1, to_come)
        self.mode = (lead * to_come - behind) // (lead + behind) if lead + behind else 0

    def log(self, x: int) -> float:
        """Return the logarithm of the probability of x."""
        rest = self.m - x
        return _log_ways(self.a + x, x) + _log_ways(self.b + rest, rest) - self._all

    def sum(self, places: range, limit: float) -> float:
        """Return the probability of a range, or a number clearly above the limit."""
        if not places:
            return 0.0
        # Outward from the most probable place: the terms fall on either side.
        start = min(max(self.mode, places[0]), places[-1])
        first = math.exp(self.log(start))
        a, b, m = self.a, self.b, self.m
        up = ((a + x + 1) * (m - x) / ((x + 1) * (b + m - x)) for x in range(start, places[-1]))
        down = (x * (b + m - x + 1) / ((a + x) * (m - x + 1)) for x in range(start, places[0], -1))
        total = _add_terms(first, first, up, places[-1] - start, limit)
        return _add_terms(total, first, down, start - places[0], limit)


def _add_terms(total: float, term: float, ratios: Iterator[float], number: int, limit: float) -> float:
    """Return a sum with falling terms added, or a number clearly above the limit.

    Args:
        total: the sum so far.
        term: the one before the first.
        ratios: of each term to the one before.
        number: of terms.
        limit: where to stop.
    """
    margin = _margin(limit)
    for ratio in ratios:
        if total > limit + margin or term * number < margin * _NEGLIGIBLE:
            break
        term *= ratio
        total += term
        number -= 1
    return total


def _log_ways(of: int, chosen: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)
