"""One limiter for each endpoint and model, for the whole process: every run, every level, every thread.

A call holds a slot only while its request is in flight: not while it waits in line or rests before a retry,
and the graphs around it hold none. What decides when the next request leaves:

- the ceiling of requests in flight adapts (`runtime.ceiling`): it falls when the endpoint refuses or is
  overloaded while it is reached, and grows by one for every round of answers
- the pace of requests per second is learned from answers of 429 (`runtime.pace`)
- rates that the user sets are kept (`runtime.buckets`)
- a pause holds for all calls (`runtime.pauses`): the endpoint asks for one with Retry-After, or its rate
  limit headers say that nothing is left; after a refusal one request goes first, and the others follow it
- runs take turns (`runtime.turns`), regardless of how many of their calls are in line; a run with a higher
  priority has more of them
"""

import contextlib
import math
import threading
import time
from collections.abc import AsyncIterator, Hashable

from langgraph_parallel.runtime.buckets import RateBuckets
from langgraph_parallel.runtime.ceiling import Ceiling
from langgraph_parallel.runtime.in_flight import InFlight
from langgraph_parallel.runtime.pace import Pace
from langgraph_parallel.runtime.pauses import Pause
from langgraph_parallel.runtime.retry import is_overloaded, is_throttled
from langgraph_parallel.runtime.slots import Rates, Slot
from langgraph_parallel.runtime.stragglers import Stragglers
from langgraph_parallel.runtime.tokens import AnswerLength
from langgraph_parallel.runtime.turns import Lines, Place
from langgraph_parallel.runtime.waiting import Alarm
from langgraph_parallel.runtime.waits import retry_after

_DEFAULT_RATES = Rates()


