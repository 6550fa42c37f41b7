"""One chunk while this process works on it, and the rows of all chunks that have not begun."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence

from langgraph_parallel.scale.engine import Chunk, Deliver
from langgraph_parallel.scale.rows import Result, Row

_SECONDS = 0.01
"""Between the first result of a delivery and the delivery: what is not delivered is lost with the process."""
_MOST = 256
"""Results after which a delivery does not wait any longer."""


class Work:
    """A chunk of rows, and the results that were not delivered yet.

    Args:
        chunk: of the driver.
        deliver: takes results.
    """

    def __init__(self, chunk: Chunk, deliver: Deliver) -> None:
        self.chunk = chunk
        self.is_stopped = False
        """Whether nobody waits for its rows any more."""
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._left = len(chunk.rows)
        self._ended: deque[Result | BaseException | None] = deque()
        self._is_told = False
        self._due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_done(self) -> bool:
        """Whether every row has ended."""
        return not self._left

    def end(self, result: Result | BaseException | None) -> None:
        """Note that a row has ended, from the event loop.

        Args:
            result: of the row; None if it has none; an exception ends the whole work.
        """
        self._ended.append(result)
        number = len(self._ended)
        if number >= self._left or number >= _MOST or isinstance(result, BaseException):
            self._due.set()
        elif self._timer is None:
            self._timer = self._loop.call_later(_SECONDS, self._due.set)

    def end_in_thread(self, result: Result | BaseException | None) -> None:
        """Note that a row has ended, from another thread."""
        self._ended.append(result)
        if not self._is_told:  # one message for all that has ended when it is read
            self._is_told = True
            with contextlib.suppress(RuntimeError):  # the loop is closed, so that nobody waits for it
                self._loop.call_soon_threadsafe(self._hear)

    def _hear(self) -> None:
        self._is_told = False
        number = len(self._ended)
        if number >= self._left or number >= _MOST:
            self._due.set()
        elif number and self._timer is None:
            self._timer = self._loop.call_later(_SECONDS, self._due.set)

    async def deliver_all(self) -> None:
        """Deliver results as rows end; return once every row has ended.

        Raises:
            BaseException: what `end` was given.
        """
        try:
            while self._left:
                await self._due.wait()
                await self._deliver_some()
        finally:
            self.is_stopped = True
            if self._timer is not None:
                self._timer.cancel()

    async def _deliver_some(self) -> None:
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        results: list[Result] = []
        failure: BaseException | None = None
        for _ in range(len(self._ended)):
            ended = self._ended.popleft()
            if isinstance(ended, BaseException):  # what else has ended comes first
                failure = failure or ended
                continue
            self._left -= 1
            if ended is not None:
                results.append(ended)
        if results:
            await self._deliver(results)
        if failure is not None:
            raise failure
        if self._ended:  # while it was delivered
            self._hear()


Entry = tuple[Row, Work]


class Pending:
    """The rows that have not begun, in their order. Safe to use from any thread."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, work: Work) -> None:
        """Add the rows of a chunk."""
        with self._lock:
            self._entries.extend((row, work) for row in work.chunk.rows)

    def take(self) -> Entry | None:
        """Take the row that is next; None if there is none."""
        with self._lock:
            return self._entries.popleft() if self._entries else None

    def take_different(self, most: int) -> dict[str, Entry]:
        """Take rows whose keys differ, by their keys."""
        taken: dict[str, Entry] = {}
        with self._lock:
            while self._entries and len(taken) < most and self._entries[0][0].key not in taken:
                entry = self._entries.popleft()
                taken[entry[0].key] = entry
        return taken

    def take_back(self, most: int) -> list[Entry]:
        """Take rows that would be the last to begin."""
        with self._lock:
            return [self._entries.pop() for _ in range(min(most, len(self._entries)))]

    def drop(self, is_dropped: Callable[[Work], bool]) -> Sequence[Entry]:
        """Take all rows of some chunks."""
        dropped: list[Entry] = []
        with self._lock:
            for _ in range(len(self._entries)):
                entry = self._entries.popleft()
                (dropped if is_dropped(entry[1]) else self._entries).append(entry)
        return dropped
