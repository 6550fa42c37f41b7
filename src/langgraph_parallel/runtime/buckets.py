"""Rates that the user tells: requests and tokens a minute, as token buckets of pyrate-limiter.

A bucket is two numbers, whatever passes through it. Its burst is small, because an endpoint that promises
3,000 requests a minute may well count 50 a second; and its rate stays a little below what was told, so
that burst and jitter fit in.
"""

import math
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pyrate_limiter import RateItem
    from pyrate_limiter.abstracts.algorithm import State

REQUESTS = (0.95, 0.02)
"""The rate of a bucket of requests as a share of what was told, and its burst as a share of a second's."""
TOKENS = (0.9, 0.1)
"""The same for tokens; its burst is a share of a minute's, because a prompt comes at once."""
_PARTS = 10
"""A request is counted in parts, so that one may leave half an interval early after one that was late."""
_RESTED = 2
"""Requests that are taken along with the first one after a rest: a fan-out that begins keeps the client busy,
so what leaves first arrives late, and in a bunch with what leaves next."""
_TICK = 1e-5
"""Seconds; the library counts in whole ticks, and a millisecond would be too coarse for a fast pace."""


class Bucket:
    """One rate, told a minute. Not safe to share between threads: the limiter locks.

    Args:
        per_minute: what was told.
        burst: what may pass at once.
        share: the part of the rate that is used.
        parts: in which one of what is counted is counted.
    """

    def __init__(self, per_minute: float, burst: float, share: float, parts: int = 1) -> None:
        from pyrate_limiter import Rate, StateBucket, TokenBucket

        self._parts = parts
        self._burst = max(1, int(burst * parts))
        minutes = 100  # so many at a time: a rate is a whole number
        rate = Rate(
            max(1, round(minutes * per_minute * share * parts)), round(minutes * 60 / _TICK), self._burst
        )
        self._bucket = StateBucket([rate], TokenBucket())
        self._rested_at = -math.inf
        """When a second without a request is over."""

    @classmethod
    def of_requests(cls, per_minute: float) -> "Bucket":
        """A bucket of requests."""
        share, burst = REQUESTS
        return cls(per_minute, max(1.5, burst * per_minute / 60), share, _PARTS)

    @classmethod
    def of_tokens(cls, per_minute: float) -> "Bucket":
        """A bucket of tokens."""
        share, burst = TOKENS
        return cls(per_minute, burst * per_minute, share)

    def take(self, amount: int, now: float) -> float:
        """Take an amount. One beyond the burst passes when the burst is there, and is paid off after it.

        Args:
            amount: of requests or tokens.
            now: seconds of a clock that never goes back.

        Returns:
            0 if it was there; else the seconds until it will be, and nothing is taken.
        """
        due = amount * self._parts
        item = self._item(min(due, self._burst), now)
        if not self._bucket.put(item):
            return max(int(cast("int", self._bucket.waiting(item))), 1) * _TICK
        rested = now > self._rested_at and self._parts > 1
        self._rested_at = now + 1
        self._correct(due - item.weight + (_RESTED * self._parts if rested else 0), now)
        return 0.0

    def correct(self, difference: int, now: float) -> None:
        """Take more than there is, or give back, once it is known what was really used.

        What is taken beyond a minute's worth is forgotten: nobody waits longer than that for others.
        """
        self._correct(difference * self._parts, now)

    def _correct(self, difference: int, now: float) -> None:
        while difference != 0:
            state = cast("State", self._bucket.store.read(self._bucket.algorithm, self._bucket.rates))
            paid_off = state[0] / 1000 * _TICK
            if difference > 0 and paid_off > now + 60:
                return
            part = min(difference, self._burst)
            self._bucket.put(self._item(part, max(now, paid_off + (_TICK if part > 0 else 0))))
            difference -= part

    @staticmethod
    def _item(weight: int, now: float) -> "RateItem":
        from pyrate_limiter import RateItem

        return RateItem("", int(now / _TICK), weight)
