"""Results on their way from workers to the sink: bounded, in order, kept until they are taken for good."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

ROOM = 4_000
"""Rows in the mailbox beyond which workers wait."""
_ROOM_BYTES = 64_000_000
"""The same for the bytes of these rows."""


Ended = Sequence[Any]
"""Number of a part of a chunk that has ended, why no more rows can be run, and the problem with it; where
several commands use one mailbox, the name of the command comes first."""


class Posted(NamedTuple):
    """What one worker has posted at once."""

    number: int
    """Counts from 1."""
    worker: str
    size: int
    """Rows in `results`."""
    results: bytes
    """As `pack_results` made them; nothing here reads them."""
    ended: Sequence[Ended] = ()
    """Parts that have ended with these results."""


class Mailbox:
    """Holds what was posted until whoever reads it says that it has it."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._rows = self._bytes = 0
        self._last = 0
        self._posted: deque[Posted] = deque()
        self._changed = asyncio.Event()
        self._space = asyncio.Event()
        self._space.set()

    @property
    def last(self) -> int:
        """Number of what was posted last."""
        return self._last

    def put(self, worker: str, size: int, results: bytes, ended: Sequence[Ended] = ()) -> int:
        """Take what a worker has posted, room or not: it may be all that is left of the worker."""
        self._last += 1
        self._posted.append(Posted(self._last, worker, size, results, ended))
        self._rows += size
        self._bytes += len(results)
        self._changed.set()
        self._look()
        return self._last

    def wake(self) -> None:
        """Have a reader that waits look up, though nothing was posted."""
        self._changed.set()

    async def room(self) -> None:
        """Wait until there is room for more."""
        await self._space.wait()

    async def read(self, after: int, wait: float) -> list[Posted]:
        """Drop what was posted up to number `after`, and return what came later, once there is something.

        Args:
            after: number of the last that the reader has for good.
            wait: maximum seconds to wait for something; then the list is empty.
        """
        while self._posted and self._posted[0].number <= after:
            taken = self._posted.popleft()
            self._rows -= taken.size
            self._bytes -= len(taken.results)
        self._look()
        if not self._posted:
            self._changed.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                return []
        return [*self._posted]

    def _look(self) -> None:
        if self._rows < self._room and self._bytes < _ROOM_BYTES:
            self._space.set()
        else:
            self._space.clear()
