"""An endpoint in a replay: when a request may leave, and which ones are late.

It has what of `runtime.limiter` matters where nothing is refused: slots, one line, rates that are set, and a
short interval between requests that waited.
"""

import math
from bisect import insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from langgraph_parallel.replays.clock import Clock, Timer
from langgraph_parallel.runtime.buckets import RateBuckets
from langgraph_parallel.runtime.stragglers import QUANTILE

_INTERVAL = 0.002
"""Seconds between requests that waited in line, as in `runtime.pace`."""


@dataclass(frozen=True)
class Bounds:
    """What bounds a request."""

    concurrency: int
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


@dataclass(eq=False)
class Place:
    """A request in line."""

    bounds: Bounds
    tokens: int
    launch: Callable[[], object]


class Endpoint:
    """One model of one endpoint.

    Args:
        clock: of the replay.
        turnaround: seconds from a slot that is free to the next request that leaves.
    """

    def __init__(self, clock: Clock, turnaround: float) -> None:
        self._clock, self._turnaround = clock, turnaround
        self._line: deque[Place] = deque()
        self._in_flight, self._free_at = 0, 0.0
        self._buckets = RateBuckets()
        self._alarm: Timer | None = None
        self.late = Late(clock)

    def enter(self, place: Place, *, first: bool = False) -> None:
        """Let a request leave, now or once there is a slot and its rates allow it.

        Args:
            place: of the request.
            first: go to the head of the line, as a retry does.
        """
        if not self._line and not self._wait(place):
            self._in_flight += 1
            place.launch()
            return
        if first:
            self._line.appendleft(place)
        else:
            self._line.append(place)
        self._serve()

    def try_enter(self, place: Place) -> bool:
        """Let a request leave if it may at once; return whether it does."""
        if self._line or self._wait(place):
            return False
        self._in_flight += 1
        place.launch()
        return True

    def leave_line(self, place: Place) -> bool:
        """Take a request out of line; return whether it was there."""
        if place not in self._line:
            return False
        self._line.remove(place)
        self._serve()
        return True

    def release(self) -> None:
        """Return a slot."""
        self._in_flight -= 1
        self._serve()

    def _wait(self, place: Place) -> float:
        """Return 0 if a request may leave, which then counts against its rates; else the seconds to wait."""
        if self._free_at > self._clock.now:
            return self._free_at - self._clock.now
        if self._in_flight >= place.bounds.concurrency:
            return math.inf
        return self._buckets.take(
            place.bounds.requests_per_minute, place.bounds.tokens_per_minute, place.tokens, self._clock.now
        )

    def _serve(self) -> None:
        while self._line:
            place = self._line[0]
            if wait := self._wait(place):
                if wait < math.inf:
                    self._set_alarm(wait)
                return
            self._line.popleft()
            self._in_flight += 1
            if not place.bounds.requests_per_minute:
                self._free_at = self._clock.now + _INTERVAL
            self._clock.after(self._turnaround, place.launch)

    def _set_alarm(self, seconds: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._clock.after(seconds, self._serve)


class Late:
    """Tells of requests that run longer than 95% of all, as `runtime.stragglers` does.

    Args:
        clock: of the replay.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: dict[object, tuple[float, Callable[[], object]]] = {}
        self._told: set[object] = set()
        self._ordered: list[float] = []
        self._launched = self._hedges = 0
        self._alarm: Timer | None = None

    def watch(self, request: object, on_late: Callable[[], object] | None) -> None:
        """Watch a request that leaves.

        Args:
            request: any object of its own.
            on_late: called once it is late; None if only its duration counts.
        """
        self._running[request] = (self._clock.now, on_late or (lambda: None))
        self._launched += 1

    def finished(self, request: object, *, answered: bool) -> None:
        """Watch a request no more; the duration of one that was not answered does not count."""
        if (watched := self._running.pop(request, None)) is None:
            return
        if answered:
            insort(self._ordered, self._clock.now - watched[0])
        self._tell()

    def may_hedge(self, share: float) -> bool:
        """Return whether one more hedge stays within its share of all requests; it is counted if it does."""
        allowed = self._hedges + 1 <= share * self._launched
        self._hedges += allowed
        return allowed

    def _tell(self) -> None:
        rank = math.ceil(QUANTILE * (len(self._ordered) + len(self._running)))
        if not 0 < rank <= len(self._ordered):
            return
        threshold, now = self._ordered[rank - 1], self._clock.now
        for request, (started, on_late) in list(self._running.items()):
            if request in self._told:
                continue
            if (late_in := started + threshold - now) > 1e-9:
                if self._alarm is not None:
                    self._alarm.cancel()
                self._alarm = self._clock.after(late_in, self._tell)
                return
            self._told.add(request)
            on_late()
