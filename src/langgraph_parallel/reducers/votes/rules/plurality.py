"""The choice with the most support: one vote each, or weighted."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Tally, Verdict, VerdictStatus
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import (
    Group,
    build_verdict,
    group_by_choice,
    is_usable,
    usable,
)
from langgraph_parallel.reducers.votes.rules.base import BaseRule, GoesBy, Ties
from langgraph_parallel.reducers.votes.standing import Amount, Awaited, Standing


@dataclass(frozen=True, kw_only=True)
class Plurality(BaseRule):
    """The choice with the greatest support, of a rule whose ballots support each choice at most once."""

    goes_by: ClassVar[GoesBy] = "ballots"
    ties: Ties = "earliest"

    def settled(self, standing: Standing) -> bool:
        """Whether no rival can overtake the leader, nor a choice that nobody has made yet.

        A rival that draws level is behind a leader that an earlier voter has made, unless ties matter.
        """
        if not standing.left:
            return True
        to_come = self._to_come(standing.remaining)
        ranked = standing.ranked()
        if to_come is None or not ranked:
            return False
        leader, *rivals = ranked
        lead, made = standing.amounts[leader], standing.first[leader]
        an_earlier_one_is_left = any(awaited.order < made[0] for awaited in standing.remaining)
        ties_count = self.ties == "none" or standing.ties_matter or an_earlier_one_is_left
        reached = [(standing.amounts[rival], standing.first[rival] < made) for rival in rivals]
        return all(
            amount + to_come < lead or (amount + to_come == lead and not (ties_count or is_earlier))
            for amount, is_earlier in [*reached, (0, False)]
        )

    def fewest(self, standing: Standing) -> int:
        """When all who are asked next side with the leader."""
        to_come = self._to_come(standing.remaining)
        if to_come is None:
            return standing.left
        lead, behind = ([*sorted(standing.amounts.values(), reverse=True)[:2], 0, 0])[:2]
        strictly = self.ties == "none" or standing.ties_matter
        for number, awaited in enumerate(standing.remaining, 1):
            worth = self.most(awaited) or 0
            lead, to_come = lead + worth, to_come - worth
            clear = lead > behind + to_come if strictly else lead >= behind + to_come
            if clear:
                return number
        return standing.left

    def _to_come(self, remaining: Sequence[Awaited]) -> Amount | None:
        total: Amount = 0
        for awaited in remaining:
            if (worth := self.most(awaited)) is None:
                return None
            total += worth
        return total


@dataclass(frozen=True, kw_only=True)
class majority(Plurality):  # noqa: N801 - rules read like functions where they are used
    """The choice with the most votes; it need not have more than half (see `threshold`).

    On a tie the status is `tied`, and the choice the earliest voter's among the leaders, or None with
    `ties="none"`.
    """

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        cast = usable(tally)
        return plurality(self, tally, cast, group_by_choice(cast))


@dataclass(frozen=True)
class weighted(Plurality):  # noqa: N801
    """The choice with the greatest sum of weights, added exactly. Ties as in `majority`.

    Weights come from `weights` by the voter's name, else it is `others`, else from the ballot, 1 by default;
    `reducers.calibrating` learns them from ballots whose truth is known. Zero counts for nothing; a vote in
    which every weight is zero is `no_quorum`. Voters that have a weight are asked best-first, and a stop can
    tell what those who are still to come are worth; of a voter without one it cannot.

    Raises:
        UsageError: a weight is no number from 0.
    """

    goes_by: ClassVar[GoesBy] = "weights"
    weights: Mapping[str, float] = field(default_factory=dict)
    others: float | None = field(default=None, kw_only=True)
    """The weight of voters that `weights` does not name; None to go by their ballots."""
    ties: Ties = field(default="earliest", kw_only=True)
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = {**self.weights, **({} if self.others is None else {"others": self.others})}
        for voter, weight in given.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise UsageError(f"the weight of voter {voter!r} is {weight}; it must be a number from 0")
        exact = {voter: Fraction(weight) for voter, weight in self.weights.items()}
        object.__setattr__(self, "_exact", exact)
        object.__setattr__(self, "_others", None if self.others is None else Fraction(self.others))

    def weight(self, ballot: Ballot) -> Fraction:
        """What a ballot is worth."""
        held: Fraction | None = self.most(Awaited(ballot.voter, ballot.order))
        return Fraction(ballot.weight) if held is None else held

    def most(self, awaited: Awaited) -> Fraction | None:
        """The weight that the voter was given."""
        exact: Mapping[str, Fraction] = self._exact  # type: ignore[attr-defined]
        others: Fraction | None = self._others  # type: ignore[attr-defined]
        return exact.get(awaited.voter, others)

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Its choice, with its weight."""
        weight = self.weight(ballot)
        return {canonical(ballot.choice): weight} if weight and is_usable(ballot) else None

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        cast = [ballot for ballot in usable(tally) if self.weight(ballot)]
        return plurality(self, tally, cast, group_by_choice(cast, self.weight))


def plurality(rule: Plurality, tally: Tally, cast: Sequence[Ballot], groups: Sequence[Group]) -> Verdict:
    """The verdict for the first of these groups, which are sorted by their weight."""
    tied = len(groups) > 1 and groups[0].weight == groups[1].weight
    status: VerdictStatus = "tied" if tied else "decided" if groups else "below_threshold"
    leader = groups[0] if groups and not (tied and rule.ties == "none") else None
    return build_verdict(
        rule.name,
        tally,
        cast,
        status=status if len(cast) >= rule.quorum else "no_quorum",
        choice=leader.choice if leader else None,
        groups=groups,
        backers=leader.ballots if leader else [],
    )
