"""Where a vote stands: what each choice has so far, and who is still to be heard. Pure.

Stops read it, so that each of them works under every rule: a rule says what a ballot supports, a stop looks
only at the support.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, Protocol

from langgraph_parallel.records import Ballot, Tally

Amount = int | Fraction


class Awaited(NamedTuple):
    """A voter that is still to be heard."""

    voter: str
    order: int
    """Its place in the electorate, from 0."""


Remaining = int | Sequence[Awaited]
"""Who is still to be heard, in the order of asking; a number stands for voters after all others."""


class Counting(Protocol):
    """A rule that says what a ballot supports, and when nothing can change its choice any more."""

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """What a ballot supports, by canonical key, and how much; None for one that does not count."""
        ...

    def most(self, awaited: "Awaited") -> Amount | None:
        """The most that the ballot of a voter can be worth to a choice; None where nobody knows."""
        ...

    def settled(self, standing: "Standing") -> bool:
        """Whether the choice is the same whatever those say who are left; asked once there is a quorum."""
        ...

    def fewest(self, standing: "Standing") -> int:
        """A lower bound on the further ballots before `settled` can hold."""
        ...


class Heard(NamedTuple):
    """A ballot that counts, and what it supports."""

    ballot: Ballot
    supported: Mapping[str, Amount]


@dataclass(frozen=True)
class Standing:
    """A vote in progress, under one rule. A value: hearing a ballot makes another one."""

    rule: Counting
    remaining: tuple[Awaited, ...] = ()
    heard: tuple[Heard, ...] = ()
    """Ballots that count, in the voters' order."""
    amounts: Mapping[str, Amount] = field(default_factory=dict)
    """The support of each choice, by canonical key."""
    votes: Mapping[str, int] = field(default_factory=dict)
    """How many ballots support it."""
    first: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """The order of the earliest voter that supports it, and its place among what that voter supports."""
    ties_matter: bool = False
    """Whether a tie is another outcome than the choice that the rule takes out of it."""

    @classmethod
    def of(
        cls, tally: Tally, remaining: Remaining, rule: Counting, *, ties_matter: bool = False
    ) -> "Standing":
        """Count a tally."""
        if isinstance(remaining, int):
            last = max((ballot.order for ballot in tally.ballots.values()), default=-1)
            remaining = [Awaited("", last + i) for i in range(1, remaining + 1)]
        standing = cls(rule, tuple(remaining), ties_matter=ties_matter)
        for ballot in tally.in_order():
            standing = standing.hear(ballot)
        return standing

    def hear(self, ballot: Ballot) -> "Standing":
        """The standing once this ballot is in, whatever its status."""
        remaining = tuple(awaited for awaited in self.remaining if awaited.voter != ballot.voter)
        supported = self.rule.supports(ballot)
        if supported is None:
            return Standing(
                self.rule, remaining, self.heard, self.amounts, self.votes, self.first, self.ties_matter
            )
        place = len(self.heard)
        while place and _place(self.heard[place - 1].ballot) > _place(ballot):
            place -= 1
        amounts, votes, first = dict(self.amounts), dict(self.votes), dict(self.first)
        for number, (key, amount) in enumerate(supported.items()):
            made = ballot.order, number
            amounts[key] = amounts.get(key, 0) + amount
            votes[key] = votes.get(key, 0) + 1
            first[key] = min(first.get(key, made), made)
        heard = (*self.heard[:place], Heard(ballot, supported), *self.heard[place:])
        return Standing(self.rule, remaining, heard, amounts, votes, first, self.ties_matter)

    @property
    def left(self) -> int:
        """How many are still to be heard."""
        return len(self.remaining)

    @property
    def short(self) -> int:
        """How many ballots are missing to the rule's quorum."""
        return max(0, getattr(self.rule, "quorum", 1) - len(self.heard))

    def ranked(self) -> list[str]:
        """Choices by their support, of equals the one that the earliest voter supports first."""
        return sorted(self.amounts, key=lambda key: (-self.amounts[key], self.first[key]))

    @property
    def leader_wins_draws(self) -> bool:
        """Whether the rule prefers the leader to the choice behind it, where both have the same support."""
        if self.ties_matter or getattr(self.rule, "ties", "earliest") == "none":
            return False
        leader, *rivals = self.ranked() or [""]
        return not rivals or self.first[leader] < self.first[rivals[0]]

    def top_two(self) -> tuple[int, int]:
        """How many ballots support the leader, and the one behind it; 0 where there is none."""
        two = [*sorted(self.votes.values(), reverse=True)[:2], 0, 0]
        return two[0], two[1]

    @property
    def worths(self) -> list[Amount]:
        """What the ballots that are still to come are worth; 1 where nobody knows."""
        known = (self.rule.most(awaited) for awaited in self.remaining)
        return [1 if worth is None else worth for worth in known]

    def in_ballots(self, more: int = 0) -> tuple[int, int]:
        """As `top_two`; where ballots have weights, measured in those that are still to come.

        Two voters of weight 3 are worth six who are to come with weight 1. Rounded against the leader.

        Args:
            more: as if so many more had sided with the leader.
        """
        worths = self.worths
        to_come = sum(worths[more:])
        unit = Fraction(to_come) / (self.left - more) if to_come else Fraction(1)
        two = [*sorted(self.amounts.values(), reverse=True)[:2], 0, 0]
        return math.floor((two[0] + sum(worths[:more])) / unit), math.ceil(two[1] / unit)


def _place(ballot: Ballot) -> tuple[int, str]:
    return ballot.order, ballot.voter
