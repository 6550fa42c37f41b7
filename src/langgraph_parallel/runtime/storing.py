"""What a run stores beside its work: it goes on meanwhile, and ends when all of it is stored."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

Write = Callable[[], Awaitable[object]]
"""Stores something."""


class Storing:
    """What is being stored of a run. It is entered by the outermost graph, whose end waits for all of it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: Exception | None = None

    async def __aenter__(self) -> "Storing":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)
        if error is None and self._error is not None:
            raise self._error

    def line(self) -> "Line":
        """Return a new line, whose writes are made one after another, beside those of others."""
        return Line(self)

    def begin(self, line: "Line") -> asyncio.Task[None]:
        """Begin to make the writes of a line."""
        task = asyncio.ensure_future(line.write_all())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def failed(self, error: Exception) -> None:
        """Note that something could not be stored: the run raises the first such error at its end."""
        self._error = self._error or error


class Line:
    """Writes that are made in their order.

    Args:
        storing: whose run they belong to.
    """

    __slots__ = ("_storing", "_task", "_writes")

    def __init__(self, storing: Storing) -> None:
        self._storing = storing
        self._writes: list[Write] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, write: Write) -> None:
        """Make a write after those before it."""
        self._writes.append(write)
        if self._task is None:
            self._task = self._storing.begin(self)

    async def made(self) -> None:
        """Wait for all writes so far."""
        if self._task is not None:
            await asyncio.wait([self._task])

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
            self._task = None
