"""The two leading choices of a vote in progress, kept up to date ballot by ballot. Pure.

Support only grows, so that a ballot changes the lead or the second place in constant time.
"""

import heapq
from collections.abc import Mapping
from fractions import Fraction

Amount = int | Fraction
"""Support of a choice; at least 0."""
Position = tuple[int, int]
"""Order of a voter, and the index of a choice in its ballot."""


class Leaders:
    """The leading choice, the support of the runner-up, and which choice comes first among equals."""

    def __init__(self) -> None:
        self._amounts: dict[str, Amount] = {}
        self._first: dict[str, Position] = {}
        self.leader: str | None = None
        """The choice with the most support; of equals, the one whose earliest voter comes first."""
        self.lead: Amount = 0
        """Support of the leader."""
        self.behind: Amount = 0
        """Support of the runner-up; 0 without one."""
        self._levels: dict[Amount, list[tuple[Position, str]]] = {}
        """For each support that the runner-up has or may reach: a heap of the choices that have it."""

    @property
    def leader_first(self) -> Position:
        """Position of the leader's earliest voter; asked only where there is a leader."""
        assert self.leader is not None
        return self._first[self.leader]

    def add(self, order: int, supported: Mapping[str, Amount]) -> None:
        """Add a ballot.

        Args:
            order: of its voter.
            supported: what it adds, by choice.
        """
        for index, (key, amount) in enumerate(supported.items()):
            self._add(key, amount, (order, index))

    def _add(self, key: str, amount: Amount, position: Position) -> None:
        total = self._amounts.get(key, 0) + amount
        first = min(self._first.get(key, position), position)
        if key == self.leader:
            self.lead = total
        elif self.leader is None or (-total, first) < (-self.lead, self.leader_first):
            self._raise_behind(self.lead)  # no other choice has more than the leader so far
            self.leader, self.lead = key, total
        elif total > self.behind:
            self._raise_behind(total)
        self._amounts[key], self._first[key] = total, first
        if total >= self.behind:  # the runner-up's support never falls, so less is never looked up
            heapq.heappush(self._levels.setdefault(total, []), (first, key))

    def _raise_behind(self, amount: Amount) -> None:
        if amount != self.behind:
            self._levels.pop(self.behind, None)
            self.behind = amount

    def earliest_runner_up(self) -> Position | None:
        """Return the position of the earliest voter for any runner-up; None without one."""
        level = self._levels.get(self.behind, [])
        leader_entry = None
        while level:
            first, key = level[0]
            if self._amounts[key] == self.behind and self._first[key] == first:
                if key != self.leader:
                    break
                leader_entry = level[0]
            heapq.heappop(level)  # the choice has more support, or an earlier voter, by now
        earliest = level[0][0] if level else None
        if leader_entry is not None:
            heapq.heappush(level, leader_entry)
        return earliest
