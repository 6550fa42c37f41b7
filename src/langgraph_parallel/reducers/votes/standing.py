"""A vote in progress: the support of each choice so far, and the voters still to be heard. Pure.

A rule says what a ballot supports; a stop looks only at the support. So every stop works under every rule.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, Protocol

from langgraph_parallel.records import Ballot, Tally

Amount = int | Fraction


class PendingVoter(NamedTuple):
    """A voter that is still to be heard."""

    voter: str
    order: int
    """Place in the electorate, from 0."""


Remaining = int | Sequence[PendingVoter]
"""The voters still to be heard, in the order of asking; a number stands for voters after all others."""


class Counting(Protocol):
    """A rule that says what a ballot supports, and when its choice is settled."""

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Return the support that a ballot gives, by canonical key; None if the ballot does not count."""
        ...

    def most(self, pending: PendingVoter) -> Amount | None:
        """Return the most that a voter's ballot can add to a choice; None if unknown."""
        ...

    def settled(self, standing: "Standing") -> bool:
        """Return whether no further ballot can change the choice; asked only with a quorum."""
        ...

    def fewest(self, standing: "Standing") -> int:
        """Return a lower bound on the further ballots before `settled` can hold."""
        ...


class Heard(NamedTuple):
    """A ballot that counts, and what it supports."""

    ballot: Ballot
    supported: Mapping[str, Amount]


@dataclass(frozen=True)
class Standing:
    """A vote in progress under one rule. Immutable: `hear` returns a new one."""

    rule: Counting
    remaining: tuple[PendingVoter, ...] = ()
    heard: tuple[Heard, ...] = ()
    """Ballots that count, in the voters' order."""
    amounts: Mapping[str, Amount] = field(default_factory=dict)
    """Support of each choice, by canonical key."""
    votes: Mapping[str, int] = field(default_factory=dict)
    """Number of ballots that support each choice."""
    first: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Order of the earliest voter that supports each choice, and the choice's index in that ballot."""
    ties_matter: bool = False
    """Whether a tie is a different outcome from its tie-broken choice."""

    @classmethod
    def of(
        cls, tally: Tally, remaining: Remaining, rule: Counting, *, ties_matter: bool = False
    ) -> "Standing":
        """Count a tally."""
        if isinstance(remaining, int):
            last = max((ballot.order for ballot in tally.ballots.values()), default=-1)
            remaining = [PendingVoter("", last + i) for i in range(1, remaining + 1)]
        standing = cls(rule, tuple(remaining), ties_matter=ties_matter)
        for ballot in tally.in_order():
            standing = standing.hear(ballot)
        return standing

    def hear(self, ballot: Ballot) -> "Standing":
        """Return the standing with one more ballot, of any status."""
        remaining = tuple(pending for pending in self.remaining if pending.voter != ballot.voter)
        supported = self.rule.supports(ballot)
        if supported is None:
            return Standing(
                self.rule, remaining, self.heard, self.amounts, self.votes, self.first, self.ties_matter
            )
        # Ballots may arrive in any order; `heard` stays in the voters' order.
        place = len(self.heard)
        while place and _voters_order(self.heard[place - 1].ballot) > _voters_order(ballot):
            place -= 1
        amounts, votes, first = dict(self.amounts), dict(self.votes), dict(self.first)
        for index, (key, amount) in enumerate(supported.items()):
            position = ballot.order, index
            amounts[key] = amounts.get(key, 0) + amount
            votes[key] = votes.get(key, 0) + 1
            first[key] = min(first.get(key, position), position)
        heard = (*self.heard[:place], Heard(ballot, supported), *self.heard[place:])
        return Standing(self.rule, remaining, heard, amounts, votes, first, self.ties_matter)

    @property
    def to_come(self) -> int:
        """Number of voters still to be heard."""
        return len(self.remaining)

    @property
    def missing_to_quorum(self) -> int:
        """Number of ballots missing to the rule's quorum."""
        return max(0, getattr(self.rule, "quorum", 1) - len(self.heard))

    def ranked(self) -> list[str]:
        """Return choices by support; of equals, the choice of the earliest voter first."""
        return sorted(self.amounts, key=lambda key: (-self.amounts[key], self.first[key]))

    @property
    def leader_wins_draws(self) -> bool:
        """Whether the rule prefers the leader to the runner-up if both have the same support."""
        if self.ties_matter or getattr(self.rule, "ties", "earliest") == "none":
            return False
        leader, *rivals = self.ranked() or [""]
        return not rivals or self.first[leader] < self.first[rivals[0]]

    def top_two(self) -> tuple[int, int]:
        """Return the ballots for the leader and for the runner-up; 0 for a missing one."""
        lead, behind, *_ = [*sorted(self.votes.values(), reverse=True), 0, 0]
        return lead, behind

    @property
    def worths(self) -> list[Amount]:
        """Worth of each ballot to come; 1 if unknown."""
        worths = (self.rule.most(pending) for pending in self.remaining)
        return [1 if worth is None else worth for worth in worths]

    def top_two_in_ballots(self, more: int = 0) -> tuple[int, int]:
        """Return the support of the leader and of the runner-up, in ballots of the mean weight to come.

        Two voters of weight 3 equal six voters of weight 1 to come. Rounded against the leader.

        Args:
            more: assume that this many of the voters to come, the first ones, side with the leader.
        """
        worths = self.worths
        weight_to_come = sum(worths[more:])
        unit = Fraction(weight_to_come) / (self.to_come - more) if weight_to_come else Fraction(1)
        lead, behind, *_ = [*sorted(self.amounts.values(), reverse=True), 0, 0]
        return math.floor((lead + sum(worths[:more])) / unit), math.ceil(behind / unit)


def _voters_order(ballot: Ballot) -> tuple[int, str]:
    return ballot.order, ballot.voter
