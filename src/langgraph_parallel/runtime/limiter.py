"""One limiter for each endpoint and model, for the whole process: every run, every level, every thread.

A slot is held by a leaf while its request is in flight, and by nobody else: not by the graphs around it,
not while waiting to retry. What governs who gets the next slot:

- a ceiling of requests in flight, which adapts: it falls by a factor when the endpoint refuses or is
  overloaded while the ceiling is reached, and grows by one for every round of answers (AIMD)
- a pace that is learned from refusals (`runtime.pace`), and rates that are told (`runtime.buckets`)
- a pause, when the endpoint asks for one with Retry-After or its rate limit headers say that nothing is
  left: it holds for all leaves, not just the one that was told
- turns: runs that wait take turns, however many leaves each of them has in line
"""

import asyncio
import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextvars import ContextVar
from dataclasses import dataclass

from langgraph_parallel.errors import EndpointPaused
from langgraph_parallel.runtime.buckets import Bucket
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.pace import HORIZON, Launch, Pace
from langgraph_parallel.runtime.retry import is_overloaded, is_throttled, retry_after
from langgraph_parallel.runtime.stragglers import Stragglers
from langgraph_parallel.runtime.waiting import Waiter, is_running

DECREASE = 0.7
"""What is left of the ceiling after a refusal (as in TCP CUBIC, RFC 9438, 4.6)."""


@dataclass(frozen=True)
class Rates:
    """What one leaf knows of its endpoint: bounds that the user has set."""

    concurrency: int = 64
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    longest_pause: float = math.inf
    """Seconds; a leaf does not wait in line through a longer one."""

    @classmethod
    def of(cls, limits: Limits) -> "Rates":
        """Those of a worker's limits."""
        return cls(
            limits.concurrency,
            limits.requests_per_minute,
            limits.tokens_per_minute,
            limits.retry_after_ceiling,
        )


class Slot:
    """The right to have one request in flight."""

    __slots__ = ("concurrency", "launch", "tokens")

    def __init__(self, launch: Launch, tokens: int, concurrency: int) -> None:
        self.launch = launch
        self.tokens = tokens
        self.concurrency = concurrency


class _Place:
    """A leaf in line."""

    __slots__ = ("given", "rates", "tokens", "waiter")

    def __init__(self, rates: Rates, tokens: int) -> None:
        self.rates = rates
        self.tokens = tokens
        self.waiter = Waiter()
        self.given: Slot | None = None


