"""The requests per second that an endpoint can bear, learned from what it refuses.

A ceiling of requests in flight says nothing about requests per second, and most endpoints limit the latter.
So the first 429 sets a pace from what was let through, and from then on requests leave evenly. The pace stays
a little below that rate for a while, since finding out whether the endpoint bears more costs a pause. Then a
trial raises it slowly. If that is refused, the rate comes nearer to what was let through, up or down: a first
burst, or requests that came late, may have taught a wrong one. If not, the pace doubles in steps of less than
a second (as in slow start, RFC 5681, 3.1), as long as it is used, until it is refused again.

Pure: the time is always an argument, in seconds of a monotonic clock.
"""

import math
from collections import deque

HORIZON = 1.0
"""Least number of seconds of launches that a rate is read from: limits are counted in seconds or longer."""
MARGIN = 0.96
"""The pace as a share of the rate that was let through: arrivals are less even than launches."""
PLATEAU_PAUSES = 10.0
"""The pace is not raised for this many times as long as the endpoint pauses for a refusal: so raising it in
vain costs at most one eleventh of the time."""
SHORTEST_PLATEAU, LONGEST_PLATEAU = 1.5, 60.0
"""Seconds; bounds of the time that the pace is not raised."""
AGE_SHARE = 0.3
"""A rate that has held for long is likely to hold on: the pace is not raised for this part of that time."""
SHARED_PATIENCE = 6.0
"""Where many processes have one pace: work for so many takes long, and in a trial all of them pause."""
EVEN_SHARE = 0.8
"""Where this part of a rate that is set was let through, those that were refused came too close together."""
_SAME_RATE = 0.85
"""A rate that is at least this part of another one, and no more than its inverse, is the same."""
TRIAL_SECONDS = 1.5
"""After the plateau the pace is raised so slowly for this time that a limit which still holds refuses few."""
TRIAL_RAISE = 0.1
"""Part of the rate by which the pace is raised in a second of the trial."""
DOUBLING_SECONDS = 0.75
"""Time in which the pace doubles after the trial."""
_MOST_DOUBLINGS = 30.0
_UNLEARNED_INTERVAL = 0.002
"""Seconds between requests that waited in line, while there is no pace. Those in flight may be answered all
at once, and those that follow would all be refused before the first refusal is back."""
_LEAST_FALL = 0.5
"""Lowest factor of one adjustment: a pace is at most halved at a time."""
_SHORTEST_PAUSE = 0.01
_LAUNCHES_KEPT = 4096


class Launch:
    """One request: when it left, and whether it was refused with 429."""

    __slots__ = ("ahead", "is_void", "refused", "when")

    def __init__(self, when: float) -> None:
        self.when = when
        self.refused = self.is_void = False
        """Void is one that was to leave then, and did not."""
        self.ahead = 0
        """Requests that were in flight when it left."""


