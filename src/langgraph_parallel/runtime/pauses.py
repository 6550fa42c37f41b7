"""The pause that an endpoint asks for: no request leaves before it is over."""

import math

from langgraph_parallel.errors import EndpointPaused
from langgraph_parallel.runtime.pace import HORIZON


class Pause:
    """The current or last pause of an endpoint. Times are those of `time.monotonic`.

    Not thread-safe: the limiter locks.
    """

    __slots__ = ("_began", "_seconds_asked", "ends")

    def __init__(self) -> None:
        self._began = -math.inf
        self.ends = -math.inf
        """When requests may leave again."""
        self._seconds_asked: float | None = None

    def seconds_left(self, now: float) -> float:
        """Return the seconds until the pause ends; negative after it."""
        # Rounded, because `now + 60 - now` may exceed 60: a call would be sent away that waits through 60 s.
        return round(self.ends - now, 6)

    def too_long(self, now: float) -> EndpointPaused:
        """Return the error of a call that does not wait through the pause."""
        seconds = self.seconds_left(now)
        return EndpointPaused(f"the endpoint asks for a pause of {seconds:.0f} s, above retry_after_ceiling")

    def is_new(self, launched_at: float, now: float) -> bool:
        """Return whether a request that is refused now starts another pause.

        Requests that left before the pause began belong to the burst that caused it: they extend it. But a
        refusal that comes long after the pause cannot refer to it.
        """
        return launched_at > self._began or now >= self.ends + HORIZON

    def begin(self, now: float) -> None:
        """Begin a pause; it ends at once unless it is extended."""
        self._began = now

    def extend(self, seconds: float) -> None:
        """Let the pause last at least a number of seconds from its begin.

        Not from now: an endpoint that refuses a burst of requests means the same end with each answer.
        """
        self.ends = max(self.ends, self._began + seconds)

    def ask(self, seconds: float) -> None:
        """Note the seconds that a 429 asked for: once they are over, the pace is lowered."""
        self._seconds_asked = max(self._seconds_asked or 0.0, seconds)

    def take_seconds_asked(self, now: float) -> float | None:
        """Return the longest time that a 429 asked for, once, when the pause is over; else None."""
        if self._seconds_asked is None or now < self.ends:
            return None
        # Taken once: a pace that is lowered for each call that leaves after the pause would stop all calls.
        seconds, self._seconds_asked = self._seconds_asked, None
        return seconds
