"""What of the input is to be run: a little ahead of the engine, without the items that have a row.

A task reads the source, another looks up in bulk which of its rows are stored. What trickles, such as a pipe,
is passed on as it comes: nothing waits for a chunk to be full.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from langgraph_parallel.scale.rows import Row, RowStatus
from langgraph_parallel.scale.stopping import is_being_cancelled

_FEWEST, _MOST = 16, 1_000
"""Rows that are read ahead, and looked up at once."""
HEAVY = 32_000_000
"""Characters of texts in rows after which no more are read ahead, however few they are."""
HEAVY_CHUNK = 4_000_000
"""Characters after which no more rows are taken at once."""


class Lookups(Protocol):
    """What the intake asks of each row."""

    async def stored(self, keys: Collection[str]) -> Mapping[str, RowStatus]:
        """Return the status of those keys that have a row."""

    def is_open(self, key: str) -> bool:
        """Return whether a row with this key is under way, or its result is."""

    def admit(self, rows: Sequence[Row]) -> None:
        """Note that rows are under way."""

    def keep(self, key: str, status: RowStatus) -> None:
        """Note an item that has a row, and is not run."""


class Intake:
    """The rows that are to be run.

    Args:
        rows: of the source.
        lookups: what is known of rows.
        limit: number of items that are read; None for all.
        redrive: whether only those are run that have failed.
        on_change: called when there are rows, and at the end.
    """

    def __init__(
        self,
        rows: AsyncIterator[Row],
        lookups: Lookups,
        *,
        limit: int | None,
        redrive: bool,
        on_change: Callable[[], None],
    ) -> None:
        self._rows, self._lookups, self._limit, self._redrive = rows, lookups, limit, redrive
        self._on_change = on_change
        self.ready: deque[Row] = deque()
        """Rows to run."""
        self.read = 0
        """Items that were read."""
        self.repeated = 0
        """Items that had the key of an earlier one."""
        self.first_repeated = ""
        self.passed = 0
        """Items without a row that are not run, because only those are that failed."""
        self.ended = False
        """Whether all of the input was read, and looked up."""
        self.ahead = _FEWEST
        """Rows to be read ahead; the driver sets it."""
        self.is_whole = False
        """Whether the source has ended; not so at a limit."""
        self.failure: BaseException | None = None
        """What the sink has raised."""
        self.unread: Exception | None = None
        """What the source has raised; the rows that were read before are run."""
        self._raw: deque[Row] = deque()
        self._weight = 0
        """Characters of texts in rows that were read, and not taken."""
        self._lookup = _FEWEST
        self._has_read = self._is_looking = False
        self._came, self._room = asyncio.Event(), asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._guarded(work), name=name)
            for work, name in ((self._read_rows, "read input"), (self._look_up, "look up items"))
        ]

    @property
    def is_starved(self) -> bool:
        """Return whether all that has come is ready, and no more comes for now."""
        return self.ended or not (self._raw or self._is_looking)

    def take(self, number: int) -> list[Row]:
        """Return up to a number of rows, fewer if their texts are long, and make room for others."""
        ready = self.ready
        taken, weight = list[Row](), 0
        while ready and len(taken) < number and weight < HEAVY_CHUNK:
            row = ready.popleft()
            taken.append(row)
            weight += _weight(row)
        self._weight -= weight
        self._room.set()
        return taken

    async def close(self) -> None:
        """Stop reading."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except BaseException as failure:
            if isinstance(failure, asyncio.CancelledError) and is_being_cancelled():
                raise
            self.failure, self.ended = self.failure or failure, True
            self._on_change()

    async def _read_rows(self) -> None:
        if self._limit != 0:
            try:
                await self._read_up_to(self._limit)
            except Exception as failure:  # the rows before it are run like others
                self.unread = failure
            finally:
                if isinstance(self._rows, AsyncGenerator):
                    await self._rows.aclose()
        self._has_read = True
        self._came.set()

    async def _read_up_to(self, limit: int | None) -> None:
        raw, came = self._raw, self._came
        async for row in self._rows:
            raw.append(row)
            self._weight += _weight(row)
            self.read += 1
            if len(raw) == 1:
                came.set()
            if self.read == limit:
                return
            if not self._may_read():
                await self._wait_for_room(self._may_read)
        self.is_whole = True

    def _may_read(self) -> bool:
        return len(self._raw) < max(self._lookup, self.ahead) and self._weight < HEAVY

    async def _look_up(self) -> None:
        raw = self._raw
        while raw or not self._has_read:
            if not raw:
                self._came.clear()
                self._on_change()  # starved: what is ready may be all for a while
                await self._came.wait()
                continue
            self._is_looking = True
            rows = [raw.popleft() for _ in range(min(len(raw), self._lookup))]
            self._room.set()
            fresh = await self._without_stored(rows)
            if len(fresh) < len(rows):
                self._weight -= sum(map(_weight, rows)) - sum(map(_weight, fresh))
                self._room.set()
            # Where most have a row, as in a run that goes on, few look-ups of many rows are fast.
            self._lookup = _MOST if 2 * len(fresh) < len(rows) else max(_FEWEST, min(_MOST, self.ahead))
            self._lookups.admit(fresh)
            self.ready += fresh
            self._is_looking = False
            self._on_change()
            await self._wait_for_room(lambda: len(self.ready) < self.ahead)
        self.ended = True
        self._on_change()

    async def _wait_for_room(self, has_room: Callable[[], bool]) -> None:
        while not has_room():
            self._room.clear()
            await self._room.wait()

    async def _without_stored(self, rows: Sequence[Row]) -> list[Row]:
        """Return those of some rows that are to be run."""
        # Before the look-up: a row that is under way now may be stored, and no longer under way, after it.
        new: dict[str, Row] = {}
        for row in rows:
            if row.key in new or self._lookups.is_open(row.key):
                self.repeated += 1
                self.first_repeated = self.first_repeated or row.key
            else:
                new[row.key] = row
        stored = await self._lookups.stored(new.keys())
        fresh = []
        for key, row in new.items():
            status = stored.get(key)
            if status == "failed" and self._redrive:
                fresh.append(row)
            elif status is not None:
                self._lookups.keep(key, status)
            elif self._redrive:
                self.passed += 1
            else:
                fresh.append(row)
        return fresh


def _weight(row: Row) -> int:
    return sum([len(value) for value in row.data.values() if type(value) is str])
