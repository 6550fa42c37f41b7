"""Sinks that block, in a thread of their own: files, and databases that are files."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

from langgraph_parallel.errors import UsageError
from langgraph_parallel.report.wording import visible
from langgraph_parallel.scale.rows import Result, RowStatus
from langgraph_parallel.scale.sinks.base import Counts, Manifest
from langgraph_parallel.scale.sinks.naming import NameRules

T = TypeVar("T")


class Store(Protocol):
    """What a sink does, for one thread; see `Sink`."""

    name: str
    rules: NameRules

    @property
    def remarks(self) -> Sequence[str]:
        """What is to be known of the rows."""

    def open(self) -> Manifest | None:
        """Open or create it."""

    def stored(self, keys: Collection[str]) -> Mapping[str, RowStatus]:
        """Return the status of those keys that have a row."""

    def write(self, results: Sequence[Result], manifest: Manifest) -> None:
        """Store results and the manifest in one step."""

    def counts(self) -> Counts:
        """Return the number of rows."""

    def failures_after(self, key: str | None) -> Sequence[Result]:
        """Return the next rows that failed, in the order of their keys; None for the first ones."""

    def close(self) -> None:
        """Close it."""


@contextmanager
def explained(doing: str, name: str) -> Iterator[None]:
    """Say what could not be done to a sink and why, and that nothing is lost.

    Args:
        doing: `write to`.
        name: of the sink.

    Raises:
        UsageError: in place of an error of the system or of SQLite.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(
            f"cannot {doing} {name}: {visible(reason)}; what was stored stays, and the same command goes on "
            "once that is mended"
        ) from error


class BlockingSink:
    """A sink whose store is used by one thread, so that the event loop never waits for a disk.

    Args:
        store: what does the work.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread: ThreadPoolExecutor | None = None
        self.name, self.rules = store.name, store.rules

    @property
    def remarks(self) -> Sequence[str]:
        """What is to be known of the rows: texts that are not stored as they were."""
        return self._store.remarks

    async def open(self) -> Manifest | None:
        """Open or create it; see `Sink`."""
        self._thread = ThreadPoolExecutor(1, "sink")
        try:
            return await self._do(self._store.open)
        except BaseException:
            await self.close()
            raise

    async def stored(self, keys: Collection[str]) -> Mapping[str, RowStatus]:
        """Return the status of those keys that have a row."""
        return await self._do(lambda: self._store.stored(keys))

    async def write(self, results: Sequence[Result], manifest: Manifest) -> None:
        """Store results and the manifest in one step, durably; see `Sink`."""
        await self._do(lambda: self._store.write(results, manifest))

    async def counts(self) -> Counts:
        """Return the number of rows."""
        return await self._do(self._store.counts)

    async def failures(self) -> AsyncIterator[Result]:
        """Iterate over the rows that failed; rows may be written meanwhile."""
        last: str | None = None
        while found := await self._do(lambda after=last: self._store.failures_after(after)):  # type: ignore[misc]
            for result in found:
                yield result
            last = found[-1].key

    async def close(self) -> None:
        """Close it; nothing if it is not open."""
        if self._thread is not None:
            try:
                await self._do(self._store.close)
            finally:
                self._thread.shutdown(wait=False)
                self._thread = None

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
