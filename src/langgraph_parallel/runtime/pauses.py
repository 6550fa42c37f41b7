"""The pause that an endpoint asks for: no request leaves before it is over, and then one goes first.

The others follow when it was answered, or when a refusal would have come back by now: so a pause that was too
short costs one refusal, and not one for each call that waits (as a circuit breaker is half open).
"""

import math

from langgraph_parallel.errors import EndpointPaused
from langgraph_parallel.runtime.pace import HORIZON, Launch

_LATEST_REFUSAL = 2.0
"""How much longer than the quickest refusal before the pause the next one may take, as a factor."""
_LONGEST_PROBE = 1.0
"""Seconds that other requests wait at most for the one that went first."""


class Pause:
    """The current or last pause of an endpoint. Times are those of `time.monotonic`.

    Not thread-safe: the limiter locks.
    """

    __slots__ = ("_asked_until", "_began", "_opens", "_probe", "_round_trip", "_seconds_asked", "ends")

    def __init__(self) -> None:
        self._began = -math.inf
        self.ends = -math.inf
        """When requests may leave again: one, to find out."""
        self._asked_until = -math.inf
        """When the endpoint wants to be asked again, which may be never."""
        self._opens = -math.inf
        """When others may follow the request that went first; infinite until it has left."""
        self._probe: Launch | None = None
        """The request that went first, while others wait for its answer."""
        self._round_trip = _LONGEST_PROBE
        """Seconds that the quickest refusal took of those that asked for the pause."""
        self._seconds_asked: float | None = None

    def seconds_left(self, now: float) -> float:
        """Return the seconds that the endpoint asks for; 0 once the pause is over, however long that was."""
        if now >= self.ends:
            return 0.0
        # Rounded, because `now + 60 - now` may exceed 60: a call would be sent away that waits through 60 s.
        return round(self._asked_until - now, 6)

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
        if now >= self.ends:
            self._asked_until = now
        self._began = now
        self._round_trip = _LONGEST_PROBE

    def extend(self, seconds: float, round_trip: float | None = None, longest: float = math.inf) -> None:
        """Let the pause last at least a number of seconds from its begin.

        Not from now: an endpoint that refuses a burst of requests means the same end with each answer.

        Args:
            seconds: from the begin.
            longest: seconds after which one request finds out whether the endpoint meant it.
            round_trip: seconds from a request to its refusal, which asked for the pause; None if no request
                was refused, and so none has to go first.
        """
        self._asked_until = max(self._asked_until, self._began + seconds)
        ends = self._began + min(seconds, longest)
        is_longer = ends > max(self.ends, self._began)
        self.ends = max(self.ends, ends)
        if round_trip is None:
            return
        self._round_trip = min(self._round_trip, round_trip)
        if is_longer:
            self._opens, self._probe = math.inf, None

    def launched(self, launch: Launch, now: float) -> None:
        """Note that a request left: the first one after a pause is alone until it is answered."""
        if self._opens == math.inf:
            self._probe = launch
            self._opens = now + min(_LATEST_REFUSAL * self._round_trip, _LONGEST_PROBE)

    def returned(self, launch: Launch) -> None:
        """Note that a request has ended: if it went first and was not refused, others may follow."""
        if launch is self._probe:
            self._opens, self._probe = -math.inf, None

    def wait(self, now: float) -> float:
        """Return the seconds until a request may leave; 0 or less for none."""
        opens = self._opens if self._probe is not None else -math.inf
        return max(self.ends, opens) - now

    def ask(self, seconds: float) -> None:
        """Note the seconds that a 429 asked for: once they are over, the pace is learned."""
        self._seconds_asked = max(self._seconds_asked or 0.0, seconds)

    def take_seconds_asked(self, now: float) -> float | None:
        """Return the longest time that a 429 asked for, once, when the pause is over; else None."""
        if self._seconds_asked is None or now < self.ends:
            return None
        # Taken once: a lesson for each call that leaves after the pause would stop all calls.
        seconds, self._seconds_asked = self._seconds_asked, None
        return seconds
