"""Stops that bet: they end a vote once the further ballots are unlikely to change it."""

from collections.abc import Collection
from fractions import Fraction
from typing import ClassVar, Literal

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.votes.rules import GoesBy
from langgraph_parallel.reducers.votes.search import first_number
from langgraph_parallel.reducers.votes.standing import Standing
from langgraph_parallel.reducers.votes.stops.base import CountingStop
from langgraph_parallel.reducers.votes.stops.likely import (
    is_likely_greatest,
    is_likely_majority,
    is_likely_to_stay,
    is_likely_to_win,
)
from langgraph_parallel.reducers.votes.stops.probabilities import HALF

_SMALL_VOTE = 15
"""Voters up to which the default probability is lower, and a final draw counts half a win."""
_MAX_LOOKAHEAD = 8
"""Further ballots of which all splits are tried; the number of splits grows with the cube."""


def _check_probability(p: object, stop: str) -> Fraction:
    if isinstance(p, bool) or not isinstance(p, int | float) or not 0.5 < p < 1:
        raise UsageError(f"{stop}({p!r}): expected a probability above 0.5 and below 1")
    return Fraction(str(p))


class confident(CountingStop):  # noqa: N801 - called like the function that it stands for
    """Stops when the leader will win with probability p, of a known number of voters.

    Each of the m ballots to come is assumed to be for one of the two leading choices, with a and b ballots so
    far, at odds with a uniform prior: the further ballots for the leader are BetaBinomial(m, a + 1, b + 1).
    Up to 15 voters, a final draw counts half; above, it counts for the leader if an earlier voter has made
    its choice, as the rule would decide it. (On recorded votes of few voters, the latter lost more answers
    than it saved calls.) A settled vote always stops. Under weights, a and b are the support in ballots of
    the mean weight to come.

    Under `threshold` and `unanimous`, the outcome must stay the same: a leader with its share keeps it;
    without one, no choice gets it.

    Args:
        p: above 0.5 and below 1; None for 0.95 of up to 15 voters, 0.98 of more.

    Raises:
        UsageError: `p` is out of range.
    """

    fits: ClassVar[Collection[GoesBy]] = ("ballots", "weights", "share")

    def __init__(self, p: float | None = None) -> None:
        self.p = p
        self._exact_p = None if p is None else _check_probability(p, "confident")

    def is_enough(self, standing: Standing) -> bool:
        """Return whether the vote is settled, or the leader is likely enough to win."""
        if standing.rule.settled(standing):
            return True
        if (share := _required_share(standing.rule)) is not None:
            return self._outcome_is_safe(standing, share, 0, 0, 0)
        lead, behind = standing.top_two_in_ballots()
        return lead > behind and self._lead_is_safe(lead, behind, standing.to_come, standing)

    def lacks(self, standing: Standing) -> int:
        """Return the further ballots that suffice in the best case."""
        share = _required_share(standing.rule)
        likely = self._lacks_for_lead(standing) if share is None else self._lacks_for_share(standing, share)
        return min(likely, standing.rule.fewest(standing))

    def _lacks_for_lead(self, standing: Standing) -> int:
        """Return the further ballots that suffice if all side with the leader."""

        def would_fire(number: int) -> bool:
            lead, behind = standing.top_two_in_ballots(number)
            return lead > behind and self._lead_is_safe(lead, behind, standing.to_come - number, standing)

        limit = max(1, min(standing.to_come, standing.rule.fewest(standing)))
        if not standing.worths.are_equal():
            # Each ballot changes the mean weight to come, so that one more for the leader may look worse.
            return next(filter(would_fire, range(1, limit)), limit)
        # With equal weights, each further ballot for the leader makes it more likely to win.
        return first_number(would_fire, limit)

    def _lead_is_safe(self, lead: int, behind: int, to_come: int, standing: Standing) -> bool:
        # Of few voters, counting draws as the rule does lost more answers than it saved calls.
        draw = HALF if _is_small(standing) else Fraction(standing.leader_wins_draws)
        return is_likely_to_win(lead, behind, to_come, draw, self._required_chance(standing))

    def _outcome_is_safe(
        self, standing: Standing, share: Fraction, for_leader: int, for_rival: int, for_others: int
    ) -> bool:
        """Return whether the outcome is safe after this many further ballots for each."""
        lead, behind = standing.top_two()
        further = for_leader + for_rival + for_others
        cast, to_come = len(standing.heard) + further, standing.to_come - further
        if not cast:
            return False
        ballots = lead + for_leader, behind + for_rival, cast
        return is_likely_to_stay(*ballots, to_come, share, self._required_chance(standing))

    def _lacks_for_share(self, standing: Standing, share: Fraction) -> int:
        """Return the further ballots that suffice in the best case, by trying all splits of the next few."""
        # All splits, as ballots against the leader can make it safe that no choice gets its share.
        lookahead = min(standing.to_come, _MAX_LOOKAHEAD)
        for number in range(1, lookahead + 1):
            for for_leader in range(number + 1):
                for for_rival in range(number - for_leader + 1):
                    for_others = number - for_leader - for_rival
                    if self._outcome_is_safe(standing, share, for_leader, for_rival, for_others):
                        return number
        return lookahead + 1

    def _required_chance(self, standing: Standing) -> Fraction:
        return self._exact_p or (Fraction(95, 100) if _is_small(standing) else Fraction(98, 100))

    def __str__(self) -> str:
        return "confident()" if self.p is None else f"confident({self.p})"


