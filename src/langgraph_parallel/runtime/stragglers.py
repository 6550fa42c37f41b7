"""Stragglers: calls that run longer than 95% of all that were launched.

The quantile is that of launched calls, running ones included. Of finished calls alone it would be taken
from the quick ones, and most of the others would look slow while they are only not finished yet.
"""

import asyncio
import bisect
import math
import threading
import time
from collections import deque

from langgraph_parallel.runtime.waiting import Waiter, is_running

QUANTILE = 0.95
_KEPT = 400


class Running:
    """A call that is being watched."""

    __slots__ = ("hedged", "started", "waiter")

    def __init__(self, started: float) -> None:
        self.started = started
        self.waiter = Waiter()
        self.hedged = False


class Stragglers:
    """Watches the calls to one endpoint and model, and tells those that have become late."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._running: dict[Running, None] = {}
        self._recent: deque[float] = deque()
        self._ordered: list[float] = []
        self._launched = 0
        self._hedges = 0

    def watch(self) -> Running:
        """A call starts; its `waiter` is told when it is late."""
        with self._lock:
            running = Running(time.monotonic())
            self._running[running] = None
            self._launched += 1
            return running

    def finished(self, running: Running, *, answered: bool) -> None:
        """A call has ended; one that failed says nothing of how long calls take."""
        with self._lock:
            self._running.pop(running, None)
            if answered:
                self._note(time.monotonic() - running.started)
            self._look()

    def may_hedge(self, share: float) -> bool:
        """Whether one more second request keeps them within their share of all; it is counted if so."""
        with self._lock:
            allowed = self._hedges + 1 <= share * self._launched
            self._hedges += allowed
            return allowed

    def threshold(self) -> float | None:
        """Seconds that 95% of all launched calls have stayed below; None while that is not known."""
        rank = math.ceil(QUANTILE * (len(self._ordered) + len(self._running)))
        return self._ordered[rank - 1] if 0 < rank <= len(self._ordered) else None

    def _note(self, seconds: float) -> None:
        self._recent.append(seconds)
        bisect.insort(self._ordered, seconds)
        if len(self._recent) > _KEPT:
            self._ordered.pop(bisect.bisect_left(self._ordered, self._recent.popleft()))

    def _look(self) -> None:
        """Tell the late ones, and look again when the next one would be."""
        with self._lock:
            if (threshold := self.threshold()) is None:
                return
            now = time.monotonic()
            for running in [r for r in self._running if not r.hedged]:
                late_in = running.started + threshold - now
                if late_in > 0:
                    self._look_in(late_in, running.waiter.loop)
                    return  # those after it started later
                running.hedged = True
                running.waiter.tell()

    def _look_in(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        if is_running(loop):
            loop.call_later(seconds, self._look)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(loop.call_later, seconds, self._look)