class Pace:
    """Learns a rate from refusals, and says when the next request may leave.

    Args:
        patience: by which factor longer the pace is not raised.
    """

    def __init__(self, patience: float = 1.0) -> None:
        self._patience = patience
        self._launches: deque[Launch] = deque(maxlen=_LAUNCHES_KEPT)
        """Since the pace was lowered last."""
        self._refused_rate = math.inf
        """Requests per second that were too much; the pace returns there after the plateau."""
        self._lowered_at = 0.0
        self._last_refused_at = -math.inf
        """When the last request left that was refused, other than in a trial."""
        self._held_since = 0.0
        """When the rate was found that still holds."""
        self._raised_from = 0.0
        """The end of the plateau, put forward by the time in which the pace was not used."""
        self._free_at = 0.0

    @property
    def learned(self) -> bool:
        """Whether there is a pace: True after the first refusals."""
        return self._refused_rate < math.inf

    def rate(self, now: float) -> float:
        """Return the requests per second at a time."""
        seconds = now - self._raised_from
        if seconds < 0:
            return self._refused_rate * MARGIN
        raised = self._refused_rate * (1 + TRIAL_RAISE * min(seconds, TRIAL_SECONDS))
        doublings = max(0.0, seconds - TRIAL_SECONDS) / DOUBLING_SECONDS
        return raised * 2 ** min(doublings, _MOST_DOUBLINGS)

    def free_at(self) -> float:
        """Return when the next request may leave."""
        return self._free_at

    def launch(self, now: float, *, waited: bool = False) -> Launch:
        """Count a request that leaves.

        Args:
            now: the time.
            waited: whether it waited in line.
        """
        self._hold_unused(now)
        launch = Launch(now)
        self._launches.append(launch)
        if self.learned:
            interval = 1 / self.rate(now)
            # A busy event loop wakes calls late. A late request may be followed half an interval early, else
            # every delay would lower the pace; no more than that, or delays would add up to a burst.
            self._free_at = max(now - interval / 2, self._free_at) + interval
        elif waited:
            self._free_at = now + _UNLEARNED_INTERVAL
        return launch

    def _hold_unused(self, now: float) -> None:
        """Do not raise a pace of which less than half is used: it was not tried (as in RFC 7661)."""
        if not self.learned or now <= self._raised_from:
            return
        last = self._launches[-1].when if self._launches else self._lowered_at
        rate = self.rate(last)  # which set the time until this request
        half = min(max(1, int(rate * HORIZON / 2)), _LAUNCHES_KEPT)
        if len(self._launches) < half or self._launches[-half].when < now - 2 * half / rate:
            self._raised_from += now - max(last, self._raised_from)

    def learn_from_refusals(self, now: float, seconds_asked: float) -> None:
        """Set the pace from what was let through before a pause that refusals caused.

        Does nothing if no launch was refused since the last lesson, or if that was less than a second ago:
        these refusals still belong to the burst before. Nor if they are the first in a while at a pace that
        has held.

        Args:
            now: the end of the pause.
            seconds_asked: seconds that the endpoint asked to wait; 0 if it did not say.
        """
        # A pause may have another cause than requests, such as headers: then no launch is marked as refused.
        refused_at = [launch.when for launch in self._launches if launch.refused]
        if not refused_at or (self.learned and now - self._lowered_at < HORIZON):
            return
        if not self.learned and len(self._launches) == 1:
            self._launches.clear()  # one request alone, such as a leader, says nothing of a rate
            return
        last_refused_at = max(refused_at)
        # An endpoint that asks for a pause has room for one request after it, so no pace is slower than that.
        pause = seconds_asked if seconds_asked > _SHORTEST_PAUSE else HORIZON
        if self._is_stray(last_refused_at, pause):
            self._launches.clear()
            return
        learn = self._next_rate if self.learned else self._first_rate
        rate = learn(last_refused_at, seconds_asked, 1 / pause)
        if not _SAME_RATE <= rate / self._refused_rate <= 1 / _SAME_RATE:
            self._held_since = now
        plateau = max(self._patience * PLATEAU_PAUSES * pause, AGE_SHARE * (now - self._held_since))
        self._raised_from = now + min(max(plateau, SHORTEST_PLATEAU), self._patience * LONGEST_PLATEAU)
        self._refused_rate = rate
        self._lowered_at = self._free_at = now
        self._launches.clear()  # the next adjustment must not count this burst again

    def _is_stray(self, last_refused_at: float, pause: float) -> bool:
        """Return whether a refusal says nothing of the pace: it has held, and this is the first in a while.

        Some requests were late, and came together with others. To lower the pace costs what `MARGIN` leaves
        of it, so refusals are borne as long as their pauses cost less.
        """
        if self.learned and last_refused_at >= self._raised_from:
            return False
        since, self._last_refused_at = last_refused_at - self._last_refused_at, last_refused_at
        return self.learned and since > max(pause, HORIZON) / (1 - MARGIN)

    def _first_rate(self, last_refused_at: float, seconds_asked: float, least: float) -> float:
        """Return what a burst without a pace tells: how much fits into the endpoint's window.

        The window is what the endpoint asked for, or a second, and ends with the last refusal: others may
        leave and be let through until all have heard of it.
        """
        window = max(HORIZON, seconds_asked)
        return max(self._let_through(last_refused_at - window, last_refused_at) / window, least)

    def _next_rate(self, last_refused_at: float, seconds_asked: float, least: float) -> float:
        """Return what refusals at a pace tell: it was too much, and falls to what was let through.

        In a trial it was meant to be too much, and the rate may be more than was known.
        """
        begin = max(self._launches[0].when, last_refused_at - max(HORIZON, seconds_asked))
        # Not less than half a second: a few launches next to each other give no reliable rate.
        window = max(last_refused_at - begin, HORIZON / 2)
        let_through = self._let_through(begin) / window
        if self._raised_from <= last_refused_at <= self._raised_from + TRIAL_SECONDS:
            # A trial is short: requests that came late, and an endpoint that lets more through for a moment,
            # count for much in it. So half of the difference is believed.
            let_through = (self._refused_rate + self._let_through(begin, last_refused_at) / window) / 2
        # Never up: a pace that was refused is too much, although a burst after a delay may look faster.
        rate = min(self.rate(last_refused_at), max(let_through, _LEAST_FALL * self._refused_rate))
        return max(rate, min(least, self._refused_rate))

    def _let_through(self, begin: float, end: float = math.inf) -> int:
        return sum(
            not (launch.refused or launch.is_void) for launch in self._launches if begin <= launch.when <= end
        )
