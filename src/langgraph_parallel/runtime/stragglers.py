"""Stragglers: calls that run longer than 95% of all calls that were launched.

The quantile counts calls that are still running. Among finished calls alone the quick ones would be
over-represented, and most running calls would look slow only because they are not finished yet.
"""

import asyncio
import bisect
import math
import threading
import time
from collections import deque

from langgraph_parallel.runtime.timers import call_later
from langgraph_parallel.runtime.waiting import Waiter, is_running

QUANTILE = 0.95
_DURATIONS_KEPT = 400


class Running:
    """A call that is being watched."""

    __slots__ = ("is_late", "started", "waiter")

    def __init__(self, started: float) -> None:
        self.started = started
        self.waiter = Waiter()
        """Woken when the call is late."""
        self.is_late = False


class Stragglers:
    """Watches the calls to one endpoint and model, and wakes the waiters of those that become late.

    Safe to use from any thread and any event loop.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._running: dict[Running, None] = {}
        """In the order of their start."""
        self._recent: deque[float] = deque()
        """The last durations in seconds, in the order of their end."""
        self._ordered: list[float] = []
        """The same durations in ascending order."""
        self._launched = 0
        self._hedges = 0

    def watch(self) -> Running:
        """Start watching a call."""
        with self._lock:
            running = Running(time.monotonic())
            self._running[running] = None
            self._launched += 1
            return running

    def finished(self, running: Running, *, answered: bool) -> None:
        """Stop watching a call; the duration of one that failed does not count."""
        with self._lock:
            self._running.pop(running, None)
            if answered:
                self._note(time.monotonic() - running.started)
            self._wake_late()

    def may_hedge(self, share: float) -> bool:
        """Return whether one more hedge stays within its share of all calls; it is counted if it does."""
        with self._lock:
            allowed = self._hedges + 1 <= share * self._launched
            self._hedges += allowed
            return allowed

    def threshold(self) -> float | None:
        """Return the seconds that 95% of all launched calls took at most; None while that is unknown."""
        # A running call counts as one that takes longest. So the rank may lie beyond the durations: then even
        # the slowest finished call is among the quickest 95%, and no running call is known to be late.
        rank = math.ceil(QUANTILE * (len(self._ordered) + len(self._running)))
        return self._ordered[rank - 1] if 0 < rank <= len(self._ordered) else None

    def forget_durations(self) -> None:
        """Forget how long calls took, and how many were hedged; keep watching those that run."""
        with self._lock:
            self._recent.clear()
            self._ordered.clear()
            self._launched, self._hedges = len(self._running), 0

    def _note(self, seconds: float) -> None:
        self._recent.append(seconds)
        bisect.insort(self._ordered, seconds)
        if len(self._recent) > _DURATIONS_KEPT:
            self._ordered.pop(bisect.bisect_left(self._ordered, self._recent.popleft()))

    def _wake_late(self) -> None:
        """Wake the waiters of late calls, and look again when the next call would be late."""
        with self._lock:
            if (threshold := self.threshold()) is None:
                return
            now = time.monotonic()
            for running in [call for call in self._running if not call.is_late]:
                late_in = running.started + threshold - now
                if late_in > 0:
                    # The calls after this one started later, so none of them is late before it.
                    self._look_again(late_in, running.waiter.loop)
                    return
                running.is_late = True
                running.waiter.wake()

    def _look_again(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        if is_running(loop):
            call_later(loop, seconds, self._wake_late)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(call_later, loop, seconds, self._wake_late)
