"""What a run stores beside its work: it goes on meanwhile, and ends when all of it is stored."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType

Write = Callable[[], Awaitable[object]]
"""Stores something."""


_AT_ONCE = 16
"""Lines of a run, at most, that are written to at the same time: more than a saver writes at once. The others
wait here, where what is added meanwhile can still be stored with them in one operation."""


class Storing:
    """What is being stored of a run. It is entered by the outermost graph, whose end waits for all of it."""

    def __init__(self) -> None:
        self._due: deque[Line] = deque()
        self._writers: set[asyncio.Task[None]] = set()
        self._error: Exception | None = None

    async def __aenter__(self) -> "Storing":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._writers:
            await asyncio.wait(self._writers)
        if error is None and self._error is not None:
            raise self._error

    def line(self) -> "Line":
        """Return a new line, whose writes are made one after another, beside those of others."""
        return Line(self)

    def begin(self, line: "Line") -> None:
        """Make the writes of a line, in its turn."""
        self._due.append(line)
        if len(self._writers) < _AT_ONCE:
            writer = asyncio.ensure_future(self._write())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)

    async def _write(self) -> None:
        while self._due:
            await self._due.popleft().write_all()

    def failed(self, error: Exception) -> None:
        """Note that something could not be stored: the run raises the first such error at its end."""
        self._error = self._error or error


class Line:
    """Writes that are made in their order.

    Args:
        storing: whose run they belong to.
    """

    __slots__ = ("_is_due", "_made", "_storing", "_writes")

    def __init__(self, storing: Storing) -> None:
        self._storing = storing
        self._writes: list[Write] = []
        self._is_due = False
        self._made: asyncio.Future[None] | None = None

    def add(self, write: Write) -> None:
        """Make a write after those before it."""
        self._writes.append(write)
        if not self._is_due:
            self._is_due = True
            self._storing.begin(self)

    async def made(self) -> None:
        """Wait for all writes so far."""
        if self._is_due:
            self._made = self._made or asyncio.get_running_loop().create_future()
            await asyncio.wait([self._made])

    async def write_all(self) -> None:
        """Make all writes, also those that are added meanwhile."""
        try:
            while self._writes:
                writes, self._writes = self._writes, []
                for write in writes:
                    try:
                        await write()
                    except Exception as error:
                        self._storing.failed(error)
        finally:
            self._is_due = False
            if self._made is not None:
                self._made.set_result(None)
                self._made = None
