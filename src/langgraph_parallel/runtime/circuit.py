"""A circuit breaker for a server that others can do without: after one slow answer it is not waited for."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from langgraph_parallel.runtime.timers import call_later, reschedule

T = TypeVar("T")

FIRST_TIMEOUT = 1.0
"""Seconds to wait for an answer before any time is known, as in RFC 6298, 2.1."""
_LEAST_TIMEOUT, _LONGEST_TIMEOUT = 0.2, 1.0
_FIRST_REST, _LONGEST_REST = 2.0, 60.0
"""Seconds between two probes of a server that did not answer; doubled after each."""
_LATE = 0.05
"""Seconds by which a timer of a busy event loop may ring late; beyond, the loop was slow, not the server."""


_MOST_LATE = 3
"""Times that a late timer is set again."""


class CircuitOpen(Exception):
    """The server did not answer lately, and is not asked."""


class Circuit:
    """Asks a server while it answers in time. Belongs to one event loop.

    What is in time follows from the times so far, as TCP's retransmission timeout does (RFC 6298, 2). The
    first answer that is late or fails opens the circuit: everybody who waits goes on at once, nobody asks,
    and a probe in the background closes it when the server answers again.

    Args:
        probe: asks the server for a sign of life.
        opened: called with the reason when the circuit opens.
        outages: errors that mean that the server cannot be reached; any other says nothing about the next
            question.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[object]],
        opened: Callable[[BaseException], None],
        outages: tuple[type[Exception], ...] = (OSError,),
    ) -> None:
        self._probe, self._note_opened = probe, opened
        self._outages: tuple[type[Exception], ...] = (TimeoutError, *outages)
        self._waiting: set[asyncio.Timeout] = set()
        self._is_open = False
        self._put_off: set[Callable[[], None]] = set()
        self._probing: asyncio.Task[None] | None = None
        self._mean: float | None = None
        self._variation = 0.0

    @property
    def timeout(self) -> float:
        """Seconds after which an answer is late."""
        if self._mean is None:
            return FIRST_TIMEOUT
        return min(_LONGEST_TIMEOUT, max(_LEAST_TIMEOUT, self._mean + 4 * self._variation))

    def put_off(self, callback: Callable[[], None]) -> None:
        """Call something, once, when the server answers again."""
        self._put_off.add(callback)

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """Ask, and return the answer.

        Raises:
            CircuitOpen: the server did not answer lately, or somebody else has just found it slow.
            TimeoutError: it does not answer in time.
            Exception: the client's error.
        """
        if self._is_open:
            raise CircuitOpen
        try:
            return await self._timed(question)
        except self._outages as error:
            if self._is_open:
                raise CircuitOpen from error
            self._open(error)
            raise

    async def _timed(self, question: Callable[[], Awaitable[T]]) -> T:
        loop, seconds = asyncio.get_running_loop(), self.timeout
        begun, late_rings = loop.time(), 0
        timer: asyncio.TimerHandle

        def ring() -> None:
            nonlocal timer, late_rings
            if loop.time() - timer.when() > _LATE and late_rings < _MOST_LATE:
                late_rings += 1  # the answer may be there, and was not read yet
                timer = call_later(loop, seconds, ring)
            else:
                self._end(timeout)

        async with asyncio.timeout(None) as timeout:
            self._waiting.add(timeout)
            timer = call_later(loop, seconds, ring)
            try:
                answer = await question()
            finally:
                timer.cancel()
                self._waiting.discard(timeout)
        self._note_time(loop.time() - begun)
        return answer

    def _end(self, timeout: asyncio.Timeout) -> None:
        """End a wait, once: a timeout that expires cannot be rescheduled."""
        if timeout in self._waiting:
            self._waiting.discard(timeout)
            reschedule(timeout, asyncio.get_running_loop().time())

    def _note_time(self, seconds: float) -> None:
        if self._mean is None:
            self._mean, self._variation = seconds, seconds / 2
        else:
            self._variation += (abs(seconds - self._mean) - self._variation) / 4
            self._mean += (seconds - self._mean) / 8

    def _open(self, error: BaseException) -> None:
        self._is_open = True
        for timeout in list(self._waiting):
            self._end(timeout)
        self._probing = asyncio.ensure_future(self._probe_until_it_answers())
        self._note_opened(error)

    async def _probe_until_it_answers(self) -> None:
        rest = _FIRST_REST
        while self._is_open:
            await asyncio.sleep(rest)
            with contextlib.suppress(Exception):
                await self._timed(self._probe)
                self._is_open = False
            rest = min(_LONGEST_REST, 2 * rest)
        while self._put_off:
            self._put_off.pop()()
