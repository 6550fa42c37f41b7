"""One limiter for each endpoint and model, for the whole process: every run, every level, every thread.

A call holds a slot only while its request is in flight: not while it waits in line or rests before a retry,
and the graphs around it hold none. When the next request leaves depends on what was learned of the endpoint
(`runtime.learned`), and on the turns of the runs (`runtime.turns`): these do not depend on how many of their
calls are in line, and a run with a higher priority has more of them.
"""

import contextlib
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Literal

from langgraph_parallel.runtime.in_flight import InFlight
from langgraph_parallel.runtime.learned import Learned
from langgraph_parallel.runtime.retry import is_overloaded, is_throttled
from langgraph_parallel.runtime.slots import Rates, Slot
from langgraph_parallel.runtime.stragglers import Stragglers
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
        self._learned = Learned()

    @property
    def in_flight(self) -> int:
        """Requests in flight."""
        return self._in_flight.total

    @property
    def ceiling(self) -> float:
        """Requests that may be in flight, as learned; infinite until a request was refused."""
        return self._learned.ceiling.value

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
            self.learn(slot, error)
            raise
        finally:
            self.release(slot, answered=answered)

    def learn(self, slot: Slot, error: Exception) -> None:
        """Learn from a 429 or an overload, while the slot of the request is held."""
        if is_throttled(error):
            self.refused(slot, retry_after(error))
        elif is_overloaded(error):
            self.overloaded(slot, retry_after(error))

    async def acquire(
        self,
        rates: Rates,
        *,
        tokens: int = 0,
        run: Hashable = None,
        priority: float = 1.0,
        first: bool = False,
        on_wait: Callable[[Literal["slot", "rate"]], None] | None = None,
        requests: int = 1,
    ) -> Slot:
        """Wait for a slot.

        Args:
            rates: bounds of this request.
            tokens: estimate of the tokens that the request takes, in and out.
            run: runs with different values take turns.
            priority: of the run: one of 2 has twice as many turns as one of 1.
            first: go to the head of the run's line, as a retry does.
            on_wait: called before a wait, with what the request waits for: others in flight, or a rate.
            requests: as how many it counts against the rate of requests: one that asks for several answers.

        Raises:
            EndpointPaused: the endpoint asks for a pause of more than `rates.longest_pause`.
        """
        place = Place(run, rates, tokens, priority, requests)
        with self._lock:
            now = time.monotonic()
            # Before the line, which a call leaves for a pause only when the pause begins or is extended.
            if self._learned.pause.seconds_left(now) > rates.longest_pause:
                raise self._learned.pause.too_long(now)
            # A free slot belongs to the calls in line first, or one that comes in time would overtake them.
            if not self._lines and not self._admit(place, now):
                return self._launch(place, now)
            waiter = self._lines.join(place, first=first)
            is_full = not self._in_flight.has_room(run, rates, self._learned.ceiling.value)
            # There may be a slot for this call although calls with tighter bounds come before it.
            self._serve()
        # Outside of the lock, which other threads and `_serve` itself need to end the wait.
        try:
            if on_wait is not None and place.slot is None:
                on_wait("slot" if is_full else "rate")
            await waiter.wait()
        except BaseException:  # cancelled, or its event loop is gone
            self._give_up(place)
            raise
        if place.slot is None:
            raise self._learned.pause.too_long(time.monotonic())
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
        return self._learned.answer_length.expected(most)

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
            if answered:
                # Before the slot is returned: the ceiling grows only while it is reached.
                self._learned.answered(slot, self.in_flight, answer, time.monotonic())
            self._in_flight.remove(slot.run, slot.concurrency)
            self._learned.returned(slot, tokens, time.monotonic())
            self._serve()

    def refused(self, slot: Slot, retry_after: float | None, *, alone: bool = True) -> None:
        """Slow down after a 429, while the slot is still held; calls that would not wait leave the line.

        Args:
            slot: that of the refused request.
            retry_after: seconds that the endpoint asks to wait; None if it does not say.
            alone: whether this process learns by itself. If not, it only pauses: pace and ceiling are learned
                for all processes together.
        """
        with self._lock:
            now = time.monotonic()
            if alone:
                self._learned.refused(slot, self.in_flight, retry_after, now)
            else:
                self._learned.pause_all(retry_after or 0.0, now, slot, is_refusal=True)
            self._send_away()

    def overloaded(self, slot: Slot, retry_after: float | None) -> None:
        """Lower the ceiling after an overload (503, 529) or a timeout, and pause if the endpoint asks for it.

        The pace stays: an overloaded endpoint says nothing about the rate that this client may ask at.
        """
        with self._lock:
            self._learned.ceiling.lower(self.in_flight, slot.launch.when, time.monotonic())
            if retry_after is not None:
                self._learned.pause_all(retry_after, time.monotonic(), slot)
                self._send_away()

    def may_help(self, slot: Slot | None) -> bool:
        """Return whether a second request may be answered earlier than that of a slot: not in a line."""
        with self._lock:
            if slot is not None and self._learned.queue.is_overtaken(slot.launch):
                return True
            return not self._learned.queue.is_serial and self.in_flight < self._learned.ceiling.value

    def seconds_left(self, slot: Slot, limit: float) -> float:
        """Return the seconds that a request may still take, which has used up its time limit.

        It has some if it waits in a line at the endpoint. Then the ceiling is lowered as after an overload.
        """
        with self._lock:
            left = self._learned.queue.seconds_left(slot.launch, time.monotonic(), limit)
            if left > 0:
                self._learned.ceiling.lower(self.in_flight, slot.launch.when, time.monotonic())
            return left

    def exhausted(self, seconds: float) -> None:
        """Pause all calls: by its headers, the endpoint has nothing left for a number of seconds."""
        with self._lock:
            self._learned.pause_all(seconds, time.monotonic())
            self._send_away()

    def forget_learned(self) -> None:
        """Forget all that was learned from the endpoint; keep slots in flight and calls in line."""
        with self._lock:
            self._learned = Learned()
            self.stragglers.forget_durations()
            self._serve()  # calls in line may have waited only for what is forgotten

    def _send_away(self) -> None:
        """Send away the calls in line that would not wait through the pause."""
        for place in self._lines.send_away(self._learned.pause.seconds_left(time.monotonic())):
            place.wake()

    def _admit(self, place: Place, now: float) -> float:
        """Return 0 if a request may leave, which then counts against its rates; else the seconds to wait.

        Infinite means until another request returns its slot.
        """
        if (wait := self._learned.pause_left(now)) > 0:
            return wait
        if not self._in_flight.has_room(place.run, place.rates, self._learned.ceiling.value):
            return math.inf
        return self._learned.wait(place.rates, place.tokens, now, place.requests)

    def _launch(self, place: Place, now: float) -> Slot:
        # Calls with a rate that is set are spaced by it.
        is_spaced = bool(place.waiter and not place.rates.requests_per_minute)
        launch = self._learned.launch(now, ahead=self.in_flight, waited=is_spaced)
        self._in_flight.add(place.run, place.rates.concurrency)
        self._lines.served(place.run, place.priority)
        return Slot(launch, place.tokens, place.rates.concurrency, place.run, place.rates.longest_pause)

    def _serve(self) -> None:
        """Give slots to calls in line, run by run in turns, until no run's first call may leave."""
        soonest, claimed, heads = self._begin_turns()
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
            soonest, claimed, heads = self._begin_turns()
        if soonest < math.inf:
            self._alarm.set(soonest, self._lines.loops)

    def _begin_turns(self) -> tuple[float, frozenset[object], list[Place]]:
        """Return when to look again, the rates that are claimed, and the first calls in line, in their turns.

        There are none of these while no call may leave, whatever its bounds: with many runs in line, to ask
        each of them after every answer would take longer than the calls.
        """
        if not self._in_flight.may_have_room(self._lines.most_at_once, self._learned.ceiling.value):
            return math.inf, frozenset(), []
        now = time.monotonic()
        if (wait := self._learned.wait_of_all(now)) > 0:
            self._lines.drop_closed()  # nothing would ring there
            return now + wait if self._lines else math.inf, frozenset(), []
        return math.inf, frozenset(), self._lines.in_turn()

    def _give_up(self, place: Place) -> None:
        """Take a cancelled call out of line; another thread may have given it a slot at the same moment."""
        with self._lock:
            if place.slot is not None:
                self.release(place.slot)
            else:
                self._lines.leave(place)
                self._serve()
