"""Simulated time."""

import heapq
from collections.abc import Callable
from itertools import count

Act = Callable[[], object]


class Timer:
    """Something that is to be done at a time."""

    __slots__ = ("_act",)

    def __init__(self, act: Act) -> None:
        self._act: Act | None = act

    def cancel(self) -> None:
        """Do it not."""
        self._act = None

    def fire(self) -> None:
        """Do it, once."""
        act, self._act = self._act, None
        if act is not None:
            act()


class Clock:
    """A clock that jumps to the next thing to do; of several at one time, the one that was set first."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since the start."""
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = count()

    def after(self, seconds: float, act: Act) -> Timer:
        """Have something done after a number of seconds; negative ones count as 0."""
        timer = Timer(act)
        heapq.heappush(self._timers, (self.now + max(0.0, seconds), next(self._numbers), timer))
        return timer

    def run(self, is_over: Callable[[], bool]) -> None:
        """Run until it is over, or nothing is left to do."""
        while self._timers and not is_over():
            self.now, _, timer = heapq.heappop(self._timers)
            timer.fire()