class Limiter:
    """Decides when a request may leave. Safe to use from any thread and any event loop.

    Example:
        >>> async def ask(limiter, model, prompt):
        ...     async with limiter.slot(Rates(concurrency=8), tokens=500):
        ...         return await model.ainvoke(prompt)
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._lines: dict[Hashable, deque[_Place]] = {}
        self._pace = Pace()
        self._buckets: dict[tuple[str, float], Bucket] = {}
        self._in_flight = 0
        self._ceiling = math.inf
        self._lowered_at = -math.inf
        self._paused_at = self._paused_until = -math.inf
        self._asked: float | None = None
        """The pause that refusals have asked for, until something is learned from them."""
        self._timer: tuple[float, asyncio.AbstractEventLoop] | None = None
        self._answer: float | None = None
        self.stragglers = Stragglers()

    @property
    def in_flight(self) -> int:
        """Requests in flight."""
        return self._in_flight

    @property
    def ceiling(self) -> float:
        """How many may be, as far as the limiter has learned; infinite until something was refused."""
        return self._ceiling

    @contextlib.asynccontextmanager
    async def slot(
        self, rates: Rates = Rates(), *, tokens: int = 0, run: Hashable = None
    ) -> AsyncIterator[Slot]:
        """Hold a slot. An error that says 429 or overload inside is learned from, as `refused` does."""
        held = await self.acquire(rates, tokens=tokens, run=run)
        answered = False
        try:
            yield held
            answered = True
        except Exception as error:
            if is_throttled(error):
                self.refused(held, retry_after(error))
            elif is_overloaded(error):
                self.overloaded(held, retry_after(error))
            raise
        finally:
            self.release(held, answered=answered)

    async def acquire(
        self, rates: Rates, *, tokens: int = 0, run: Hashable = None, first: bool = False
    ) -> Slot:
        """Wait for a slot.

        Args:
            rates: the bounds that this leaf was given.
            tokens: what the request is estimated to take, in and out.
            run: whose leaf it is; runs take turns.
            first: go to the head of the run's line: a request that was in flight before.

        Raises:
            EndpointPaused: the endpoint wants to be left alone for longer than the leaf would wait.
        """
        with self._lock:
            now = time.monotonic()
            if self._paused_until - now > rates.longest_pause:
                raise self._too_long(now)
            if not self._lines and not self._admit(rates, tokens, now):
                return self._launch(rates, tokens, now)
            place = _Place(rates, tokens)
            line = self._lines.setdefault(run, deque())
            line.appendleft(place) if first else line.append(place)
            self._serve()
        try:
            await place.waiter.told()
        except asyncio.CancelledError:
            self._leave(run, place)
            raise
        if place.given is None:
            raise self._too_long(time.monotonic())
        return place.given

    def try_acquire(self, rates: Rates, *, tokens: int = 0) -> Slot | None:
        """Get a slot if nobody waits for one and there is one now; else None."""
        with self._lock:
            now = time.monotonic()
            if self._lines or self._admit(rates, tokens, now):
                return None
            return self._launch(rates, tokens, now)

    def expected_answer(self, most: int) -> int:
        """Tokens to expect of an answer: as many as the last ones had on average; at first, `most`."""
        return most if self._answer is None else min(most, math.ceil(self._answer))

    def release(
        self, slot: Slot, *, answered: bool = False, tokens: int | None = None, answer: int | None = None
    ) -> None:
        """Give a slot back.

        Args:
            slot: that was acquired.
            answered: the endpoint has answered what it was asked.
            tokens: what the request really took, where that is known.
            answer: the part of it that was the answer.
        """
        with self._lock:
            if answer is not None:
                self._answer = answer if self._answer is None else 0.9 * self._answer + 0.1 * answer
            if answered and self._in_flight >= self._ceiling - 1:
                self._ceiling += 1 / self._ceiling
            self._in_flight -= 1
            if tokens is not None and tokens != slot.tokens:
                now = time.monotonic()
                for (kind, _), bucket in self._buckets.items():
                    if kind == "tokens":
                        bucket.correct(tokens - slot.tokens, now)
            self._serve()

    def refused(self, slot: Slot, retry_after: float | None) -> None:
        """The endpoint has answered 429, while the slot is still held.

        With a Retry-After everybody pauses, and the pace is learned; without one the ceiling is what there
        is to lower, and the pace where it was not the ceiling that was reached. Who would not wait for so
        long leaves the line.
        """
        with self._lock:
            slot.launch.refused = True
            reached = self._in_flight >= min(self._ceiling, slot.concurrency) > 1
            if reached:
                self._lower(slot)
            if retry_after is not None or not reached:
                self._pause(retry_after or 0.0, since=slot.launch.when)
                self._asked = max(self._asked or 0.0, retry_after or 0.0)

    def overloaded(self, slot: Slot, retry_after: float | None) -> None:
        """The endpoint is overloaded (503, 529): fewer at a time, and a pause if it asks for one."""
        with self._lock:
            self._lower(slot)
            if retry_after is not None:
                self._pause(retry_after)

    def exhausted(self, seconds: float) -> None:
        """The endpoint says that nothing is left for so long."""
        with self._lock:
            self._pause(seconds)

    def _lower(self, slot: Slot) -> None:
        """Lower the ceiling, once for all that were in flight together; what was alone was not too many."""
        if slot.launch.when > self._lowered_at and self._in_flight > 1:
            self._ceiling = max(1.0, DECREASE * min(self._ceiling, self._in_flight))
            self._lowered_at = time.monotonic()

    def _pause(self, seconds: float, *, since: float = math.inf) -> None:
        """Pause for everybody. Requests that had left before a pause began are of one burst, and ask for one.

        Args:
            seconds: from now, or from the begin of the pause that is going on.
            since: when the request left that brought it.
        """
        now = time.monotonic()
        if since > self._paused_at or now >= self._paused_until + HORIZON:
            self._learn(now)
            self._paused_at = now
        self._paused_until = max(self._paused_until, self._paused_at + seconds)
        for run, line in list(self._lines.items()):
            for place in [p for p in line if self._paused_until - now > p.rates.longest_pause]:
                line.remove(place)
                place.waiter.tell()
            if not line:
                del self._lines[run]

    def _too_long(self, now: float) -> EndpointPaused:
        return EndpointPaused(
            f"the endpoint asks for a pause of {self._paused_until - now:.0f} s, above retry_after_ceiling"
        )

    def _learn(self, now: float) -> None:
        """A pause is over: learn from what brought it."""
        if self._asked is not None and now >= self._paused_until:
            self._pace.learn(now, self._asked)
            self._asked = None

    def _admit(self, rates: Rates, tokens: int, now: float) -> float:
        """Let a request leave, which is 0; or the seconds until it may, infinite until a slot is back."""
        if now < self._paused_until:
            return self._paused_until - now
        self._learn(now)
        if self._in_flight + 1 > min(rates.concurrency, self._ceiling):
            return math.inf
        if (wait := self._pace.free_at() - now) > 0:
            return wait
        return self._take(rates, tokens, now)

    def _take(self, rates: Rates, tokens: int, now: float) -> float:
        """Take from the buckets that this leaf was told of; all others count along."""
        told = [("requests", rates.requests_per_minute, 1), ("tokens", rates.tokens_per_minute, tokens)]
        mine = {(kind, rate): amount for kind, rate, amount in told if rate is not None}
        taken: list[tuple[Bucket, int]] = []
        for (kind, rate), amount in mine.items():
            bucket = self._bucket(kind, rate)
            if wait := bucket.take(amount, now):
                for other, back in taken:
                    other.correct(-back, now)
                return wait
            taken.append((bucket, amount))
        for key, bucket in self._buckets.items():
            if key not in mine:
                bucket.correct(1 if key[0] == "requests" else tokens, now)
        return 0.0

    def _bucket(self, kind: str, rate: float) -> Bucket:
        if (kind, rate) not in self._buckets:
            make = Bucket.of_requests if kind == "requests" else Bucket.of_tokens
            self._buckets[kind, rate] = make(rate)
        return self._buckets[kind, rate]

    def _launch(self, rates: Rates, tokens: int, now: float) -> Slot:
        self._in_flight += 1
        return Slot(self._pace.launch(now), tokens, rates.concurrency)

    def _serve(self) -> None:
        """Give slots to those in line, run by run in turns, as long as there are any to give."""
        soonest, passed_over = math.inf, 0
        while passed_over < len(self._lines):
            run, line = next(iter(self._lines.items()))
            self._lines[run] = self._lines.pop(run)
            place, now = line[0], time.monotonic()
            if wait := self._admit(place.rates, place.tokens, now):
                soonest = min(soonest, now + wait)
                passed_over += 1
                continue
            passed_over = 0
            line.popleft()
            if not line:
                del self._lines[run]
            place.given = self._launch(place.rates, place.tokens, now)
            place.waiter.tell()
        if soonest < math.inf:
            self._wake_at(soonest, next(iter(self._lines.values()))[0].waiter.loop)

    def _wake_at(self, when: float, loop: asyncio.AbstractEventLoop) -> None:
        """Serve again at that time, in the loop of somebody who waits."""
        waiting = {line[0].waiter.loop for line in self._lines.values()}
        if self._timer is not None and self._timer[0] <= when and self._timer[1] in waiting:
            return  # the loop of somebody who has left may be gone before it rings
        timer = self._timer = (when, loop)

        def ring() -> None:
            with self._lock:
                if self._timer is timer:
                    self._timer = None
                self._serve()

        def arm() -> None:
            loop.call_later(max(0.0, when - time.monotonic()), ring)

        arm() if is_running(loop) else loop.call_soon_threadsafe(arm)

    def _leave(self, run: Hashable, place: _Place) -> None:
        """Somebody in line gives up; a slot that was given at the same moment goes back."""
        with self._lock:
            line = self._lines.get(run)
            if place.given is not None:
                self._in_flight -= 1
            elif line is not None and place in line:
                line.remove(place)
                if not line:
                    del self._lines[run]
            self._serve()


current_limiter: ContextVar[Limiter | None] = ContextVar("current_limiter", default=None)
"""The limiter of the request that this code is part of: what its response's headers say is for it."""

_limiters: dict[Hashable, Limiter] = {}
_making = threading.Lock()


def get_limiter(endpoint: str, model: str) -> Limiter:
    """The limiter of one model of one endpoint: the same one for the whole process."""
    with _making:
        return _limiters.setdefault((endpoint, model), Limiter())
