"""What all workers of a run share about one model of one endpoint. Pure: the time is always an argument.

A worker holds places among the requests in flight, as many as it was last told, until it says that it holds
fewer: so what all hold together is never more than the concurrency, whatever is under way between them. Where
calls wait and others' places are free, workers are told their fair share, and give back what is beyond it.

Once a rate is set, or was learned, requests leave at times that are granted here ahead, for `HORIZON` seconds
at most, each worker its part: one pace for all, learned by the rules of a single process (`runtime.learned`).
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph_parallel.runtime.buckets import SHARED_SHARE
from langgraph_parallel.runtime.learned import Learned
from langgraph_parallel.runtime.pace import EVEN_SHARE, SHARED_PATIENCE, Launch
from langgraph_parallel.runtime.slots import Rates, Slot

HORIZON = 0.25
"""Seconds ahead that times of departure are granted for. The pace goes on while nobody asks for so long, as
where messages are slow."""
LEAST_WAIT, LONGEST_WAIT = 0.01, 1.0
"""Seconds after which a worker that got no time asks again."""
_FIRST_PLACES = 32
"""Requests in flight at first; twice as many after as many answers (slow start, as in RFC 5681, 3.1). Workers
begin at the same time, and what an endpoint admits is not known yet: all beyond it would be refused."""
_PLACE_WAIT = 0.03
"""The same for one that got no place."""
_ACTIVE_SECONDS = 0.5
"""A worker that has not asked for this long takes no part."""
_LAUNCHES_KEPT = 4096


@dataclass(slots=True)
class _Holder:
    """A worker, as it last said."""

    held: int = 0
    """Places that it holds, used or not."""
    demand: int = 0
    """Calls that hold a place or wait for one."""
    asked: float = -1e9
    """When it last asked for times of departure."""


@dataclass(slots=True)
class EndpointLimits:
    """One model of one endpoint."""

    _learned: Learned = field(default_factory=lambda: Learned(SHARED_PATIENCE))
    _holders: dict[str, _Holder] = field(default_factory=dict)
    _spare: list[float] = field(default_factory=list)
    """Times of departure that were given back, in order."""
    _opened: int = _FIRST_PLACES
    """Requests that may be in flight, until more are answered."""
    _answered: int = 0
    """Answers since that was raised."""
    _rate: float | None = None
    """Requests per minute that calls have set of late; None if they set none."""
    _recent: deque[Launch] = field(default_factory=lambda: deque(maxlen=_LAUNCHES_KEPT))

    def sync(self, worker: str, told: Mapping[str, Any], now: float) -> dict[str, Any]:
        """Take in what a worker tells, and answer what it may do.

        Args:
            worker: its name.
            told: `held` places, `demand` for them, `concurrency` of its calls; `lines` of calls that wait for
                a time to leave: their rates, and the tokens of each; `spare` times in seconds from now; the
                seconds since `missed` times, at which no call has left; the same for each that has `launched`
                without a time; for each that was `refused`: the seconds since it left, and those to pause,
                None if the endpoint does not say; `answered`: how many were.
            now: seconds of a monotonic clock.

        Returns:
            `held`: the places that it holds now; `share`: those that it is to keep at most; `delays`: for
            each line, seconds until each call may leave; `wait`: seconds until asking again makes sense;
            `paced`: whether calls have to wait for a time.
        """
        holder = self._holders.setdefault(worker, _Holder())
        self._take_in(told, now)
        answer = self._give_places(worker, holder, told)
        delays, wait = [], _PLACE_WAIT if holder.demand > holder.held else 0.0
        lines: Sequence[tuple[float | None, float | None, list[int]]] = told.get("lines") or ()
        if lines:
            holder.asked = now
        for requests_per_minute, tokens_per_minute, calls in lines:
            granted, line_wait = self._grant(requests_per_minute, tokens_per_minute, calls, now)
            delays.append([moment - now for moment in granted])
            wait = max(wait, line_wait)
        pause = self._learned.pause_left(now)
        paced = pause > 0 or self._learned.pace.learned
        return answer | {"delays": delays, "wait": min(wait, LONGEST_WAIT), "paced": paced}

    def gone(self, worker: str) -> None:
        """Free the places of a worker that is gone."""
        self._holders.pop(worker, None)

    def _take_in(self, told: Mapping[str, Any], now: float) -> None:
        for seconds_ago in told.get("launched") or ():
            self._recent.append(self._learned.pace.launch(now - seconds_ago))
        if spare := told.get("spare"):
            self._spare = sorted(
                [*(moment for moment in self._spare if moment > now), *(now + delay for delay in spare)]
            )
        for seconds_ago in told.get("missed") or ():
            if (missed := self._find(now - seconds_ago)) is not None:
                missed.is_void = True
        in_flight = sum(holder.held for holder in self._holders.values())
        for seconds_ago, retry_after in told.get("refused") or ():
            if (launch := self._find(now - seconds_ago)) is None:
                continue
            slot = Slot(launch, 0, int(told["concurrency"]), None)
            if retry_after is not None and self._is_rate_right(launch.when):
                self._learned.pause_all(retry_after, now, slot, is_refusal=True)
            else:
                self._learned.refused(slot, in_flight, retry_after, now)
        answered = told.get("answered") or 0
        for _ in range(min(answered, _LAUNCHES_KEPT)):
            self._learned.ceiling.grow(in_flight)
        self._answered += answered
        if self._answered >= self._opened:
            self._opened, self._answered = 2 * self._opened, 0

    def _is_rate_right(self, when: float) -> bool:
        """Return whether the rate that is set was let through in the second before a refusal."""
        if self._rate is None:
            return False
        let_through = 0
        for launch in reversed(self._recent):
            if launch.when < when - 1:
                break
            let_through += launch.when <= when and not (launch.refused or launch.is_void)
        return let_through >= EVEN_SHARE * self._rate / 60

    def _find(self, when: float) -> Launch | None:
        """Return a launch about a time that was not refused; which of several it is does not matter."""
        found = None
        for launch in reversed(self._recent):
            found = found if launch.refused or launch.is_void else launch
            if launch.when <= when and found is not None:
                break
        return found

    def _give_places(self, worker: str, holder: _Holder, told: Mapping[str, Any]) -> dict[str, Any]:
        most = int(min(told["concurrency"], self._opened, max(1.0, self._learned.ceiling.value)))
        holder.held, holder.demand = told["held"], told["demand"]
        others = [other for name, other in self._holders.items() if name != worker]
        free = most - holder.held - sum(other.held for other in others)
        share = most
        if any(other.demand > other.held for other in others):
            share = self._fair_share(worker, most)
        holder.held += max(0, min(holder.demand - holder.held, free, share - holder.held))
        return {"held": holder.held, "share": share}

    def _fair_share(self, worker: str, most: int) -> int:
        """Return the places that a worker gets where all that want fewer than an even part get theirs."""
        demands = sorted((holder.demand, name) for name, holder in self._holders.items())
        left = most
        for i, (demand, name) in enumerate(demands):
            # What does not divide evenly goes to the last ones.
            part = min(demand, left // (len(demands) - i))
            if name == worker:
                return max(1, part)
            left -= part
        return most

    def _grant(
        self,
        requests_per_minute: float | None,
        tokens_per_minute: float | None,
        calls: Sequence[int],
        now: float,
    ) -> tuple[list[float], float]:
        """Return times of departure for some calls, and the seconds until the next may be granted."""
        active = sum(now - holder.asked < _ACTIVE_SECONDS for holder in self._holders.values())
        granted: list[float] = []
        self._rate = requests_per_minute
        rates = Rates(1, _shared(requests_per_minute), _shared(tokens_per_minute))
        moment, until = now, now + HORIZON
        for tokens in calls:
            if (spare := self._take_spare(now)) is not None and tokens_per_minute is None:
                granted.append(spare)
                continue
            while (wait := self._wait(rates, tokens, moment)) > 0:
                moment += wait
                if moment > until:
                    return sorted(granted), max(LEAST_WAIT, moment - HORIZON - now)
            self._recent.append(self._learned.launch(moment, ahead=0, waited=requests_per_minute is None))
            granted.append(moment)
            until = min(until, moment + HORIZON / max(1, active)) if len(granted) == 1 else until
        return sorted(granted), LEAST_WAIT

    def _take_spare(self, now: float) -> float | None:
        """Take the first of the times that were given back, and are not over."""
        while self._spare:
            if (moment := self._spare.pop(0)) >= now:
                return moment
        return None

    def _wait(self, rates: Rates, tokens: int, moment: float) -> float:
        """Return 0 if a request may leave at a time, which then counts; else the seconds after it to wait."""
        if (pause := self._learned.pause_left(moment)) > 0:
            return pause
        return self._learned.wait(rates, tokens, moment)


def _shared(per_minute: float | None) -> float | None:
    return None if per_minute is None else SHARED_SHARE * per_minute
