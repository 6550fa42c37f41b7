"""Calls that wait for a slot: lines for each run, and turns between the runs.

Turns are per run and not per call, so that a run with a thousand calls in line does not hold up one that has
two. Within a line the order is first come, first served, except for retries, which go to its head.

The turns are those of weighted fair queueing, where every call has the same length: a run's next turn comes
1/priority after its last one on a virtual clock, which goes on by 1 while every run in line gets 1 (Demers,
Keshav and Shenker, SIGCOMM 1989), but not before the turn that was served last. So a run that comes later
waits for one call of each run in line, no run saves up turns while it asks for nothing, and runs that come
and go do not hold up one that stays.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Hashable

from langgraph_parallel.runtime.slots import Rates, Slot
from langgraph_parallel.runtime.waiting import Waiter

_MOST_TURNS = 100
"""Number of runs whose turns are remembered, beside those with calls in line."""


class Place:
    """The place of one call in the line of its run."""

    __slots__ = ("priority", "rates", "requests", "run", "slot", "tokens", "waiter")

    def __init__(self, run: Hashable, rates: Rates, tokens: int, priority: float, requests: int = 1) -> None:
        self.run = run
        self.rates = rates
        self.priority = priority
        self.tokens = tokens
        self.requests = requests
        """As how many requests it counts against a rate."""
        self.waiter: Waiter | None = None
        """What waits; None before the call is in line."""
        self.slot: Slot | None = None
        """The slot that the call was given; None while it waits, and if it was sent away without one."""

    @property
    def is_abandoned(self) -> bool:
        """Whether its event loop was closed, so that nothing waits any more."""
        return self.waiter is not None and self.waiter.loop.is_closed()

    def wake(self) -> None:
        """End the wait."""
        if self.waiter is not None:
            self.waiter.wake()


class Lines:
    """The lines of all runs. Not thread-safe: the limiter locks."""

    def __init__(self) -> None:
        # A run has a line for each bounds of its calls, so that a call with tight ones holds up no other.
        # No line is empty.
        self._lines: dict[tuple[Hashable, Rates], deque[Place]] = {}
        self._by_concurrency: Counter[int] = Counter()
        """Number of lines, by the concurrency of their calls."""
        self._clock = 0.0
        self._next_turns: dict[Hashable, float] = {}
        """On the clock, by run; also of runs without a line, which may have one again."""

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __len__(self) -> int:
        """Return the number of calls in line, over all runs."""
        return sum(map(len, self._lines.values()))

    @property
    def most_at_once(self) -> int:
        """The highest concurrency that a call in line allows; 0 if there is none."""
        return max(self._by_concurrency, default=0)

    @property
    def loops(self) -> set[asyncio.AbstractEventLoop]:
        """Event loops of the calls at the head of a line."""
        waiters = [line[0].waiter for line in self._lines.values()]
        return {waiter.loop for waiter in waiters if waiter is not None}

    def join(self, place: Place, *, first: bool) -> Waiter:
        """Put a call at the end of its line, or at its head; return what waits for its turn."""
        place.waiter = Waiter()
        if (line := self._lines.get((place.run, place.rates))) is None:
            line = self._lines[place.run, place.rates] = deque()
            self._by_concurrency[place.rates.concurrency] += 1
        line.appendleft(place) if first else line.append(place)
        return place.waiter

    def leave(self, place: Place) -> None:
        """Take a call out of line; do nothing if it is not in line any more."""
        # A call that is cancelled may have been sent away, or served, at the same moment by another thread.
        line = self._lines.get((place.run, place.rates))
        if line is not None and place in line:
            line.remove(place)
            if not line:
                del self._lines[place.run, place.rates]
                self._by_concurrency -= Counter([place.rates.concurrency])

    def in_turn(self) -> list[Place]:
        """Return the head of each line, in the order of turns; of equal turns, the older line's first."""
        self.drop_closed()
        heads, next_turns, clock = [line[0] for line in self._lines.values()], self._next_turns, self._clock
        return sorted(heads, key=lambda head: max(clock, next_turns.get(head.run, 0.0)))

    def served(self, run: Hashable, priority: float) -> None:
        """Note that a call of a run got a slot, from its line or without waiting."""
        if not self._lines:  # nobody waits, so nobody has waited for longer than others
            self._next_turns, self._clock = {}, 0.0
        turn = self._turn(run)
        priorities = {head.run: head.priority for head in (line[0] for line in self._lines.values())}
        priorities[run] = priority
        self._next_turns[run] = turn + 1 / priority
        self._clock = turn + 1 / sum(priorities.values())
        if len(self._next_turns) > _MOST_TURNS + 2 * len(self._lines):
            # A turn that the clock has passed says as much as none.
            self._next_turns = {run: at for run, at in self._next_turns.items() if at > self._clock}

    def send_away(self, pause: float) -> list[Place]:
        """Remove and return the calls whose limits allow no pause of this length."""
        leaving = [
            place for line in self._lines.values() for place in line if pause > place.rates.longest_pause
        ]
        for place in leaving:
            self.leave(place)
        return leaving

    def _turn(self, run: Hashable) -> float:
        return max(self._clock, self._next_turns.get(run, 0.0))

    def drop_closed(self) -> None:
        """Remove the calls at the heads of lines whose event loop was closed while they waited."""
        while any(loop.is_closed() for loop in self.loops):
            for place in [line[0] for line in self._lines.values() if line[0].is_abandoned]:
                self.leave(place)
