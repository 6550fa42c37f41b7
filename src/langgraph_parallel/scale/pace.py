"""How fast items end of late, and what the rest is expected to take."""

import math

HORIZON = 30.0
"""Seconds after which what has ended counts 1/e of what ends now."""


class Pace:
    """Items per second of late: what ended counts the less, the longer ago it did.

    Both the items and the time that they took fade in the same way, so that the rate is right from the first
    seconds on, and is the mean of the whole run while that is young. Items that end together, as those of a
    chunk do, move it little: `HORIZON` is long beside the time of a chunk.

    Args:
        now: when the run began, in seconds of any clock.
        horizon: seconds after which an item counts 1/e.

    >>> pace = Pace(now=0.0)
    >>> for second in range(1, 101):
    ...     pace.add(20, float(second))
    >>> round(pace.rate(100.0), 1)
    20.3
    """

    def __init__(self, now: float, horizon: float = HORIZON) -> None:
        self._horizon = horizon
        self._start = self._last = now
        self._faded = 0.0
        """Items, each at what it counts at `_last`."""

    def add(self, items: int, now: float) -> None:
        """Count items that have ended."""
        self._faded = self._faded_at(now) + items
        self._last = max(self._last, now)

    def rate(self, now: float) -> float:
        """Return items per second; 0 before any time has passed."""
        weight = -self._horizon * math.expm1((self._start - now) / self._horizon)
        return self._faded_at(now) / weight if weight > 0 else 0.0

    def seconds_left(self, left: int | None, now: float) -> float | None:
        """Return the seconds that so many items are expected to take; None while that cannot be said."""
        if left is None:
            return None
        if left <= 0:
            return 0.0
        rate = self.rate(now)
        return left / rate if rate > 0 and left / rate < _FOREVER else None

    def _faded_at(self, now: float) -> float:
        return self._faded * math.exp(min(0.0, (self._last - now) / self._horizon))


_FOREVER = 10 * 365 * 86400.0
"""Seconds that nobody waits: nothing ends any more."""


def expected_usd(spent: float | None, done: int, left: int | None) -> float | None:
    """Return the dollars that a run will have spent at its end, if items go on to cost what they did.

    Args:
        spent: US dollars so far; None if a price is unknown.
        done: items that they were spent on.
        left: items that have not ended; None if that is not known.

    >>> expected_usd(1.5, 100, 300)
    6.0
    """
    if spent is None or left is None or (not done and left):
        return None
    return spent * (done + left) / done if done else spent
