"""Endpoints that rest: after several calls in a row that failed for good, new calls wait, and one goes first.

A circuit breaker, closed by the first answer. It counts calls, not requests: an attempt that fails says
little, what all attempts of a call survive is an outage. In the first rest new calls wait, so that a short
outage costs nobody an answer. Then one of them is the probe: if its request fails as well, the outage is
certain, and all that wait or come in further rests are refused. Calls that have begun keep their attempts.

Rests are kept for each endpoint, model and account: a quota is used up for one account only, and one
deployment of a gateway may be down beside others. Where one account stands for several keys
(`Account.keys_vary`), a key that is refused begins no rest, and ends the calls of its own run alone.

A call that has a fallback need not wait, and loses little if it goes there too early. So such calls obey
rests of their own, the `detours`: these also begin after calls that an endpoint has kept waiting until they
gave up (timeouts, overload, 429), and after many requests in a row that failed, since else hundreds of calls
would make their first attempts before one has made its last; and nobody waits in them. Each failure and each
answer counts in both.
"""

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from langgraph_parallel.errors import DeadlineExceeded, EndpointResting
from langgraph_parallel.runtime.account import Account
from langgraph_parallel.runtime.explain import kind_of, mark
from langgraph_parallel.runtime.failure import LASTING, classify
from langgraph_parallel.runtime.kinds import Kind
from langgraph_parallel.runtime.redact import describe, redact
from langgraph_parallel.runtime.timers import reschedule, timeout
from langgraph_parallel.runtime.waiting import Waiter

FIRST_REST, LONGEST_REST = 5.0, 60.0
"""Seconds of the first rest, and of the longest; doubled after each probe that failed."""
_LONGEST_PROBE = 60.0
"""Seconds after which another call may be the probe: code that calls a model may never say how it ended."""
_REQUESTS = 3
"""Requests in a row that failed, for each of the calls in a row that are enough."""
_MOST_LASTING = 3
"""Failures in a row of a kind that no further attempt can change, which are enough."""
_MOST = 1000
"""Endpoints that are remembered; beyond, the oldest is forgotten, for processes with many accounts."""
_DOWN: frozenset[Kind] = LASTING | {"server", "connection"}
"""Kinds of failures that speak against an endpoint. A timeout may be the caller's own impatience."""
_UNKNOWN: frozenset[Kind] = frozenset({"timeout", "overloaded", "other", "handoff"})
"""Kinds that say neither that an endpoint works nor that it does not."""
_SLOW: frozenset[Kind] = frozenset({"timeout", "overloaded", "throttled"})
"""Kinds after which another model would have been the better choice."""

Key = tuple[str, str, Account]
"""Endpoint, model, account."""


@dataclass
class Rest:
    """The failures in a row of one endpoint, and its rest. Times are those of `time.monotonic`."""

    row: int = 0
    """Calls in a row that failed for good."""
    requests: int = 0
    """Requests in a row that failed, whatever becomes of their calls; only `detours` count them."""
    why: str = ""
    """What the last one failed with."""
    kind: Kind = "server"
    seconds: float = 0.0
    """Length of the rest; 0 if there is none."""
    ends: float = -math.inf
    is_certain: bool = False
    """Whether calls are refused until the rest ends; else they wait."""
    probe_ends: float = -math.inf
    """While a probe is under way: when another call may be the probe."""
    waiting: list[Waiter] = field(default_factory=list)

    def begin(self, now: float) -> None:
        """Begin a rest, or a longer one."""
        self.is_certain = self.seconds > 0 or self.kind in LASTING
        self.seconds = min(2 * self.seconds or FIRST_REST, LONGEST_REST)
        self.ends, self.probe_ends = now + self.seconds, -math.inf
        self.wake()

    def refusal(self, key: Key, seconds: float) -> EndpointResting:
        """Return the error of a call that is not started."""
        row = max(self.row, self.requests)
        error = EndpointResting(
            f"{redact(key[0].rstrip('/'))} rests: the last {row} calls to {key[1]} failed; it is tried "
            f"again in {math.ceil(seconds)} s, or after reset_limits(). The last failure: {self.why}"
        )
        mark(error, str(error), self.kind)
        return error

    def wake(self) -> None:
        """Let all calls that wait look again."""
        for waiter in self.waiting:
            waiter.wake()


