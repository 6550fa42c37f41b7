"""A clock that a test can stop and put forward, so that it does not depend on the speed of the machine."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
_real_monotonic, _real_time, _real_sleep = time.monotonic, time.time, time.sleep


class Clock:
    """The clocks of `time.monotonic` and `time.time`, and with them those of all event loops.

    It runs as usual until it is stopped. To test a time limit, set one that no machine exceeds, wait for the
    events that come before it, and put the clock forward.
    """

    def __init__(self) -> None:
        self._epoch = _real_time() - _real_monotonic()
        self._ahead = 0.0
        self._stopped_at: float | None = None

    def monotonic(self) -> float:
        """Return what `time.monotonic` returns in the test."""
        return (_real_monotonic() if self._stopped_at is None else self._stopped_at) + self._ahead

    def time(self) -> float:
        """Return what `time.time` returns in the test."""
        return self.monotonic() + self._epoch

    def stop(self) -> None:
        """Stop the clock: from now on only `advance` moves it."""
        self._stopped_at = _real_monotonic()

    def advance(self, seconds: float) -> None:
        """Put the clock forward. Call it in the event loop whose timers should ring."""
        self._ahead += seconds


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until a condition holds; fail after some real seconds. Works while the clock is stopped.

    What follows from it in the same event loop, without waiting for anything else, has happened then, too.
    """
    give_up_at = _real_monotonic() + seconds
    while not condition():
        assert _real_monotonic() < give_up_at, "the condition never came true"
        await asyncio.to_thread(_real_sleep, 0.001)
    for _ in range(100):  # turns of the loop: a branch takes a few from its result to its record
        await asyncio.sleep(0)


async def play(clock: Clock, running: "asyncio.Future[Result]", is_settled: Callable[[], bool]) -> Result:
    """Put a stopped clock forward in small steps until a task is done, and return its result.

    Args:
        clock: is stopped first.
        running: the task.
        is_settled: whether all that is due at this moment has happened, so that time may pass.
    """
    clock.stop()
    while not running.done():
        if is_settled():
            clock.advance(0.005)
        await asyncio.to_thread(_real_sleep, 0.0005)
    return await running
