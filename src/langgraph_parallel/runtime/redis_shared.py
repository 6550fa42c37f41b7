"""What processes share through Redis about one model of one endpoint."""

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from langgraph_parallel.runtime.buckets import SHARED_SHARE, Bucket
from langgraph_parallel.runtime.circuit import Circuit, CircuitOpen
from langgraph_parallel.runtime.lateness import Lateness
from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.redis_scripts import DEPARTURES, LEASE, REFUSED, RENEW
from langgraph_parallel.runtime.slots import Rates, Slot
from langgraph_parallel.runtime.turnstile import Turnstile

if TYPE_CHECKING:
    from redis.asyncio import Redis

_POLL_SECONDS = 0.02
"""Average time between two attempts to get a lease."""
_LEASE_MARGIN = 10.0
"""Seconds that a lease lasts beyond the longest call."""
_AHEAD = 0.15
"""Seconds that times to leave are granted ahead."""
_GRANTED, _ALL_TAKEN, _NEEDS_TIME = 0, -1, -2
"""What is said of a lease; above these: milliseconds of a pause."""
_Line = tuple[float | None, float | None]
"""Requests and tokens per minute of the calls that wait together."""


class Lease:
    """A place among the requests in flight, for as long as it is renewed.

    Args:
        shared: what it is a place in.
        id: of the lease.
        seconds: after which it expires.
    """

    def __init__(self, shared: "Shared", id: str, seconds: float) -> None:
        self._shared, self._id, self._seconds = shared, id, seconds
        self._renew_at = time.monotonic() + seconds / 2

    async def renew(self) -> None:
        """Let it last as long again; does nothing in the first half of its time."""
        if time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + self._seconds / 2
            await self._shared.renew(self._id, self._seconds)


