"""Ballots in a row, in the voters' order, whatever the order in which they arrive. Pure.

A ballot that arrives late moves all those after it by one place, so that windows begin elsewhere.
"""

from bisect import bisect_left, bisect_right, insort
from typing import NamedTuple

from langgraph_parallel.reducers.votes.standing import Heard, Standing

Place = tuple[int, str]
"""Order and name of a voter; sorts in the voters' order."""


def _place(heard: Heard) -> Place:
    return heard.ballot.order, heard.ballot.voter


class NewItems:
    """How many ballots there are after the last one that names something new.

    Args:
        standing: of the vote.
    """

    def __init__(self, standing: Standing) -> None:
        self._places: list[Place] = []
        self._first: dict[str, Place] = {}
        self._firsts: list[Place] = []
        """The first place of each item, sorted."""
        for heard in standing.heard:
            self.hear(heard)

    def hear(self, heard: Heard) -> None:
        """Add a ballot."""
        place = _place(heard)
        insort(self._places, place)
        for key in heard.supported:
            first = self._first.get(key)
            if first is None or place < first:
                if first is not None:
                    del self._firsts[bisect_left(self._firsts, first)]
                self._first[key] = place
                insort(self._firsts, place)

    @property
    def ballots_since(self) -> int:
        """Number of ballots after the last one that names something new; all of them if none does."""
        last = bisect_right(self._places, self._firsts[-1]) if self._firsts else 0
        return len(self._places) - last


class _Row(NamedTuple):
    """Some ballots in a row. Choices are numbers; runs are equal ballots at either end."""

    length: int
    head: int
    head_run: int
    tail: int
    tail_run: int
    windows: int
    """Bit i is set if the row has a window of equal ballots when it begins at place i of a window."""


class EqualWindows:
    """Whether one of the consecutive windows of ballots has only equal ballots.

    A balanced tree of rows over the places of all voters: a ballot changes the rows above it, a logarithm of
    their number.

    Args:
        standing: of the vote.
        size: of a window.
    """

    def __init__(self, standing: Standing, size: int) -> None:
        self._standing, self._size = standing, size
        self._every = (1 << size) - 1
        self._numbers: dict[frozenset[str], int] = {}
        self._unequal = 0
        self._build()

    @property
    def found(self) -> bool:
        """Whether there is a window of equal ballots."""
        row = self._rows[1]
        return row is not None and bool(row.windows & 1)

    def hear(self, heard: Heard) -> None:
        """Add a ballot."""
        leaf = self._free.pop(_place(heard), None)
        if leaf is None:
            self._build()  # the voter was not expected
            return
        self._rows[leaf] = self._single(heard)
        while leaf > 1:
            leaf //= 2
            self._rows[leaf] = self._joined(self._rows[2 * leaf], self._rows[2 * leaf + 1])

    def _build(self) -> None:
        to_come = [(pending.order, pending.voter) for pending in self._standing.remaining]
        cast = [(_place(heard), heard) for heard in self._standing.heard]
        leaves: list[tuple[Place, Heard | None]] = [*cast, *((place, None) for place in to_come)]
        leaves.sort(key=lambda leaf: leaf[0])
        width = 1 << max(0, (len(leaves) - 1).bit_length())
        self._rows: list[_Row | None] = [None] * (2 * width)
        self._free: dict[Place, int] = {}
        for leaf, (place, heard) in enumerate(leaves, width):
            if heard is None:
                self._free[place] = leaf
            else:
                self._rows[leaf] = self._single(heard)
        for node in range(width - 1, 0, -1):
            self._rows[node] = self._joined(self._rows[2 * node], self._rows[2 * node + 1])

    def _single(self, heard: Heard) -> _Row:
        """Return the row of one ballot; one that supports nothing is equal to no other."""
        choice = frozenset(heard.supported)
        if choice:
            number = self._numbers.setdefault(choice, len(self._numbers) + 1)
        else:
            self._unequal -= 1
            number = self._unequal
        return _Row(1, number, 1, number, 1, int(self._size == 1 and number > 0))

    def _joined(self, left: _Row | None, right: _Row | None) -> _Row | None:
        """Return two rows as one."""
        if left is None or right is None:
            return right if left is None else left
        windows = left.windows | self._rotated(right.windows, -left.length)
        head_run, tail_run = left.head_run, right.tail_run
        if left.tail == right.head:
            windows |= self._windows_in(left.length - left.tail_run, left.tail_run + right.head_run)
            head_run += right.head_run if left.head_run == left.length else 0
            tail_run += left.tail_run if right.tail_run == right.length else 0
        return _Row(left.length + right.length, left.head, head_run, right.tail, tail_run, windows)

    def _windows_in(self, start: int, run: int) -> int:
        """Return the places of a window at which a row has one in a run of equal ballots.

        Args:
            start: of the run, in the row.
            run: its length.
        """
        starts = run - self._size + 1  # of a window in the run
        if starts <= 0:
            return 0
        if starts >= self._size:
            return self._every
        return self._rotated((1 << starts) - 1, 1 - start - starts)

    def _rotated(self, places: int, by: int) -> int:
        """Move places of a window forward, around its end."""
        by %= self._size
        return ((places << by) | (places >> (self._size - by))) & self._every
