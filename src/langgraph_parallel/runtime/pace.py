"""The requests per second that an endpoint can bear, learned from what it refuses.

A ceiling of requests in flight says nothing about requests per second, and most endpoints limit the latter.
So the first 429 sets a pace from what was let through, and from then on requests leave evenly. The pace grows
along a cubic: flat near the rate that was once too much, steep far from it (as TCP CUBIC, RFC 9438).

Pure: the time is always an argument, in seconds of a monotonic clock.
"""

import math
from collections import deque

HORIZON = 1.0
"""Least number of seconds of launches that a rate is read from: limits are counted in seconds or longer."""
MARGIN = 0.96
"""The learned pace as a share of the rate that was let through: arrivals are less even than launches."""
PLATEAU_SECONDS = 30.0
"""Seconds from a refusal until the pace is back at the rate that was refused."""
FIRST_PLATEAU_SECONDS = 12.0
"""As `PLATEAU_SECONDS`, after the first burst, which may say little about the rate that lasts."""
SHORT_BURST_PLATEAU_SECONDS = 1.5
"""As `PLATEAU_SECONDS`, if the first burst and its pause took less than a second together."""
_LEAST_FALL = 0.5
"""Lowest factor of one adjustment: a pace is at most halved at a time."""
_SHORTEST_PAUSE = 0.01
_LAUNCHES_KEPT = 4096


class Launch:
    """One request: when it left, and whether it was refused with 429."""

    __slots__ = ("refused", "when")

    def __init__(self, when: float) -> None:
        self.when = when
        self.refused = False


class Pace:
    """Learns a rate from refusals, and says when the next request may leave."""

    def __init__(self) -> None:
        self._launches: deque[Launch] = deque(maxlen=_LAUNCHES_KEPT)
        """Since the pace was lowered last."""
        self._refused_rate = math.inf
        """Requests per second that were too much; the pace returns there after the plateau."""
        self._lowered_at = 0.0
        self._plateau = PLATEAU_SECONDS
        self._free_at = 0.0

    @property
    def learned(self) -> bool:
        """Whether there is a pace: True after the first refusals."""
        return self._refused_rate < math.inf

    def rate(self, now: float) -> float:
        """Return the requests per second at a time."""
        grown = (max(0.0, now - self._lowered_at) / self._plateau) ** 3
        return self._refused_rate * (MARGIN + (1 - MARGIN) * grown)

    def free_at(self) -> float:
        """Return when the next request may leave."""
        return self._free_at

    def launch(self, now: float) -> Launch:
        """Count a request that leaves."""
        launch = Launch(now)
        self._launches.append(launch)
        if self.learned:
            interval = 1 / self.rate(now)
            # A busy event loop wakes calls late. A late request may be followed half an interval early, else
            # every delay would lower the pace; no more than that, or delays would add up to a burst.
            self._free_at = max(now - interval / 2, self._free_at) + interval
        return launch

    def lower_after_refusals(self, now: float, seconds_asked: float) -> None:
        """Set the pace from what was let through before a pause that refusals caused.

        Does nothing if no launch was refused since the pace was lowered last, or if that was less than a
        second ago: these refusals still belong to the burst before.

        Args:
            now: the end of the pause.
            seconds_asked: seconds that the endpoint asked to wait; 0 if it did not say.
        """
        # A pause may have another cause than requests, such as headers: then no launch is marked as refused.
        refused_at = [launch.when for launch in self._launches if launch.refused]
        if not refused_at or (self.learned and now - self._lowered_at < HORIZON):
            return
        last_refused_at = max(refused_at)
        # An endpoint that asks for a pause has room for one request after it, so no pace is slower than that.
        least = 1 / (seconds_asked if seconds_asked > _SHORTEST_PAUSE else HORIZON)
        if self.learned:
            self._refused_rate = self._next_rate(last_refused_at, seconds_asked, least)
            self._plateau = PLATEAU_SECONDS
        else:
            self._refused_rate = self._first_rate(last_refused_at, seconds_asked, least)
            took_long = now - self._launches[0].when >= HORIZON
            self._plateau = FIRST_PLATEAU_SECONDS if took_long else SHORT_BURST_PLATEAU_SECONDS
        self._lowered_at = self._free_at = now
        self._launches.clear()  # the next adjustment must not count this burst again

    def _first_rate(self, last_refused_at: float, seconds_asked: float, least: float) -> float:
        """Return what a burst without a pace tells: how much fits into the endpoint's window.

        The window is what the endpoint asked for, or a second.
        """
        window = max(HORIZON, seconds_asked)
        return max(self._let_through_since(last_refused_at - window) / window, least)

    def _next_rate(self, last_refused_at: float, seconds_asked: float, least: float) -> float:
        """Return what a burst at a pace tells: the pace was too much, and falls to what was let through."""
        begin = max(self._launches[0].when, last_refused_at - max(HORIZON, seconds_asked))
        # Not less than half a second: a few launches next to each other give no reliable rate.
        window = max(last_refused_at - begin, HORIZON / 2)
        let_through = self._let_through_since(begin) / window
        # Never up: a pace that was refused is too much, although a burst after a delay may look faster.
        lower = min(self.rate(last_refused_at), max(let_through, _LEAST_FALL * self._refused_rate))
        return max(lower, min(least, self._refused_rate))

    def _let_through_since(self, begin: float) -> int:
        return sum(not launch.refused for launch in self._launches if launch.when >= begin)