class Shared:
    """What processes share about one model of one endpoint: see `SharedLimits`.

    Args:
        redis: the connection.
        circuit: through which it is asked.
        key: identifies endpoint and model.
        warn: logs that Redis cannot be reached.
        processes: returns how many processes share the limits, as far as it is known without Redis.
    """

    def __init__(
        self,
        redis: "Redis",
        circuit: Circuit,
        key: str,
        warn: Callable[[BaseException], None],
        processes: Callable[[], int] = lambda: 1,
    ) -> None:
        self._redis, self._circuit, self._ask = redis, circuit, circuit.ask
        self._warn, self._processes = warn, processes
        self._alone = Limiter()
        """Holds the part of this process while Redis does not answer."""
        names = ("leases", "pause", "learned", "counts", "rates", "askers")
        self._keys = [f"langgraph-parallel:{key}:{name}" for name in names]
        self._lease_script: Any = redis.register_script(LEASE)
        self._renew_script: Any = redis.register_script(RENEW)
        self._refused_script: Any = redis.register_script(REFUSED)
        self._departures_script: Any = redis.register_script(DEPARTURES)
        self._name = uuid.uuid4().hex
        self._lines: dict[_Line, tuple[Turnstile, asyncio.Event]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._granting: set[_Line] = set()
        self._is_paced = False
        """Whether calls need a time to leave although they set no rate: a pace was learned."""
        self._lateness = Lateness()
        self._unreturned: set[str] = set()
        """Leases that have ended, and that Redis may still count."""
        self._concurrency = 1
        self._rate: float | None = None
        """Requests per minute that calls have set of late."""

    @contextlib.asynccontextmanager
    async def lease(self, rates: Rates, tokens: int, seconds: float) -> AsyncIterator[Lease]:
        """Count as one of the requests in flight, over all processes.

        Args:
            rates: bounds of this request.
            tokens: estimate of the tokens that the request takes, in and out.
            seconds: longest time that it may take; a lease that is not returned expires a little later.
        """
        id, alone = uuid.uuid4().hex, None
        try:
            # Without a lease the call goes on: the limiter of this process still holds.
            try:
                await self._acquire(rates, tokens, seconds, id)
            except Exception as error:
                if not isinstance(error, CircuitOpen):
                    self._warn(error)
                alone = await self._acquire_part(rates, tokens)
            yield Lease(self, id, seconds + _LEASE_MARGIN)
        except asyncio.CancelledError:
            # Nobody who cancels waits for Redis. A lease that is not returned expires.
            self._start(self._release(id))
            raise
        except BaseException:
            await self._release(id)
            raise
        else:
            await self._release(id)
        finally:
            if alone is not None:
                self._alone.release(alone)

    async def hold(self, rates: Rates, tokens: int, seconds: float) -> Callable[[], None]:
        """Take a lease, as `lease`; return what gives it back, without waiting, and from any thread."""
        held, loop = self.lease(rates, tokens, seconds), asyncio.get_running_loop()
        await held.__aenter__()

        def give_back() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the lease expires
                loop.call_soon_threadsafe(lambda: asyncio.ensure_future(held.__aexit__(None, None, None)))

        return give_back

    async def refused(self, seconds_ago: float, retry_after: float | None) -> None:
        """Let all processes pause, and learn from a 429."""
        pause = -1 if retry_after is None else max(0, round(retry_after * 1000))
        arguments = [seconds_ago * 1000, pause, self._concurrency, self._rate or 0]
        with contextlib.suppress(Exception):
            await self._ask(lambda: self._refused_script(keys=self._keys[:4], args=arguments))

    async def renew(self, id: str, seconds: float) -> None:
        """Let a lease last some seconds from now."""
        arguments = [id, round(seconds * 1000)]
        with contextlib.suppress(Exception):
            await self._ask(lambda: self._renew_script(keys=self._keys[:1], args=arguments))

    async def _release(self, id: str) -> None:
        self._unreturned.add(id)
        await self._return_leases()

    async def _return_leases(self) -> None:
        """Return leases that have ended; if Redis does not answer, once it does.

        It counts them until they expire, and all processes would wait for that.
        """
        ids, self._unreturned = self._unreturned, set()
        if not ids:
            return
        try:
            await self._ask(lambda: self._redis.zrem(self._keys[0], *ids))
        except BaseException as error:
            self._unreturned |= ids
            self._circuit.put_off(self._return_later)
            if not isinstance(error, Exception):
                raise

    def _return_later(self) -> None:
        self._start(self._return_leases())

    async def _acquire(self, rates: Rates, tokens: int, seconds: float, id: str) -> None:
        self._concurrency, self._rate = rates.concurrency, rates.requests_per_minute
        line = rates.requests_per_minute, rates.tokens_per_minute
        milliseconds = round((seconds + _LEASE_MARGIN) * 1000)
        while True:
            has_time = self._is_paced or line != (None, None)
            arguments = [rates.concurrency, id, milliseconds, int(has_time)]
            ask = partial(self._lease_script, keys=self._keys[:4], args=arguments)
            while (answer := await self._ask(ask)) == _ALL_TAKEN:  # noqa: ASYNC110
                # With jitter, or processes that poll together would stay together.
                await asyncio.sleep(random.uniform(0, 2 * _POLL_SECONDS))  # noqa: S311
            if answer == _GRANTED:
                break
            self._is_paced = True  # or all that wait would leave together when a pause is over
            if answer != _NEEDS_TIME:
                await asyncio.sleep(answer / 1000)
        if has_time:
            # The lease first: to ask for it takes time, and the call is to leave exactly at its own.
            since = time.monotonic()
            await self._wait_for_time(line, tokens)
            if time.monotonic() - since > seconds / 2:
                await self.renew(id, seconds + _LEASE_MARGIN)

    async def _acquire_part(self, rates: Rates, tokens: int) -> Slot | None:
        """Wait for a place in what is the part of this process, if there are others."""
        if (number := self._processes()) <= 1:
            return None
        requests, in_tokens = rates.requests_per_minute, rates.tokens_per_minute
        part = Rates(
            max(1, rates.concurrency // number),
            None if requests is None else requests / number,
            None if in_tokens is None else in_tokens / number,
        )
        return await self._alone.acquire(part, tokens=tokens)

    async def _wait_for_time(self, line: _Line, tokens: int) -> None:
        if line not in self._lines:
            needed = asyncio.Event()
            self._lines[line] = Turnstile(needed.set), needed
        turnstile, needed = self._lines[line]
        if line not in self._granting:
            self._granting.add(line)
            self._start(self._grant_times(line))
        await turnstile.leave(tokens)

    async def _grant_times(self, line: _Line) -> None:
        """Ask for times as long as calls wait; let them leave if there is no answer."""
        try:
            await self._grant_until_none_waits(line)
        except Exception as error:
            if not isinstance(error, CircuitOpen):
                self._warn(error)
            self._lines[line][0].release()
        finally:
            self._granting.discard(line)

    async def _grant_until_none_waits(self, line: _Line) -> None:
        turnstile, needed = self._lines[line]
        arguments = [self._name, _AHEAD * 1000, *_bucket(line[0], "requests"), *_bucket(line[1], "tokens")]
        while turnstile.waiting:
            needed.clear()
            if wanted := turnstile.wanted():
                missed = [1000 * seconds for seconds in turnstile.take_missed()]
                told = [*arguments, len(missed), *missed, *wanted]
                ask = partial(self._departures_script, keys=self._keys, args=told)
                wait, now, *delays = await self._ask(ask)
                late = self._lateness.of(now / 1e6, time.monotonic())
                turnstile.grant([delay / 1e6 for delay in delays], late)
                await asyncio.sleep(max(_POLL_SECONDS, wait / 1e6))
            else:
                await needed.wait()

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(task := asyncio.ensure_future(coroutine))
        task.add_done_callback(self._tasks.discard)


def _bucket(per_minute: float | None, kind: str) -> list[str | float]:
    """Return what the script is to know of a rate: a name, milliseconds for one, and those to be early."""
    if per_minute is None:
        return ["", 0, 0]
    make = Bucket.of_requests if kind == "requests" else Bucket.of_tokens
    bucket = make(SHARED_SHARE * per_minute)
    return [f"{kind}:{per_minute:g}", bucket.seconds_each * 1000, bucket.tolerance * 1000]
