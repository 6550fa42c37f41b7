"""The choice with the most support: one vote each, or weighted."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Tally, Verdict
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import group_by_choice, is_usable, usable
from langgraph_parallel.reducers.votes.rules.base import BaseRule, GoesBy, Ties
from langgraph_parallel.reducers.votes.rules.ties import elect_leader
from langgraph_parallel.reducers.votes.standing import Amount, PendingVoter, Standing


@dataclass(frozen=True, kw_only=True)
class Plurality(BaseRule):
    """The choice with the greatest support; a ballot supports each choice at most once."""

    goes_by: ClassVar[GoesBy] = "ballots"
    ties: Ties = "earliest"

    def settled(self, standing: Standing) -> bool:
        """Return whether no rival, nor a choice without a ballot so far, can overtake the leader.

        A rival that draws level loses to a leader with an earlier voter, unless ties matter.
        """
        if not standing.to_come:
            return True
        weight_to_come = self._weight_to_come(standing.remaining)
        ranked = standing.ranked()
        if weight_to_come is None or not ranked:
            return False
        leader, *rivals = ranked
        lead, leader_first = standing.amounts[leader], standing.first[leader]
        # A pending voter that comes before the leader's earliest one can still win a draw for its choice.
        draws_are_open = self._ties_are_open(standing) or any(
            pending.order < leader_first[0] for pending in standing.remaining
        )

        def can_overtake(support: Amount, is_earlier: bool) -> bool:
            total = support + weight_to_come
            return total > lead or (total == lead and (draws_are_open or is_earlier))

        # All may name a choice without a ballot so far, which would come after the leader.
        return not can_overtake(0, is_earlier=False) and not any(
            can_overtake(standing.amounts[rival], is_earlier=standing.first[rival] < leader_first)
            for rival in rivals
        )

    def fewest(self, standing: Standing) -> int:
        """Return the further ballots that settle the vote if all of them side with the leader."""
        weight_to_come = self._weight_to_come(standing.remaining)
        if weight_to_come is None:
            return standing.to_come
        lead, behind, *_ = [*sorted(standing.amounts.values(), reverse=True), 0, 0]
        must_be_ahead = self._ties_are_open(standing)
        for number, pending in enumerate(standing.remaining, 1):
            worth = self.most(pending) or 0
            lead, weight_to_come = lead + worth, weight_to_come - worth
            if lead > behind + weight_to_come or (lead == behind + weight_to_come and not must_be_ahead):
                return number
        return standing.to_come

    def _ties_are_open(self, standing: Standing) -> bool:
        """Return whether a tie is not the same outcome as the leader's win."""
        return self.ties == "none" or standing.ties_matter

    def _weight_to_come(self, remaining: Sequence[PendingVoter]) -> Amount | None:
        """Return the sum of the worths of these voters; None if one is unknown."""
        total: Amount = 0
        for pending in remaining:
            if (worth := self.most(pending)) is None:
                return None
            total += worth
        return total


@dataclass(frozen=True, kw_only=True)
class majority(Plurality):  # noqa: N801 - rules read like functions where they are used
    """The choice with the most votes, not necessarily more than half (see `threshold`).

    On a tie the status is `tied`, and the choice is the earliest voter's among the leaders, or None with
    `ties="none"`.
    """

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        cast = usable(tally)
        return elect_leader(self, tally, cast, group_by_choice(cast), ties=self.ties)


@dataclass(frozen=True)
class weighted(Plurality):  # noqa: N801
    """The choice with the greatest sum of weights, added exactly. Ties as in `majority`.

    A voter's weight is that in `weights`, else `others`, else that of its ballot, by default 1. Learn weights
    with `reducers.votes.calibration`. A ballot of weight 0 does not count; a vote with only such ballots is
    `no_quorum`. Voters in `weights` are asked in descending order of weight. A stop knows the worth of a
    ballot to come only if the voter's weight is in `weights` or `others`.

    Raises:
        UsageError: a weight is not a finite number >= 0.
    """

    goes_by: ClassVar[GoesBy] = "weights"
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weight by voter."""
    others: float | None = field(default=None, kw_only=True)
    """Weight of voters that are not in `weights`; None to use the weight of the ballot."""
    ties: Ties = field(default="earliest", kw_only=True)
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for voter, weight in self.weights.items():
            _check_weight(weight, f"weights[{voter!r}]")
        if self.others is not None:
            _check_weight(self.others, "others")
        # Exact sums: float sums depend on the order of the ballots, and lose the digits that break a tie.
        exact = {voter: Fraction(weight) for voter, weight in self.weights.items()}
        object.__setattr__(self, "_exact_weights", exact)
        object.__setattr__(self, "_exact_others", None if self.others is None else Fraction(self.others))

    def weight(self, ballot: Ballot) -> Fraction:
        """Return the weight of a ballot."""
        weight = self.most(PendingVoter(ballot.voter, ballot.order))
        return Fraction(ballot.weight) if weight is None else weight

    def most(self, pending: PendingVoter) -> Fraction | None:
        """Return the weight of a voter; None if only its ballot will say."""
        exact: Mapping[str, Fraction] = self._exact_weights  # type: ignore[attr-defined]
        others: Fraction | None = self._exact_others  # type: ignore[attr-defined]
        return exact.get(pending.voter, others)

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Return the ballot's weight for its choice."""
        weight = self.weight(ballot)
        return {canonical(ballot.choice): weight} if weight and is_usable(ballot) else None

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        cast = [ballot for ballot in usable(tally) if self.weight(ballot)]
        return elect_leader(self, tally, cast, group_by_choice(cast, self.weight), ties=self.ties)


def _check_weight(weight: float, label: str) -> None:
    if not (math.isfinite(weight) and weight >= 0):
        raise UsageError(f"{label} is {weight}; expected a finite number of at least 0")
