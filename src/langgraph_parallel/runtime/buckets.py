"""Rates that the user tells: requests and tokens a minute, as token buckets of pyrate-limiter.

A bucket is two numbers, whatever passes through it. Its burst is small, because an endpoint that promises
3,000 requests a minute may well count 50 a second; and its rate stays a little below what was told, so
that burst and jitter fit in.
"""

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pyrate_limiter import RateItem
    from pyrate_limiter.abstracts.algorithm import State

REQUESTS = (0.96, 0.02)
"""The rate of a bucket of requests as a share of what was told, and its burst as a share of a second's."""
TOKENS = (0.9, 0.1)
"""The same for tokens; its burst is a share of a minute's, because a prompt comes at once."""


class Bucket:
    """One rate, told a minute. Not safe to share between threads: the limiter locks.

    Args:
        per_minute: what was told.
        burst: what may pass at once.
        share: the part of the rate that is used.
    """

    def __init__(self, per_minute: float, burst: float, share: float) -> None:
        from pyrate_limiter import Rate, StateBucket, TokenBucket

        self.burst = max(1, int(burst))
        rate = Rate(max(1, round(per_minute * share * 100)), 100 * 60_000, self.burst)
        self._bucket = StateBucket([rate], TokenBucket())

    @classmethod
    def of_requests(cls, per_minute: float) -> "Bucket":
        """A bucket of requests."""
        share, burst = REQUESTS
        return cls(per_minute, burst * per_minute / 60, share)

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
        item = self._item(min(amount, self.burst), now)
        if not self._bucket.put(item):
            return max(int(cast("int", self._bucket.waiting(item))), 1) / 1000
        self.correct(amount - item.weight, now)
        return 0.0

    def correct(self, difference: int, now: float) -> None:
        """Take more than there is, or give back, once it is known what was really used.

        What is taken beyond a minute's worth is forgotten: nobody waits longer than that for others.
        """
        while difference != 0:
            state = cast("State", self._bucket.store.read(self._bucket.algorithm, self._bucket.rates))
            paid_off = state[0] / 1e6
            if difference > 0 and paid_off > now + 60:
                return
            part = min(difference, self.burst)
            self._bucket.put(self._item(part, max(now, paid_off + (0.001 if part > 0 else 0))))
            difference -= part

    @staticmethod
    def _item(weight: int, now: float) -> "RateItem":
        from pyrate_limiter import RateItem

        return RateItem("", int(now * 1000), weight)
