"""The time limit of a worker: its clock stands while calls wait or are under way, which have their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.timers import reschedule
from langgraph_parallel.runtime.waiting import is_running


class _Clock:
    """Runs while no call is in line or in flight.

    Args:
        timeout: is rescheduled.
        seconds: until it expires, of running time.
    """

    def __init__(self, timeout: asyncio.Timeout, seconds: float) -> None:
        self._timeout, self._left = timeout, seconds
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None

    def turn(self, busy: bool) -> None:
        """Stop the clock, or let it run. Safe to call from any thread."""
        if is_running(self._loop):
            self._turn(busy)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._turn, busy)

    def _turn(self, busy: bool) -> None:
        now = self._loop.time()
        if not busy and self._since is None:
            self._since = now
            self._reschedule(now + self._left)
        elif busy and self._since is not None:
            self._left, self._since = self._left - (now - self._since), None
            self._reschedule(None)

    def _reschedule(self, when: float | None) -> None:
        try:
            reschedule(self._timeout, when)
        except RuntimeError:  # it has expired, or the work has ended
            return


@asynccontextmanager
async def own_time(seconds: float | None, bound: Bound | None) -> AsyncIterator[None]:
    """Limit the time of the code inside; time in which calls of it are in line or in flight does not count.

    Args:
        seconds: None for no limit.
        bound: of the branch that the code is part of; None outside of any, where all time counts.

    Raises:
        TimeoutError: the time is over.
    """
    try:
        async with asyncio.timeout(None) as timeout:
            if seconds is None:
                yield
                return
            clock = _Clock(timeout, seconds)
            if bound is None:
                clock.turn(busy=False)
                yield
                return
            with bound.watched_by(clock.turn):
                yield
    except TimeoutError:
        if not timeout.expired():
            raise
        raise TimeoutError(
            f"no result within {seconds:g} s, in which no call was under way; raise call_timeout"
        ) from None
