"""The pace that an endpoint can bear, learned from what it refuses. Pure: time comes in as an argument.

A ceiling of requests in flight says nothing about requests per second, and most endpoints limit the
latter. So the first 429 sets a pace from what was let through, and from then on requests leave evenly. The
pace grows along a cubic: flat near the rate that was once too much, steep far from it (the shape of TCP
CUBIC, RFC 9438).
"""

import math
from collections import deque

HORIZON = 1.0
"""Seconds of launches from which a rate is read, at least: limits are counted in seconds or longer."""
MARGIN = 0.96
"""The learned pace, as a share of the rate that was let through: arrivals are not as even as launches."""
PLATEAU = 30.0
"""Seconds from a refusal until the pace is again where it was refused."""
FIRST_PLATEAU = 12.0
"""The same after the first lesson: a single burst may say little of what can be borne for long."""
SEARCH = 1.5
"""The same after a first burst and pause that took less than a second together."""
_LOWEST = 0.5
_SHORTEST = 0.01
_KEPT = 4096


class Launch:
    """One request: when it left, and whether it was refused with 429."""

    __slots__ = ("refused", "when")

    def __init__(self, when: float) -> None:
        self.when = when
        self.refused = False


class Pace:
    """Learns a rate from refusals, and says when the next request may leave."""

    def __init__(self) -> None:
        self._launches: deque[Launch] = deque(maxlen=_KEPT)
        self._rate = math.inf
        self._since = 0.0
        self._plateau = PLATEAU
        self._free_at = 0.0

    @property
    def learned(self) -> bool:
        """Whether there is a pace at all."""
        return self._rate < math.inf

    def rate(self, now: float) -> float:
        """Requests per second at this moment."""
        grown = (max(0.0, now - self._since) / self._plateau) ** 3
        return self._rate * (MARGIN + (1 - MARGIN) * grown)

    def free_at(self) -> float:
        """When the next request may leave."""
        return self._free_at

    def launch(self, now: float) -> Launch:
        """A request leaves."""
        launch = Launch(now)
        self._launches.append(launch)
        if self.learned:
            interval = 1 / self.rate(now)
            earliest = now - interval / 2  # so that one may make up for a late one
            self._free_at = max(earliest, self._free_at) + interval
        return launch

    def learn(self, now: float, asked: float) -> None:
        """A pause that refusals have brought is over: set the pace by what was let through before it.

        A pause says that there is room for one request after it: the pace is never slower than that. A burst
        without a pace says how much fits into a window, what was asked for or a second. With a pace it is the
        pace itself that was too much: it falls to what was let through. Within a second of the last lesson
        there is nothing new to learn: the endpoint is still paying for the burst before it.

        Args:
            now: the end of the pause.
            asked: seconds that the endpoint asked for.
        """
        refused = [launch.when for launch in self._launches if launch.refused]
        if not refused or (self.learned and now - self._since < HORIZON):
            return
        last = max(refused)
        window = max(HORIZON, asked)
        begin = max(self._launches[0].when, last - window)
        let_through = sum(not launch.refused for launch in self._launches if launch.when >= begin)
        room = 1 / (asked if asked > _SHORTEST else HORIZON)
        if self.learned:
            window = max(last - begin, HORIZON / 2)
            lower = min(self.rate(last), max(let_through / window, _LOWEST * self._rate))
            rate = max(lower, min(room, self._rate))
            self._plateau = PLATEAU
        else:
            rate = max(let_through / window, room)
            self._plateau = FIRST_PLATEAU if now - self._launches[0].when >= HORIZON else SEARCH
        self._rate, self._since, self._free_at = rate, now, now
        self._launches.clear()
