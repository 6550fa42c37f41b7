"""The voters of a vote in progress that are still to be heard, and what their ballots are worth. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from langgraph_parallel.reducers.votes.leaders import Amount


class PendingVoter(NamedTuple):
    """A voter that is still to be heard."""

    voter: str
    order: int
    """Place in the electorate, from 0."""


Most = Callable[[PendingVoter], Amount | None]
"""Returns the most that the ballot of a voter can add to a choice; None if unknown."""


class VotersToCome:
    """The voters still to be heard, in the order of asking. A voter that is heard costs constant time.

    Args:
        voters: in the order of asking.
    """

    def __init__(self, voters: Iterable[PendingVoter]) -> None:
        self._asking = tuple(voters)
        self._waiting = Counter(pending.voter for pending in self._asking)
        self._number = len(self._asking)
        self._passed = 0
        """Voters at the start of `_asking` that were heard."""
        self._by_order: list[PendingVoter] | None = None
        """The latest first, so that the earliest is removed in constant time."""

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[PendingVoter]:
        self._pass_heard()
        return (p for p in self._asking[self._passed :] if p.voter in self._waiting)

    def remove(self, voter: str) -> int:
        """Remove a voter that was heard; return how many entries it had: 0 if it was not to come."""
        times = self._waiting.pop(voter, 0)
        self._number -= times
        return times

    def earliest(self) -> int | None:
        """Return the order of the voter that comes first in the electorate; None if none is to come."""
        if self._by_order is None:
            self._by_order = sorted(self, key=lambda pending: -pending.order)
        while self._by_order and self._by_order[-1].voter not in self._waiting:
            self._by_order.pop()
        return self._by_order[-1].order if self._by_order else None

    def has_gaps(self) -> bool:
        """Return whether a voter to come would be asked before one that was heard."""
        return len(self._asking) - self.passed != self._number

    @property
    def passed(self) -> int:
        """Number of voters at the start of the order of asking that were heard."""
        self._pass_heard()
        return self._passed

    def _pass_heard(self) -> None:
        while self._passed < len(self._asking) and self._asking[self._passed].voter not in self._waiting:
            self._passed += 1


class Worths:
    """What the ballots to come are worth; 1 for a ballot whose worth is unknown.

    Args:
        voters: the voters to come.
        most: says what the ballot of one is worth.
    """

    def __init__(self, voters: VotersToCome, most: Most) -> None:
        self._voters, self._most = voters, most
        self._worths: dict[str, tuple[Amount, int]] = {}
        self.total: Amount = 0
        """Sum of all worths."""
        self.unknown = 0
        """Number of ballots whose worth is unknown."""
        for pending in voters:
            worth = most(pending)
            known, unknown = self._worths.get(pending.voter, (0, 0))
            self._worths[pending.voter] = (known + (1 if worth is None else worth), unknown + (worth is None))
            self.total += 1 if worth is None else worth
            self.unknown += worth is None
        self._kept: tuple[list[Amount], int] | None = None
        self._kept_at = 0

    def remove(self, voter: str) -> None:
        """Leave out a voter that was heard."""
        worth, unknown = self._worths.pop(voter, (0, 0))
        self.total -= worth
        self.unknown -= unknown

    def of_next(self, number: int) -> Amount:
        """Return the sum of the worths of the next voters in the order of asking."""
        sums, start, _ = self._sums()
        return sums[start + number] - sums[start]

    def are_equal(self) -> bool:
        """Return whether all ballots to come are worth the same."""
        _, start, equal_from = self._sums()
        return start >= equal_from

    def _sums(self) -> tuple[list[Amount], int, int]:
        """Return sums of worths in the order of asking, where they start, and from where worths are equal.

        They are added up once: as a rule the voters to come are the last in the order of asking.
        """
        if self._voters.has_gaps():
            sums, equal_from = self._add_up()
            return sums, 0, equal_from
        if self._kept is None:
            self._kept, self._kept_at = self._add_up(), self._voters.passed
        return self._kept[0], self._voters.passed - self._kept_at, self._kept[1]

    def _add_up(self) -> tuple[list[Amount], int]:
        worths = [1 if (worth := self._most(pending)) is None else worth for pending in self._voters]
        equal_from = max(0, len(worths) - 1)
        while equal_from and worths[equal_from - 1] == worths[-1]:
            equal_from -= 1
        return list(accumulate(worths, initial=0)), equal_from