class Rests:
    """The rests of all endpoints of the process. Safe to use from any thread and any event loop.

    Args:
        down: kinds of failures after which an endpoint rests.
    """

    def __init__(self, down: frozenset[Kind] = _DOWN) -> None:
        self._lock = threading.Lock()
        self._down = down
        self._leaving: dict[Key, list[Callable[[], None]]] = {}
        """Called when a rest begins: what makes calls leave the line of the endpoint."""
        self._rests: dict[Key, Rest] = {}
        """Only of those whose last call failed."""

    def may_rest(self, key: Key) -> bool:
        """Return whether the last call to an endpoint failed; nearly all calls are to one that answers."""
        return bool(self._rests) and key in self._rests

    async def admit(self, key: Key) -> bool:
        """Wait until a call may start; return whether it is the probe.

        Raises:
            EndpointResting: the endpoint rests, and has failed a probe or refuses all calls.
        """
        while key in self._rests:
            with self._lock:
                rest, seconds = self._look(key)
                if rest is None or seconds <= 0:
                    return rest is not None
                waiter = Waiter()
                rest.waiting.append(waiter)
            try:
                with contextlib.suppress(TimeoutError):
                    async with timeout(seconds):
                        await waiter.wait()
            finally:
                with self._lock:
                    rest.waiting.remove(waiter)
        return False

    def check(self, key: Key) -> bool:
        """Return whether a call, which cannot wait, is the probe; False if it may start otherwise.

        Raises:
            EndpointResting: the endpoint rests, or another call probes it.
        """
        if key not in self._rests:
            return False
        with self._lock:
            rest, seconds = self._look(key)
            if rest is not None and seconds > 0:
                raise rest.refusal(key, seconds)
            return rest is not None

    def is_resting(self, key: Key) -> bool:
        """Return whether an endpoint rests, or is probed."""
        return bool(self._rests) and (rest := self._rests.get(key)) is not None and rest.seconds > 0

    def _look(self, key: Key) -> tuple[Rest | None, float]:
        """Return the rest of an endpoint, if it has one, and the seconds to wait; with 0, the caller probes.

        Raises:
            EndpointResting: it makes no sense to wait.
        """
        rest, now = self._rests.get(key), time.monotonic()
        if rest is None or not rest.seconds:
            return None, 0.0
        seconds = max(rest.ends, rest.probe_ends) - now
        if seconds <= 0:
            rest.probe_ends = now + _LONGEST_PROBE
        elif rest.is_certain and now < rest.ends:
            raise rest.refusal(key, seconds)
        return rest, seconds

    def failed(self, key: Key, error: BaseException, enough: int, *, probe: bool = False) -> bool:
        """Note that a call failed for good, or a request of the probe; return whether a rest begins.

        Args:
            key: of the endpoint.
            error: what it raised.
            enough: failures in a row after which the endpoint rests; 0 for never.
            probe: whether it was the probe.
        """
        kind = kind_of(error)
        varies = key[2].keys_vary and kind in LASTING
        if probe and kind in self._down | _UNKNOWN and not varies:
            kind = kind if kind in self._down else "server"
        elif varies or kind not in self._down or (kind in LASTING and not classify(error).is_lasting):
            if kind not in _UNKNOWN:
                self.answered(key)
            return False
        with self._lock:
            rest, now = self._entry(key), time.monotonic()
            rest.row, rest.why, rest.kind = rest.row + 1, describe(error), kind
            if rest.seconds and not probe:
                return False  # it had begun before the rest, and says nothing new
            if not probe and not 0 < (min(enough, _MOST_LASTING) if kind in LASTING else enough) <= rest.row:
                return False
            rest.begin(now)
        self._call_away(key)
        return True

    def request_failed(self, key: Key, error: BaseException, enough: int) -> None:
        """Note that a request failed, whatever becomes of its call: as `failed`, with thrice as many."""
        if (kind := kind_of(error)) not in _DOWN or (kind in LASTING and key[2].keys_vary):
            return
        with self._lock:
            rest = self._entry(key)
            rest.requests += 1
            if rest.seconds or not 0 < enough * _REQUESTS <= rest.requests:
                return
            rest.why, rest.kind = describe(error), kind
            rest.begin(time.monotonic())
        self._call_away(key)

    def _entry(self, key: Key) -> Rest:
        if key not in self._rests and len(self._rests) >= _MOST:
            del self._rests[next(iter(self._rests))]
        return self._rests.setdefault(key, Rest())

    def _call_away(self, key: Key) -> None:
        """Let calls with a fallback leave the line of an endpoint."""
        with self._lock:
            leaving = list(self._leaving.get(key, ()))
        for leave in leaving:
            leave()

    @contextlib.asynccontextmanager
    async def leaving(self, key: Key) -> AsyncIterator[None]:
        """End what is awaited in the context once a rest begins.

        Raises:
            EndpointResting: one has begun.
        """
        loop, scope = asyncio.get_running_loop(), asyncio.timeout(None)
        is_over = False

        def expire() -> None:
            if not is_over:
                reschedule(scope, loop.time())

        def leave() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(expire)

        with self._lock:
            self._leaving.setdefault(key, []).append(leave)
        try:
            async with scope:
                try:
                    yield
                finally:
                    is_over = True
        except TimeoutError:
            if not scope.expired():
                raise
            rest = self._rests.get(key, Rest())
            raise rest.refusal(key, max(0.0, rest.ends - time.monotonic())) from None
        finally:
            with self._lock:
                self._leaving[key].remove(leave)
                if not self._leaving[key]:
                    del self._leaving[key]

    def answered(self, key: Key) -> None:
        """Note that an endpoint answered: a rest ends, and the row of failures."""
        if self.may_rest(key):
            with self._lock:
                if (rest := self._rests.pop(key, None)) is not None:
                    rest.wake()

    def give_back(self, key: Key) -> None:
        """Let another call be the probe: this one was not made, or was cut off."""
        with self._lock:
            if (rest := self._rests.get(key)) is not None and rest.probe_ends > -math.inf:
                rest.probe_ends = -math.inf
                rest.wake()

    def forget(self) -> None:
        """Forget all failures and rests."""
        with self._lock:
            for rest in self._rests.values():
                rest.wake()
            self._rests.clear()


rests, detours = Rests(), Rests(_DOWN | _SLOW)


def count_failure(key: Key, error: BaseException, enough: int) -> None:
    """Note that a call failed for good, whether it has a fallback or not; see `Rests.failed`."""
    rests.failed(key, error, enough)
    if not isinstance(error, DeadlineExceeded):
        detours.failed(key, error, enough)


def count_answer(key: Key) -> None:
    """Note that an endpoint answered."""
    rests.answered(key)
    detours.answered(key)
