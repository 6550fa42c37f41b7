"""Rates that the user sets: requests and tokens per minute.

Each is kept by the generic cell rate algorithm (ITU-T I.371, Annex A; "virtual scheduling"): one number, the
time from which the next request may leave. A request puts it forward by what it costs at the rate, and may
leave a tolerance early to make up for one that left late. So no window of W seconds has more than
rate * (W + tolerance) in it, and one request. At a rate of `SHARE` of what was set that is no more than was
set, in a minute as in a second, while tolerance and jitter on the way are below W * (1 / SHARE - 1) together.
"""

import math

SHARE = 0.97
"""The rate that is used as a share of the rate that was set."""
SHARED_SHARE = 0.98
"""Part of that for the rate of several processes together, since their requests arrive less evenly."""
_LEAST_TOLERANCE, _MOST_TOLERANCE = ((1 / SHARE - 1) / 2 * window for window in (1, 60))
"""Seconds. Of what a second, or a minute, has to spare half is for calls that a busy event loop wakes late,
and half for the way to the endpoint."""
REST = 1.0
"""Seconds in which a request might have left, and none did, that count as a rest."""
START = 0.1
"""Seconds that the first request after a rest costs in addition. A fan-out that begins keeps the client busy:
its first requests arrive late, in a bunch with those that leave next."""
_LONGEST_DEBT = 60 / SHARE
"""Seconds that a call waits at most for what other calls took beyond the rate: a minute's worth."""


class Bucket:
    """One rate. Not thread-safe: the limiter locks.

    Args:
        per_minute: the rate that was set, in requests or tokens.
        usual: amount of a usual request, half of whose time a request may leave early.
    """

    __slots__ = ("_free_at", "seconds_each", "tolerance")

    def __init__(self, per_minute: float, usual: float = 0.0) -> None:
        self.seconds_each = 60 / (SHARE * per_minute)
        self.tolerance = max(_LEAST_TOLERANCE, min(usual * self.seconds_each / 2, _MOST_TOLERANCE))
        self._free_at = -math.inf

    @classmethod
    def of_requests(cls, per_minute: float) -> "Bucket":
        """Return a bucket of requests."""
        return cls(per_minute, usual=1)

    @classmethod
    def of_tokens(cls, per_minute: float) -> "Bucket":
        """Return a bucket of tokens; some may leave early, because a prompt comes all at once."""
        return cls(per_minute, usual=per_minute)

    def wait(self, now: float) -> float:
        """Return the seconds until the next request may leave, however large it is; 0 for none.

        Args:
            now: seconds of a monotonic clock.
        """
        return max(0.0, self._free_at - now)

    def is_idle(self, now: float) -> bool:
        """Return whether it is as a new one."""
        return now - self._free_at > REST

    def take(self, amount: int, now: float) -> float:
        """Take an amount, unless the next request has to wait; return the seconds to wait, or 0."""
        if wait := self.wait(now):
            return wait
        start = now + START if self.is_idle(now) else max(self._free_at, now - self.tolerance)
        self._free_at = start + amount * self.seconds_each
        return 0.0

    def correct(self, difference: int, now: float) -> None:
        """Take an amount without waiting, or return one if it is negative.

        Debt above a minute's worth is forgiven: no call waits longer than that for what others took.
        """
        free_at = max(self._free_at, now - self.tolerance) + difference * self.seconds_each
        self._free_at = max(self._free_at, min(free_at, now + _LONGEST_DEBT)) if difference > 0 else free_at


class RateBuckets:
    """The buckets of one endpoint, one for each rate that any of its calls has set.

    A request waits only for the rates that its own limits set, but counts in all buckets: the endpoint counts
    it too, regardless of its sender. Not thread-safe: the limiter locks.
    """

    def __init__(self) -> None:
        self._requests: dict[float, Bucket] = {}
        self._tokens: dict[float, Bucket] = {}

    def take(
        self,
        requests_per_minute: float | None,
        tokens_per_minute: float | None,
        tokens: int,
        now: float,
        requests: int = 1,
    ) -> float:
        """Take one request and its tokens.

        Args:
            requests_per_minute: a rate that the request waits for; None for none.
            tokens_per_minute: likewise.
            tokens: of the request, in and out.
            now: seconds of a monotonic clock.
            requests: as how many it counts.

        Returns:
            0 if they were taken; else the seconds until they can be, and nothing is taken.
        """
        own = []
        if requests_per_minute is not None:
            if requests_per_minute not in self._requests:
                _forget_idle(self._requests, now)
                self._requests[requests_per_minute] = Bucket.of_requests(requests_per_minute)
            own.append(self._requests[requests_per_minute])
        if tokens_per_minute is not None:
            if tokens_per_minute not in self._tokens:
                _forget_idle(self._tokens, now)
                self._tokens[tokens_per_minute] = Bucket.of_tokens(tokens_per_minute)
            own.append(self._tokens[tokens_per_minute])
        if wait := max((bucket.wait(now) for bucket in own), default=0.0):
            return wait
        # Only now that the request leaves: until then nothing may be taken from any bucket.
        for amount, buckets in ((requests, self._requests), (tokens, self._tokens)):
            for bucket in buckets.values():
                if bucket in own:
                    bucket.take(amount, now)
                else:
                    bucket.correct(amount, now)
        return 0.0

    def correct_tokens(self, difference: int, now: float) -> None:
        """Count tokens that a request took beyond its estimate; negative if it took fewer."""
        for bucket in self._tokens.values():
            bucket.correct(difference, now)


def _forget_idle(buckets: dict[float, Bucket], now: float) -> None:
    """Forget the rates that no request has counted in for a while, so that new ones do not add up."""
    for rate in [rate for rate, bucket in buckets.items() if bucket.is_idle(now)]:
        del buckets[rate]
