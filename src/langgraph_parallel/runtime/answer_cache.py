"""The cache of answers: one SQLite file, bounded in size, that its owner alone can read.

Prompts are not in it: a key is a digest, and what it stands for is the answer, as JSON. Any number of
processes and threads may use a file at the same time.
"""

import asyncio
import os
import sqlite3
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary

from langgraph_parallel.arguments import checked
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.answer_file import (
    LEAST_BYTES,
    MOST_BYTES,
    Connections,
    Kept,
    connect,
    count,
    delete_all,
    insert,
    note_use,
    select,
)
from langgraph_parallel.runtime.answer_store import AnswerStore
from langgraph_parallel.runtime.private_file import make_private, take_rights

T = TypeVar("T")
_MOST_LOST = 100_000
"""Answers without room that are remembered."""


class AnswerCache(AnswerStore):
    """Answers in a file that its owner alone can read: the ones used least recently are deleted first.

    The file is SQLite: keys are digests, and answers are JSON texts as they were given, whatever
    `trace_contents` says. Any number of processes and threads may use it at the same time. A file that is
    locked, full, damaged or something else is left as it is: the run goes on without, and a remark in its
    report says so. So are a link, a file of another user, and a folder that everybody can write to.

    Args:
        path: of the file; None for `langgraph-parallel/answers.sqlite` in the user's folder of caches.
        most_bytes: maximum size of the file, at least 256 KiB. The log beside it (`-wal`), from which SQLite
            moves answers to the file, takes a quarter of it more, at most 4 MB, or as much as the answers
            that are put at once.
        max_age: seconds after which an answer is asked for again; None for no limit.

    Raises:
        UsageError: a number is out of its range.
    """

    @checked
    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        most_bytes: int = MOST_BYTES,
        max_age: float | None = None,
    ) -> None:
        if most_bytes < LEAST_BYTES:
            raise UsageError(f"most_bytes is {most_bytes}; expected at least {LEAST_BYTES}")
        if max_age is not None and not max_age > 0:
            raise UsageError(f"max_age is {max_age!r}; expected seconds, more than 0")
        self._is_default = path is None
        self.path = default_path() if path is None else Path(path).expanduser().absolute()
        self.most_bytes, self.max_age = most_bytes, max_age
        self._lock = threading.Lock()
        self._connections: Connections | None = None
        self._openings: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[Connections]] = (
            WeakKeyDictionary()
        )
        self._made = time.time()
        self._lost: list[float] = []
        """When answers were used last that there was no room for, in order."""
        self._used: dict[str, float] = {}
        """When answers were read that the file says nothing of yet."""

    def __repr__(self) -> str:
        return f"AnswerCache({str(self.path)!r})"

    def get(self, key: str) -> str | None:
        """Return an answer; None if it is not kept, or too old.

        Raises:
            OSError, sqlite3.Error: the file cannot be used.
        """
        return self._read(self._opened(), key)

    def put(self, answers: Mapping[str, str]) -> None:
        """Keep answers, by key, and delete what was not used for the longest time if there are too many.

        Raises:
            OSError, sqlite3.Error: the file cannot be used.
        """
        opened = self._opened()
        opened.writer.submit(self._write, opened, dict(answers)).result()

    async def aget(self, key: str) -> str | None:
        """Return an answer, as `get`. It takes some 20 µs, so that no thread is worth it."""
        return self._read(await self._aopened(), key)

    async def aput(self, answers: Mapping[str, str]) -> None:
        """Keep answers, as `put`, in a thread of the cache's own: writing may wait for other processes."""
        opened = await self._aopened()
        await asyncio.wrap_future(opened.writer.submit(self._write, opened, dict(answers)))

    def clear(self) -> None:
        """Delete all answers.

        Raises:
            OSError, sqlite3.Error: the file cannot be used.
        """
        self._written(delete_all)

    def count(self) -> Kept:
        """Return how much is kept.

        Raises:
            OSError, sqlite3.Error: the file cannot be used.
        """
        return self._written(count)

    def dropped(self, since: float) -> int:
        """Return how many answers, put or read since a moment, this object had no room for."""
        return len(self._lost) - bisect_left(self._lost, since)

    def close(self) -> None:
        """Close the file, once what is under way is written. It is opened again when it is needed."""
        with self._lock:
            opened, self._connections = self._connections, None
        if opened is not None and opened.process == os.getpid():
            opened.writer.shutdown()
            opened.reading.close()
            opened.writing.close()

    def _opened(self) -> Connections:
        with self._lock:
            # A connection must not be used in a process that was forked after it was made.
            if self._connections is None or self._connections.process != os.getpid():
                make_private(self.path, own_folder=self._is_default)
                self._connections = connect(self.path, self.most_bytes)
                # Now that it is known to be one of ours.
                take_rights(*(self.path.with_name(self.path.name + end) for end in ("", "-wal", "-shm")))
                if self.max_age is not None:
                    oldest = time.time() - self.max_age
                    self._connections.writing.execute("DELETE FROM answers WHERE stored < ?", (oldest,))
            return self._connections

    async def _aopened(self) -> Connections:
        opened = self._connections
        if opened is not None and opened.process == os.getpid():
            return opened
        loop = asyncio.get_running_loop()
        opening = self._openings.get(loop)
        if opening is None or opening.done():
            opening = self._openings[loop] = loop.create_task(asyncio.to_thread(self._opened))
        # All who wait for it go on together: siblings that are asked the same find each other then.
        return await asyncio.shield(opening)

    def _read(self, opened: Connections, key: str) -> str | None:
        row = select(opened, key)
        if row is None or (self.max_age is not None and time.time() - row.stored > self.max_age):
            return None
        with self._lock:
            begins = not self._used
            self._used[key] = time.time()
        if begins:  # those that are read until the thread is at it are noted together
            opened.submit(self._note_use, opened)
        return row.answer

    def _note_use(self, opened: Connections) -> None:
        with self._lock:
            used, self._used = self._used, {}
        note_use(opened.writing, used)

    def _written(self, work: Callable[[sqlite3.Connection], T]) -> T:
        opened = self._opened()
        return opened.writer.submit(work, opened.writing).result()

    def _write(self, opened: Connections, answers: Mapping[str, str]) -> None:
        for used in insert(opened.writing, answers, self.most_bytes):
            self._lost.append(max(used, self._lost[-1] if self._lost else self._made))
        del self._lost[:-_MOST_LOST]


def default_path() -> Path:
    """Return where answers are kept by default."""
    import platformdirs

    return platformdirs.user_cache_path("langgraph-parallel") / "answers.sqlite"
