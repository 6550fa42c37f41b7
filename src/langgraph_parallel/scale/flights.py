"""Rows that are under way, and the chunks that they are in."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from langgraph_parallel.scale.engine import Chunk
from langgraph_parallel.scale.rows import Result, Row

Landed = tuple[Row, Result]
"""A row, and its result."""


class Flight:
    """A chunk that an engine runs.

    Args:
        chunk: its rows.
        is_suspect: whether it is a row whose worker has died before.
    """

    __slots__ = ("chunk", "ended", "is_suspect", "ran", "started", "stayed")

    def __init__(self, chunk: Chunk, *, is_suspect: bool = False) -> None:
        self.chunk, self.is_suspect = chunk, is_suspect
        self.started = time.monotonic()
        self.ended = 0
        """Rows that have a result."""
        self.stayed = self.ran = 0.0
        """Seconds of these rows, from the start of the chunk, and of running."""

    @property
    def is_complete(self) -> bool:
        """Return whether each row has a result."""
        return self.ended == len(self.chunk.rows)


class Flights:
    """All rows that were read and have no result, and the tasks of their chunks.

    Args:
        on_end: called when a chunk has ended.
    """

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._open: dict[str, tuple[Row, Flight | None]] = {}
        """Each row with its chunk; None while it is in none."""
        self._tasks: dict[asyncio.Task[None], Flight] = {}
        self._numbers = 0

    def __len__(self) -> int:
        """Return the number of chunks in flight."""
        return len(self._tasks)

    def __contains__(self, key: object) -> bool:
        """Return whether a row is under way."""
        return key in self._open

    @property
    def suspects(self) -> int:
        """Number of chunks with a row whose worker has died."""
        return sum(flight.is_suspect for flight in self._tasks.values())

    def admit(self, rows: Iterable[Row]) -> None:
        """Note rows that are to be run."""
        for row in rows:
            self._open[row.key] = (row, None)

    def start(
        self,
        rows: Sequence[Row],
        run: Callable[[Flight], Coroutine[Any, Any, None]],
        *,
        is_suspect: bool = False,
    ) -> None:
        """Start a chunk of rows.

        Args:
            rows: that are under way, and in no chunk.
            run: ends with the chunk, and raises nothing.
            is_suspect: whether the worker of its row has died before.
        """
        self._numbers += 1
        flight = Flight(Chunk(self._numbers, rows), is_suspect=is_suspect)
        for row in rows:
            self._open[row.key] = (row, flight)
        task = asyncio.create_task(run(flight), name=f"chunk {self._numbers}")
        self._tasks[task] = flight
        task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """Stop all chunks."""
        for task in self._tasks:
            task.cancel()

    async def wait(self) -> None:
        """Wait until all chunks have ended."""
        if self._tasks:
            await asyncio.wait([*self._tasks])

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        self._on_end()

    def land(self, results: Iterable[Result]) -> list[Landed]:
        """Take results; return those of rows that had none, with their rows."""
        now = time.monotonic()
        landed = []
        for result in results:
            try:
                row, flight = self._open.pop(result.key)
            except KeyError:
                continue
            landed.append((row, result))
            if flight is not None:
                flight.ended += 1
                flight.stayed += now - flight.started
                flight.ran += result.seconds
        return landed

    def settle(self, rows: Iterable[Row]) -> None:
        """Forget rows that are not run any more."""
        for row in rows:
            self._open.pop(row.key, None)

    def missing(self, flight: Flight) -> list[Row]:
        """Return the rows of a chunk that has ended without their results."""
        if flight.is_complete:
            return []
        return [row for row in flight.chunk.rows if self._open.get(row.key, (row, None))[1] is flight]
