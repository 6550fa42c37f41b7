"""Rates that the user sets: requests and tokens per minute, as token buckets of pyrate-limiter.

A bucket is two numbers, however much passes through it. Its burst is small, because an endpoint that promises
3,000 requests a minute may well count 50 a second; and its rate stays a little below the one that was set, to
leave room for the burst and for jitter.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pyrate_limiter import RateItem
    from pyrate_limiter.abstracts.algorithm import State

REQUESTS = (0.95, 0.02)
"""For a bucket of requests: its rate as a share of the rate that was set, and its burst as a share of the
requests of one second."""
TOKENS = (0.9, 0.1)
"""The same for tokens, except that the burst is a share of a minute's tokens: a prompt comes all at once."""
_PARTS = 10
"""Parts that one request counts as, so that a request may leave half an interval early after a late one."""
_EXTRA_AFTER_REST = 2
"""Requests that the first one after a rest counts as in addition. A fan-out that begins keeps the client
busy: its first requests arrive late, in a bunch with those that leave next."""
_REST = 1.0
"""Seconds without a request that count as a rest."""
_TICK = 1e-5
"""Seconds. The library counts in whole ticks; its millisecond would be too coarse for a fast pace."""
_LONGEST_DEBT = 60.0
"""Seconds that a call waits at most for what other calls took beyond the rate."""
_RATE_MINUTES = 100
"""Minutes over which the library's rate, a whole number, is expressed, so that rounding does not matter."""


class Bucket:
    """Token bucket of one rate. Not thread-safe: the limiter locks.

    Args:
        per_minute: the rate that was set.
        burst: amount that may pass at once.
        share: part of the rate that is used.
        parts: parts that an amount of one is counted in.
    """

    def __init__(self, per_minute: float, burst: float, share: float, parts: int = 1) -> None:
        from pyrate_limiter import Rate, StateBucket, TokenBucket

        self._parts = parts
        self._burst = max(1, int(burst * parts))
        amount = max(1, round(_RATE_MINUTES * per_minute * share * parts))
        rate = Rate(amount, round(_RATE_MINUTES * 60 / _TICK), self._burst)
        self._bucket = StateBucket([rate], TokenBucket())
        self._rested_at = -math.inf
        """When the bucket will have rested, unless another request comes."""

    @classmethod
    def of_requests(cls, per_minute: float) -> "Bucket":
        """Return a bucket of requests."""
        share, burst = REQUESTS
        return cls(per_minute, max(1.5, burst * per_minute / 60), share, _PARTS)

    @classmethod
    def of_tokens(cls, per_minute: float) -> "Bucket":
        """Return a bucket of tokens."""
        share, burst = TOKENS
        return cls(per_minute, burst * per_minute, share)

    def take(self, amount: int, now: float) -> float:
        """Take an amount. One above the burst passes when the bucket is full, and is paid off afterwards.

        Args:
            amount: number of requests or tokens.
            now: seconds of a monotonic clock.

        Returns:
            0 if the amount was taken; else the seconds until it can be, and nothing is taken.
        """
        due = amount * self._parts
        # The library never lets an amount above the burst pass, so the rest becomes debt once the burst is
        # there.
        item = self._item(min(due, self._burst), now)
        if not self._bucket.put(item):
            return max(int(cast("int", self._bucket.waiting(item))), 1) * _TICK
        is_first_after_rest = now > self._rested_at and self._parts > 1
        self._rested_at = now + _REST
        extra = _EXTRA_AFTER_REST * self._parts if is_first_after_rest else 0
        self._correct(due - item.weight + extra, now)
        return 0.0

    def correct(self, difference: int, now: float) -> None:
        """Take an amount without waiting, or return one if it is negative.

        Debt above a minute's worth is forgiven: no call waits longer than that for what others took.
        """
        self._correct(difference * self._parts, now)

    def _correct(self, difference: int, now: float) -> None:
        # The library takes no more than a burst at a time, and only what is in the bucket. So a larger amount
        # is taken in bursts, each dated to the moment at which the one before it is paid off.
        while difference != 0:
            state = cast("State", self._bucket.store.read(self._bucket.algorithm, self._bucket.rates))
            paid_off_at = state[0] / 1000 * _TICK  # the library's state is in thousandths of a tick
            if difference > 0 and paid_off_at > now + _LONGEST_DEBT:
                return
            part = min(difference, self._burst)
            self._bucket.put(self._item(part, max(now, paid_off_at + (_TICK if part > 0 else 0))))
            difference -= part

    @staticmethod
    def _item(weight: int, now: float) -> "RateItem":
        from pyrate_limiter import RateItem

        return RateItem("", int(now / _TICK), weight)


class RateBuckets:
    """The buckets of one endpoint, one for each rate that any of its calls has set.

    A request waits only for the rates that its own limits set, but counts in all buckets: the endpoint counts
    it too, regardless of its sender. Not thread-safe: the limiter locks.
    """

    def __init__(self) -> None:
        self._requests: dict[float, Bucket] = {}
        self._tokens: dict[float, Bucket] = {}

    def take(
        self, requests_per_minute: float | None, tokens_per_minute: float | None, tokens: int, now: float
    ) -> float:
        """Take one request and its tokens.

        Args:
            requests_per_minute: a rate that the request waits for; None for none.
            tokens_per_minute: likewise.
            tokens: of the request, in and out.
            now: seconds of a monotonic clock.

        Returns:
            0 if they were taken; else the seconds until they can be, and nothing is taken.
        """
        requests_bucket = _bucket_of(self._requests, requests_per_minute, Bucket.of_requests)
        tokens_bucket = _bucket_of(self._tokens, tokens_per_minute, Bucket.of_tokens)
        if requests_bucket is not None and (wait := requests_bucket.take(1, now)):
            return wait
        if tokens_bucket is not None and (wait := tokens_bucket.take(tokens, now)):
            if requests_bucket is not None:
                requests_bucket.correct(-1, now)
            return wait
        # Only now that the request leaves: until then nothing may be taken from any bucket.
        for bucket in self._requests.values():
            if bucket is not requests_bucket:
                bucket.correct(1, now)
        for bucket in self._tokens.values():
            if bucket is not tokens_bucket:
                bucket.correct(tokens, now)
        return 0.0

    def correct_tokens(self, difference: int, now: float) -> None:
        """Count tokens that a request took beyond its estimate; negative if it took fewer."""
        for bucket in self._tokens.values():
            bucket.correct(difference, now)


def _bucket_of(
    buckets: dict[float, Bucket], per_minute: float | None, build: Callable[[float], Bucket]
) -> Bucket | None:
    """Return the bucket of a rate, built on first use; None for no rate."""
    if per_minute is None:
        return None
    if per_minute not in buckets:
        buckets[per_minute] = build(per_minute)
    return buckets[per_minute]
