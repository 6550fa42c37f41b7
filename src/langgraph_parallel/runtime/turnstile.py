"""Calls that wait for times at which they may leave, which somebody else grants ahead.

To ask for each call costs a round trip, and calls that ask again and again keep everybody busy. So calls wait
here, one after another; whoever keeps the rate for all processes grants times of departure for some of them
at once, a part of a second ahead; and each call leaves at its own, so that requests stay evenly paced. A call
takes a place among the requests in flight as it leaves: while it waits, others can use that place.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Protocol

MOST_ASKED = 64
"""Calls that are asked for at once."""
_LATEST = 0.04
"""Seconds after its time that a departure is still good for: a busy event loop wakes calls late. Beyond, late
ones would add up to a burst."""


class Places(Protocol):
    """Places among the requests in flight, of which each call that leaves takes one."""

    def take_place(self) -> bool:
        """Take a place; return False if there is none."""

    def return_place(self) -> None:
        """Give a place back."""


class Turnstile:
    """Lets calls leave at the times that are granted, in the order in which they came.

    Belongs to one event loop.

    Args:
        on_need: called when more calls wait than there are times.
        places: that calls take as they leave. A time at which there is none is lost, unless there is one
            soon: `let_leave` is to be called then. None if calls have their places already.
    """

    def __init__(self, on_need: Callable[[], None], places: Places | None = None) -> None:
        self._on_need = on_need
        self._places = places
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._times: deque[float] = deque()
        self._missed: list[float] = []
        """Times that were over before a call could leave."""
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    async def leave(self, tokens: int) -> None:
        """Wait for the time at which a call may leave.

        Args:
            tokens: that it is expected to take.
        """
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((tokens, future))
        self.let_leave()
        if future.done():
            return
        if self.is_in_need:
            self._on_need()
        try:
            await future
        except asyncio.CancelledError:
            if not future.cancelled() and self._places is not None:  # it left at the same moment
                self._places.return_place()
            raise

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return sum(not future.done() for _, future in self._waiting)

    @property
    def granted(self) -> int:
        """How many of these have a time."""
        return min(len(self._times), len(self._waiting))

    @property
    def is_in_need(self) -> bool:
        """Whether more calls wait than there are times."""
        return len(self._waiting) > len(self._times)

    def wanted(self) -> list[int]:
        """Return the tokens of each call that has no time yet, of the first of them."""
        self._drop_cancelled()
        have = len(self._times)
        return [tokens for tokens, _ in islice(self._waiting, have, have + MOST_ASKED)]

    def grant(self, delays: Sequence[float], late: float = 0.0) -> None:
        """Take times of departure, in ascending order.

        Args:
            delays: seconds from now.
            late: seconds that the answer with them came later than others do: they count from before.
        """
        now = self._loop.time() - late
        self._times.extend(now + delay for delay in delays)
        self.let_leave()

    def take_back(self) -> list[float]:
        """Give back the times that no call waits for any more, in seconds from now."""
        self._drop_cancelled()
        now, spare = self._loop.time(), []
        while len(self._times) > len(self._waiting):
            spare.append(self._times.pop() - now)
        return [delay for delay in reversed(spare) if delay > 0]

    def take_missed(self) -> list[float]:
        """Return, once, the seconds since each time at which no call has left, because it was too late."""
        now, missed = self._loop.time(), self._missed
        self._missed = []
        return [now - when for when in missed]

    def release(self) -> None:
        """Let all calls leave that wait, with or without a place: nobody grants times."""
        while self._waiting:
            _, future = self._waiting.popleft()
            if not future.done():
                self._takes_place()
                future.set_result(None)
        self._times.clear()

    def _drop_cancelled(self) -> None:
        if any(future.done() for _, future in self._waiting):
            self._waiting = deque(place for place in self._waiting if not place[1].done())

    def let_leave(self) -> None:
        """Let calls leave whose time has come, if there are places for them."""
        now = self._loop.time()
        while self._times and self._waiting:
            if self._waiting[0][1].done():
                self._waiting.popleft()
            elif self._times[0] < now - _LATEST:
                self._missed.append(self._times.popleft())
            elif self._times[0] > now:
                self._arm(self._times[0])
                return
            elif self._takes_place():
                self._times.popleft()
                self._waiting.popleft()[1].set_result(None)
            else:
                return
        if self._waiting:
            self._on_need()

    def _takes_place(self) -> bool:
        return self._places is None or self._places.take_place()

    def _arm(self, when: float) -> None:
        if self._timer is not None and self._timer.when() <= when and not self._timer.cancelled():
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.let_leave()
