"""The ceiling of requests in flight: additive increase, multiplicative decrease (AIMD)."""

import math

DECREASE = 0.7
"""Factor that lowers the ceiling, as in TCP CUBIC (RFC 9438, 4.6)."""


class Ceiling:
    """Number of requests that may be in flight, as learned from one endpoint; infinite at first.

    Not thread-safe: the limiter locks.
    """

    __slots__ = ("_lowered_at", "value")

    def __init__(self) -> None:
        self.value = math.inf
        self._lowered_at = -math.inf

    def lower(self, in_flight: int, launched_at: float, now: float) -> None:
        """Multiply the ceiling by `DECREASE`; never below 1.

        Args:
            in_flight: requests in flight, the failed one included.
            launched_at: when the failed request left, on any monotonic clock.
            now: the time on it.
        """
        # Requests that left before the ceiling was last lowered met the old one: all of them together are
        # one reason to lower it. A request that was alone in flight was not one too many.
        if launched_at > self._lowered_at and in_flight > 1:
            # An infinite or unused ceiling says nothing; what was in flight does.
            self.value = max(1.0, DECREASE * min(self.value, in_flight))
            self._lowered_at = now

    def grow(self, in_flight: int) -> None:
        """Raise the ceiling after an answer, by 1 for each full round of answers.

        Args:
            in_flight: requests in flight, the answered one included.
        """
        # An endpoint that is asked for less than the ceiling has not shown that it can take more.
        if in_flight >= self.value - 1:
            self.value += 1 / self.value
