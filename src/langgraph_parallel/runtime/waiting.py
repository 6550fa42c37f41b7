"""Waiting for an event that may come from another thread, or never."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

from langgraph_parallel.runtime.timers import call_later


class Waiter:
    """One coroutine that waits in its own event loop, and can be woken from any thread."""

    __slots__ = ("_future", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] = self.loop.create_future()

    def wake(self) -> None:
        """End the wait. Does nothing if it has ended already, or was cancelled."""
        if is_running(self.loop):
            self._resolve()
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self) -> None:
        """Wait until `wake` is called."""
        await self._future


class Alarm:
    """Calls a function at a time, in the event loop of one of its waiters.

    It is for code that has neither a thread nor a loop of its own. The caller of `set` holds the lock, and
    `ring` is called while it is held.

    Args:
        lock: a reentrant lock.
        ring: what to call.
    """

    def __init__(self, lock: "threading.RLock", ring: Callable[[], None]) -> None:
        self._lock = lock
        self._ring = ring
        self._setting: tuple[float, asyncio.AbstractEventLoop] | None = None

    def set(self, when: float, loops: set[asyncio.AbstractEventLoop]) -> None:
        """Ring at a time, unless the alarm rings earlier.

        Args:
            when: on the clock of `time.monotonic`.
            loops: those in which a coroutine waits for the alarm; at least one.
        """
        # An earlier alarm only counts in a loop in which a coroutine still waits: any other may be closed
        # before the alarm rings, and its waiters would never wake.
        if self._setting is not None and self._setting[0] <= when and self._setting[1] in loops:
            return
        loop = next(iter(loops))
        setting = self._setting = (when, loop)

        def ring() -> None:
            with self._lock:
                if self._setting is setting:
                    self._setting = None
                self._ring()

        def arm() -> None:
            call_later(loop, max(0.0, when - time.monotonic()), ring)

        arm() if is_running(loop) else loop.call_soon_threadsafe(arm)


def in_event_loop() -> bool:
    """Return whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def is_running(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether this code runs in that event loop."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def run_here(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in this thread, in which no event loop runs."""
    # With a factory, the runner leaves the event loop alone that the thread may have.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(coroutine, context=copy_context())
