"""A vote in progress: the support of each choice so far, and the voters still to be heard. Pure.

A rule says what a ballot supports; a stop looks only at the support. So every stop works under every rule.

A standing is kept up to date ballot by ballot. What a rule or a stop derives from the ballots is a `View`,
which hears them, too, so that a ballot costs no recount of all ballots.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, Protocol, TypeVar

from langgraph_parallel.records import Ballot, Tally
from langgraph_parallel.reducers.votes.leaders import Amount, Leaders
from langgraph_parallel.reducers.votes.to_come import PendingVoter, VotersToCome, Worths

__all__ = ["Amount", "Counting", "Heard", "PendingVoter", "Remaining", "Standing", "View"]

Remaining = int | Sequence[PendingVoter]
"""The voters still to be heard, in the order of asking; a number stands for voters after all others."""


class Counting(Protocol):
    """A rule that says what a ballot supports, and when its choice is settled."""

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Return the support that a ballot gives, by canonical key; None if the ballot does not count.

        Support is at least 0.
        """
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


class View(Protocol):
    """What a rule or a stop derives from the ballots that count. Built with the standing, before any call."""

    def hear(self, heard: Heard) -> None:
        """Add a ballot, which is in `Standing.heard` by now."""
        ...


ViewT = TypeVar("ViewT", bound=View)


class _BySupport(Leaders):
    """The leaders by support."""

    def __init__(self, standing: "Standing") -> None:
        super().__init__()
        for heard in standing.heard:
            self.hear(heard)

    def hear(self, heard: Heard) -> None:
        self.add(heard.ballot.order, heard.supported)


class _ByBallots(_BySupport):
    """The leaders by the number of ballots that support them."""

    def hear(self, heard: Heard) -> None:
        self.add(heard.ballot.order, dict.fromkeys(heard.supported, 1))


class Standing:
    """A vote in progress under one rule.

    Args:
        rule: says what a ballot supports.
        remaining: the voters still to be heard, in the order of asking.
        ties_matter: whether a tie is a different outcome from its tie-broken choice.
    """

    def __init__(
        self, rule: Counting, remaining: Sequence[PendingVoter] = (), *, ties_matter: bool = False
    ) -> None:
        self.rule, self.ties_matter = rule, ties_matter
        self.heard: list[Heard] = []
        """Ballots that count, in the voters' order."""
        self.amounts: dict[str, Amount] = {}
        """Support of each choice, by canonical key."""
        self.votes: dict[str, int] = {}
        """Number of ballots that support each choice."""
        self.first: dict[str, tuple[int, int]] = {}
        """Order of the earliest voter that supports each choice, and the choice's index in that ballot."""
        self._places: list[tuple[int, str]] = []
        self._voters = VotersToCome(remaining)
        self._worths: Worths | None = None
        self._views: dict[tuple[Callable[..., View], tuple[Any, ...]], View] = {}

    @classmethod
    def of(
        cls, tally: Tally, remaining: Remaining, rule: Counting, *, ties_matter: bool = False
    ) -> "Standing":
        """Count a tally."""
        if isinstance(remaining, int):
            last = max((ballot.order for ballot in tally.ballots.values()), default=-1)
            remaining = [PendingVoter("", last + i) for i in range(1, remaining + 1)]
        standing = cls(rule, remaining, ties_matter=ties_matter)
        for ballot in tally.in_order():
            standing.hear(ballot)
        return standing

    def hear(self, ballot: Ballot) -> "Standing":
        """Add one more ballot, of any status and in any order; return this standing."""
        self._voters.remove(ballot.voter)
        if self._worths is not None:
            self._worths.remove(ballot.voter)
        supported = self.rule.supports(ballot)
        if supported is None:
            return self
        heard, place = Heard(ballot, supported), (ballot.order, ballot.voter)
        index = bisect_right(self._places, place)
        self._places.insert(index, place)
        self.heard.insert(index, heard)
        for index, (key, amount) in enumerate(supported.items()):
            position = ballot.order, index
            self.amounts[key] = self.amounts.get(key, 0) + amount
            self.votes[key] = self.votes.get(key, 0) + 1
            self.first[key] = min(self.first.get(key, position), position)
        for view in self._views.values():
            view.hear(heard)
        return self

    def view(self, kind: Callable[..., ViewT], *arguments: Any) -> ViewT:
        """Return what is derived from the ballots; built when it is first asked for, then kept up to date.

        Args:
            kind: is called with this standing and the arguments.
            arguments: hashable.
        """
        known = self._views.get((kind, arguments))
        if known is None:
            known = self._views[kind, arguments] = kind(self, *arguments)
        return known  # type: ignore[return-value]

    @property
    def remaining(self) -> Sequence[PendingVoter]:
        """The voters still to be heard, in the order of asking."""
        return tuple(self._voters)

    @property
    def to_come(self) -> int:
        """Number of voters still to be heard."""
        return len(self._voters)

    @property
    def earliest_to_come(self) -> float:
        """The order of the earliest voter still to be heard; infinite if there is none."""
        earliest = self._voters.earliest()
        return math.inf if earliest is None else earliest

    @property
    def worths(self) -> Worths:
        """What the ballots to come are worth."""
        if self._worths is None:
            self._worths = Worths(self._voters, self.rule.most)
        return self._worths

    @property
    def missing_to_quorum(self) -> int:
        """Number of ballots missing to the rule's quorum."""
        return max(0, getattr(self.rule, "quorum", 1) - len(self.heard))

    @property
    def leaders(self) -> Leaders:
        """The two choices with the most support."""
        return self.view(_BySupport)

    @property
    def leader_wins_draws(self) -> bool:
        """Whether the rule prefers the leader to the runner-up if both have the same support."""
        if self.ties_matter or getattr(self.rule, "ties", "earliest") == "none":
            return False
        runner_up = self.leaders.earliest_runner_up()
        return runner_up is None or self.leaders.leader_first < runner_up

    def top_two(self) -> tuple[int, int]:
        """Return the ballots for the leader and for the runner-up; 0 for a missing one."""
        by_ballots = self.view(_ByBallots)
        return int(by_ballots.lead), int(by_ballots.behind)

    def top_two_in_ballots(self, more: int = 0) -> tuple[int, int]:
        """Return the support of the leader and of the runner-up, in ballots of the mean weight to come.

        Two voters of weight 3 equal six voters of weight 1 to come. Rounded against the leader.

        Args:
            more: assume that this many of the voters to come, the first ones, side with the leader.
        """
        weight = self.worths.of_next(more) if more else 0
        weight_to_come = self.worths.total - weight
        unit = Fraction(weight_to_come) / (self.to_come - more) if weight_to_come else Fraction(1)
        return math.floor((self.leaders.lead + weight) / unit), math.ceil(self.leaders.behind / unit)
