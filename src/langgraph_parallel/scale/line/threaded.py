"""A line on a thread of its own, so that code which blocks the loop of the rows does not silence it."""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from langgraph_parallel.scale.line.beats import BEAT
from langgraph_parallel.scale.line.tcp import TcpLine

_log = logging.getLogger("langgraph_parallel")


class Address(NamedTuple):
    """Where a coordinator is, and what it wants to hear."""

    host: str
    port: int
    token: str


class ThreadedLine:
    """Asks over TCP, beats, and tells when the coordinator is gone.

    Args:
        address: of the coordinator.
        worker: name of this worker.
        state: returns what each beat tells; called on the thread of the line.
        on_answer: called there with the answer to each beat.
        on_end: called there once the coordinator, or the parent process, is gone; not after `close`.
        lifeline: file descriptor of a pipe that the parent holds open; None without a parent to die with.
    """

    def __init__(
        self,
        address: Address,
        *,
        worker: str,
        state: Callable[[], dict[str, Any]],
        on_answer: Callable[[dict[str, Any]], None],
        on_end: Callable[[], None],
        lifeline: int | None = None,
    ) -> None:
        self._address = address
        self._worker = worker
        self._state = state
        self._on_answer = on_answer
        self._on_end = on_end
        self._lifeline = lifeline
        self._parent = os.getppid()
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread
        self._line: TcpLine
        self._beating: asyncio.Task[None]

    def start(self) -> dict[str, Any]:
        """Connect; return the answer to hello.

        Raises:
            OSError: the coordinator cannot be reached.
        """
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)
        self._thread.start()
        try:
            return asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        except BaseException:
            self._stop()
            raise

    async def ask(self, op: str, data: dict[str, Any]) -> dict[str, Any]:
        """Ask the coordinator, from any event loop.

        Raises:
            OSError: the coordinator is gone.
            UsageError: it cannot answer that.
        """
        asked = asyncio.run_coroutine_threadsafe(self._line.ask(op, data), self._loop)
        return await asyncio.wrap_future(asked)

    def close(self) -> None:
        """Hang up; wait until the thread has ended."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> dict[str, Any]:
        self._line = await TcpLine.connect(*self._address, self._worker)
        if self._lifeline is not None:
            self._loop.add_reader(self._lifeline, self._read_lifeline, self._lifeline)
        self._beating = asyncio.create_task(self._beat())
        return self._line.welcome

    async def _close(self) -> None:
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        if self._lifeline is not None:
            self._loop.remove_reader(self._lifeline)
        await self._line.close()

    def _read_lifeline(self, lifeline: int) -> None:
        if not os.read(lifeline, 4096):
            self._loop.remove_reader(lifeline)
            self._line.closed.set()

    async def _beat(self) -> None:
        """Beat until the coordinator is gone; without beats a worker is taken for dead, so it ends then."""
        try:
            await self._beat_while_there()
        except Exception:
            _log.exception("a worker cannot tell its command how it is, and ends")
        self._on_end()

    async def _beat_while_there(self) -> None:
        while not self._line.closed.is_set():
            if self._lifeline is not None and os.getppid() != self._parent:
                break  # a fork of the parent may hold pipe and connection open
            with contextlib.suppress(OSError):  # a coordinator that does not answer in time included
                async with asyncio.timeout(2 * BEAT):
                    self._on_answer(await self._line.ask("beat", {"state": self._state()}))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self._line.closed.wait()
