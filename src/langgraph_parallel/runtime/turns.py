"""Calls that wait for a slot: one line for each run, and turns between the runs.

Turns are per run and not per call, so that a run with a thousand calls in line does not hold up one that has
two. Within a line the order is first come, first served, except for retries, which go to its head.
"""

import asyncio
from collections import deque
from collections.abc import Hashable

from langgraph_parallel.runtime.slots import Rates, Slot
from langgraph_parallel.runtime.waiting import Waiter


class Place:
    """The place of one call in the line of its run."""

    __slots__ = ("rates", "run", "slot", "tokens", "waiter")

    def __init__(self, run: Hashable, rates: Rates, tokens: int) -> None:
        self.run = run
        self.rates = rates
        self.tokens = tokens
        self.waiter = Waiter()
        self.slot: Slot | None = None
        """The slot that the call was given; None while it waits, and if it was sent away without one."""


class Lines:
    """The lines of all runs. Not thread-safe: the limiter locks."""

    def __init__(self) -> None:
        # In the order of turns: the first run is served next. No line is empty.
        self._by_run: dict[Hashable, deque[Place]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_run)

    def __len__(self) -> int:
        """Return the number of calls in line, over all runs."""
        return sum(len(line) for line in self._by_run.values())

    @property
    def runs(self) -> int:
        """Number of runs with a line."""
        return len(self._by_run)

    @property
    def loops(self) -> set[asyncio.AbstractEventLoop]:
        """Event loops of the calls at the head of a line."""
        return {line[0].waiter.loop for line in self._by_run.values()}

    def join(self, place: Place, *, first: bool) -> None:
        """Put a call at the end of its run's line, or at its head."""
        line = self._by_run.setdefault(place.run, deque())
        line.appendleft(place) if first else line.append(place)

    def leave(self, place: Place) -> None:
        """Take a call out of line; do nothing if it is not in line any more."""
        # A call that is cancelled may have been sent away, or served, at the same moment by another thread.
        line = self._by_run.get(place.run)
        if line is not None and place in line:
            line.remove(place)
            if not line:
                del self._by_run[place.run]

    def take_turn(self) -> Place:
        """Return the head of the line whose turn it is, still in line; the turn passes to the next run."""
        run = next(iter(self._by_run))
        line = self._by_run[run] = self._by_run.pop(run)
        return line[0]

    def send_away(self, pause: float) -> list[Place]:
        """Remove and return the calls whose limits allow no pause of this length."""
        leaving = [
            place for line in self._by_run.values() for place in line if pause > place.rates.longest_pause
        ]
        for place in leaving:
            self.leave(place)
        return leaving