def _is_small(standing: Standing) -> bool:
    return len(standing.heard) + standing.to_come <= _SMALL_VOTE


def _required_share(rule: object) -> Fraction | None:
    """Return the share of ballots that a choice needs; None if the rule does not go by a share."""
    share: Fraction | None = getattr(rule, "least", None)
    return share


class adaptive(CountingStop):  # noqa: N801
    """Stops when the leader is the most frequent choice with probability p, of any number of voters.

    Adaptive-Consistency (arXiv 2305.11860). By default, its beta criterion over the two leading choices with
    a and b ballots: P(Bin(a + b + 1, 1/2) <= a) >= p. With `over="dirichlet"`, its Dirichlet criterion over
    all choices with a ballot: the probability that the leader's share is the greatest, given uniform priors.

    Raises:
        UsageError: `p` is not above 0.5 and below 1, or `over` is not one of the two.
    """

    def __init__(self, p: float = 0.95, over: Literal["beta", "dirichlet"] = "beta") -> None:
        self.p, self.over = p, over
        self._exact_p = _check_probability(p, "adaptive")
        if over not in ("beta", "dirichlet"):
            raise UsageError(f"adaptive(over={over!r}): choose beta or dirichlet")

    def is_enough(self, standing: Standing) -> bool:
        """Return whether the ballots for each choice meet the criterion."""
        return self._is_safe(standing, 0)

    def lacks(self, standing: Standing) -> int:
        """Return the further ballots that suffice if all side with the leader."""
        return first_number(lambda number: self._is_safe(standing, number), standing.to_come)

    def _is_safe(self, standing: Standing, further: int) -> bool:
        """Return whether the leader is safe after this many further ballots for it."""
        lead, behind = standing.top_two()
        lead += further
        if not lead:
            return False
        # The leader's share is no more likely to be the greatest than to be greater than the runner-up's.
        if not is_likely_majority(lead, behind, self._exact_p):
            return False
        if self.over == "beta" or len(standing.votes) < 3:
            return True
        votes = sorted(standing.votes.values(), reverse=True)
        return is_likely_greatest((lead, *votes[1:]), self.p)

    def __str__(self) -> str:
        return f"adaptive({self.p})" if self.over == "beta" else f"adaptive({self.p}, 'dirichlet')"