class Limiter:
    """Decides when a request may leave. Safe to use from any thread and any event loop.

    Example:
        >>> async def ask(limiter, model, prompt):
        ...     async with limiter.slot(Rates(concurrency=8), tokens=500):
        ...         return await model.ainvoke(prompt)
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._lines = Lines()
        self._in_flight = InFlight()
        self._alarm = Alarm(self._lock, self._serve)
        self.stragglers = Stragglers()
        self._forget_learned()

    @property
    def in_flight(self) -> int:
        """Requests in flight."""
        return self._in_flight.total

    @property
    def ceiling(self) -> float:
        """Requests that may be in flight, as learned; infinite until a request was refused."""
        return self._ceiling.value

    @contextlib.asynccontextmanager
    async def slot(
        self, rates: Rates = _DEFAULT_RATES, *, tokens: int = 0, run: Hashable = None
    ) -> AsyncIterator[Slot]:
        """Hold a slot, and learn from a 429 or an overload that is raised inside.

        Args:
            rates: bounds of this request.
            tokens: estimate of the tokens that the request takes, in and out.
            run: runs with different values take turns.

        Raises:
            EndpointPaused: the endpoint asks for a pause of more than `rates.longest_pause`.
        """
        slot = await self.acquire(rates, tokens=tokens, run=run)
        answered = False
        try:
            yield slot
            answered = True
        except Exception as error:
            if is_throttled(error):
                self.refused(slot, retry_after(error))
            elif is_overloaded(error):
                self.overloaded(slot, retry_after(error))
            raise
        finally:
            self.release(slot, answered=answered)

    async def acquire(
        self,
        rates: Rates,
        *,
        tokens: int = 0,
        run: Hashable = None,
        priority: float = 1.0,
        first: bool = False,
    ) -> Slot:
        """Wait for a slot.

        Args:
            rates: bounds of this request.
            tokens: estimate of the tokens that the request takes, in and out.
            run: runs with different values take turns.
            priority: of the run: one of 2 has twice as many turns as one of 1.
            first: go to the head of the run's line, as a retry does.

        Raises:
            EndpointPaused: the endpoint asks for a pause of more than `rates.longest_pause`.
        """
        place = Place(run, rates, tokens, priority)
        with self._lock:
            now = time.monotonic()
            # Before the line, which a call leaves for a pause only when the pause begins or is extended.
            if self._pause.seconds_left(now) > rates.longest_pause:
                raise self._pause.too_long(now)
            # A free slot belongs to the calls in line first, or one that comes in time would overtake them.
            if not self._lines and not self._admit(place, now):
                return self._launch(place, now)
            waiter = self._lines.join(place, first=first)
            # There may be a slot for this call although calls with tighter bounds come before it.
            self._serve()
        # Outside of the lock, which other threads and `_serve` itself need to end the wait.
        try:
            await waiter.wait()
        except BaseException:  # cancelled, or its event loop is gone
            self._give_up(place)
            raise
        if place.slot is None:
            raise self._pause.too_long(time.monotonic())
        return place.slot

    def try_acquire(
        self, rates: Rates, *, tokens: int = 0, run: Hashable = None, priority: float = 1.0
    ) -> Slot | None:
        """Return a slot if one is free and no call waits in line, else None."""
        place = Place(run, rates, tokens, priority)
        with self._lock:
            free = not self._lines and not self._admit(place, now := time.monotonic())
            return self._launch(place, now) if free else None

    def expected_answer(self, most: int) -> int:
        """Return the tokens to expect of an answer: the recent average, `most` at first and at most."""
        return self._answer_length.expected(most)

    def release(
        self, slot: Slot, *, answered: bool = False, tokens: int | None = None, answer: int | None = None
    ) -> None:
        """Return a slot.

        Args:
            slot: from `acquire` or `try_acquire`.
            answered: whether the endpoint answered the request.
            tokens: what the request took, in and out; None if unknown.
            answer: the part of `tokens` that was the answer; None if unknown.
        """
        with self._lock:
            if answer is not None:
                self._answer_length.note(answer)
            if answered:
                # Before the slot is returned: the ceiling grows only while it is reached.
                self._ceiling.grow(self.in_flight)
            self._in_flight.remove(slot.run, slot.concurrency)
            self._pause.returned(slot.launch)
            if tokens is not None and tokens != slot.tokens:
                self._buckets.correct_tokens(tokens - slot.tokens, time.monotonic())
            self._serve()

    def refused(self, slot: Slot, retry_after: float | None) -> None:
        """Slow down after a 429, while the slot is still held.

        With a Retry-After all calls pause, and the pace is lowered afterwards. Without one the ceiling is
        lowered if it was reached; if it was not, the pace was too much. Calls that would not wait leave.

        Args:
            slot: that of the refused request.
            retry_after: seconds that the endpoint asks to wait; None if it does not say.
        """
        with self._lock:
            slot.launch.refused = True  # the pace counts it when it is lowered
            # One request in flight, the least of all ceilings, is never one too many.
            is_at_ceiling = self.in_flight >= min(self._ceiling.value, slot.concurrency) > 1
            if is_at_ceiling:
                self._ceiling.lower(self.in_flight, slot.launch.when)
            if retry_after is not None or not is_at_ceiling:
                self._pause_all(retry_after or 0.0, slot, launched_at=slot.launch.when)
                # After it, since it may still learn from what the last pause was asked for.
                self._pause.ask(retry_after or 0.0)

    def overloaded(self, slot: Slot, retry_after: float | None) -> None:
        """Lower the ceiling after an overload (503, 529), and pause if the endpoint asks for it.

        The pace stays: an overloaded endpoint says nothing about the rate that this client may ask at.
        """
        with self._lock:
            self._ceiling.lower(self.in_flight, slot.launch.when)
            if retry_after is not None:
                self._pause_all(retry_after, slot)

    def exhausted(self, seconds: float) -> None:
        """Pause all calls: by its headers, the endpoint has nothing left for a number of seconds."""
        with self._lock:
            self._pause_all(seconds)

    def forget_learned(self) -> None:
        """Forget all that was learned from the endpoint; keep slots in flight and calls in line."""
        with self._lock:
            self._forget_learned()
            self.stragglers.forget_durations()
            self._serve()  # calls in line may have waited only for what is forgotten

    def _forget_learned(self) -> None:
        self._ceiling = Ceiling()
        self._pace = Pace()
        self._pause = Pause()
        self._buckets = RateBuckets()
        self._answer_length = AnswerLength()

    def _pause_all(self, seconds: float, slot: Slot | None = None, *, launched_at: float = math.inf) -> None:
        """Pause all calls for some seconds; those that would not wait for so long leave the line.

        Args:
            seconds: from now, or from the begin of the pause in progress.
            slot: of the refused request; None if none was refused.
            launched_at: when the request left whose answer asks for the pause.
        """
        now = time.monotonic()
        if self._pause.is_new(launched_at, now):
            # The last pause may have ended while no request was waiting to notice: learn from it first,
            # before what it asked for is mixed with what this one does.
            self._lower_pace_after_pause(now)
            self._pause.begin(now)
        if slot is None:
            self._pause.extend(seconds)
        else:
            self._pause.extend(seconds, now - slot.launch.when, slot.longest_pause)
        for place in self._lines.send_away(self._pause.seconds_left(now)):
            place.wake()

    def _lower_pace_after_pause(self, now: float) -> None:
        """Lower the pace at the end of a pause that a 429 caused.

        Not when the 429 arrives: each answer to the same burst tells more about how many were let through.
        """
        seconds_asked = self._pause.take_seconds_asked(now)
        if seconds_asked is not None:
            self._pace.lower_after_refusals(now, seconds_asked)

    def _admit(self, place: Place, now: float) -> float:
        """Return 0 if a request may leave, which then counts against its rates; else the seconds to wait.

        Infinite means until another request returns its slot.
        """
        rates = place.rates
        if (wait := self._pause.wait(now)) > 0:
            return wait
        self._lower_pace_after_pause(now)
        if not self._in_flight.has_room(place.run, rates, self._ceiling.value):
            return math.inf
        if (wait := self._pace.free_at() - now) > 0:
            return wait
        # The buckets come last, since what is taken from them stays taken.
        return self._buckets.take(rates.requests_per_minute, rates.tokens_per_minute, place.tokens, now)

    def _launch(self, place: Place, now: float) -> Slot:
        self._in_flight.add(place.run, place.rates.concurrency)
        self._lines.served(place.run, place.priority)
        # Calls with a rate that is set are spaced by it.
        launch = self._pace.launch(now, waited=bool(place.waiter and not place.rates.requests_per_minute))
        self._pause.launched(launch, now)
        rates = place.rates
        return Slot(launch, place.tokens, rates.concurrency, place.run, rates.longest_pause)

    def _serve(self) -> None:
        """Give slots to calls in line, run by run in turns, until no run's first call may leave."""
        soonest, claimed, heads = math.inf, frozenset[object](), self._lines.in_turn()
        while heads:
            place, now = heads.pop(0), time.monotonic()
            # A call that waits for a rate has a claim on it: others at this rate would empty it each time.
            if place.rates.shared & claimed:
                continue
            if wait := self._admit(place, now):  # its own rates may bound it, and not those of other runs
                soonest = min(soonest, now + wait)
                claimed |= place.rates.shared if wait < math.inf else frozenset()
                continue
            self._lines.leave(place)
            place.slot = self._launch(place, now)
            place.wake()
            soonest, claimed, heads = math.inf, frozenset(), self._lines.in_turn()
        if soonest < math.inf:
            self._alarm.set(soonest, self._lines.loops)

    def _give_up(self, place: Place) -> None:
        """Take a cancelled call out of line; another thread may have given it a slot at the same moment."""
        with self._lock:
            if place.slot is not None:
                self.release(place.slot)
            else:
                self._lines.leave(place)
                self._serve()
