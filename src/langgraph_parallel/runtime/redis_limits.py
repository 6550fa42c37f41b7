"""Limits over several processes, shared through Redis.

Every process keeps its own lines, its own learned pace and its own turns. The processes share the requests
in flight, as leases that expire if a process dies; the rates that the user sets, as token buckets of
pyrate-limiter; and pauses. The clock is that of the Redis server.

If Redis cannot be reached, or hangs, each process goes on within its own limits after the first slow answer
(`runtime.circuit`), until Redis answers again, and logs a warning at most once a minute.
"""

import asyncio
import contextlib
import inspect
import logging
import os
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from langgraph_parallel.arguments import checked
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.circuit import Circuit, CircuitOpen
from langgraph_parallel.runtime.limits import PREFIX
from langgraph_parallel.runtime.loops import close_with_loop, loop_local, loop_local_async
from langgraph_parallel.runtime.slots import Rates

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger("langgraph_parallel")
# Scripts, because each must read and write atomically: two processes must not both take the last lease.
# The server's clock decides which leases have expired, since those of the processes differ.
_LEASE_SCRIPT = """
local pause = redis.call('PTTL', KEYS[2])
if pause > 0 then return pause end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return -1 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 0
"""
_RENEW_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[2]), ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
"""
_PAUSE_SCRIPT = (
    "if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) end"
)
_REQUESTS = (0.95, 0.02)
"""For a bucket of requests: its rate as a share of the rate that was set, and its burst as a share of the
requests of one second."""
_TOKENS = (0.9, 0.1)
"""The same for tokens, except that the burst is a share of a minute's tokens: a prompt comes all at once."""
_POLL_SECONDS = 0.02
"""Average time between two attempts to get a lease."""
_LEASE_MARGIN = 10.0
"""Seconds that a lease lasts beyond the longest call."""
_WARNING_INTERVAL = 60.0
_url: str | None = None
_warned_at = -_WARNING_INTERVAL


@checked
def share_limits(url: str | None) -> None:
    """Share limits with all processes that use the same Redis.

    `LANGGRAPH_PARALLEL_REDIS_URL` does the same. The URL may contain a password, so it is not part of
    `Limits`, and appears in no report, trace or checkpoint.

    Args:
        url: `redis://...`; None to stop sharing.

    Raises:
        UsageError: the `redis` extra is not installed, or the URL is not valid.
    """
    global _url
    if url is not None:
        check_url(url)
    _url = url


def shared_url() -> str | None:
    """Return the URL of the Redis that limits are shared through; None if they are not."""
    return _url or os.environ.get(f"{PREFIX}REDIS_URL", "").strip() or None


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
    """What processes share about one model of one endpoint.

    Args:
        redis: the connection.
        circuit: through which it is asked.
        key: identifies endpoint and model.
    """

    def __init__(self, redis: "Redis", circuit: Circuit, key: str) -> None:
        self._redis = redis
        self._ask = circuit.ask
        self._key = f"langgraph-parallel:{key}"
        self._lease_script: Any = redis.register_script(_LEASE_SCRIPT)
        self._renew_script: Any = redis.register_script(_RENEW_SCRIPT)
        self._pause_script: Any = redis.register_script(_PAUSE_SCRIPT)
        self._buckets: dict[tuple[str, float], Any] = {}
        self._releasing: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def lease(self, rates: Rates, tokens: int, seconds: float) -> AsyncIterator[Lease]:
        """Count as one of the requests in flight, over all processes.

        Args:
            rates: bounds of this request.
            tokens: estimate of the tokens that the request takes, in and out.
            seconds: longest time that it may take; a lease that is not returned expires a little later.
        """
        id = uuid.uuid4().hex
        try:
            # Without a lease the call goes on: the limiter of this process still holds.
            try:
                await self._acquire(rates, tokens, seconds, id)
            except CircuitOpen:
                pass
            except Exception as error:
                _warn(error)
            yield Lease(self, id, seconds + _LEASE_MARGIN)
        except asyncio.CancelledError:
            # Nobody who cancels waits for Redis. A lease that is not returned expires.
            self._releasing.add(releasing := asyncio.ensure_future(self._release(id)))
            releasing.add_done_callback(self._releasing.discard)
            raise
        except BaseException:
            await self._release(id)
            raise
        else:
            await self._release(id)

    async def hold(self, rates: Rates, tokens: int, seconds: float) -> Callable[[], None]:
        """Take a lease, as `lease`; return what gives it back, without waiting, and from any thread."""
        held, loop = self.lease(rates, tokens, seconds), asyncio.get_running_loop()
        await held.__aenter__()

        def give_back() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the lease expires
                loop.call_soon_threadsafe(lambda: asyncio.ensure_future(held.__aexit__(None, None, None)))

        return give_back

    async def pause(self, seconds: float) -> None:
        """Let all processes pause."""
        milliseconds = max(1, round(seconds * 1000))
        with contextlib.suppress(Exception):
            await self._ask(lambda: self._pause_script(keys=[f"{self._key}:pause"], args=[milliseconds]))

    async def renew(self, id: str, seconds: float) -> None:
        """Let a lease last some seconds from now."""
        keys, arguments = [f"{self._key}:leases"], [id, round(seconds * 1000)]
        with contextlib.suppress(Exception):
            await self._ask(lambda: self._renew_script(keys=keys, args=arguments))

    async def _release(self, id: str) -> None:
        with contextlib.suppress(Exception):
            await self._ask(lambda: self._redis.zrem(f"{self._key}:leases", id))

    async def _acquire(self, rates: Rates, tokens: int, seconds: float, id: str) -> None:
        keys = [f"{self._key}:leases", f"{self._key}:pause"]
        arguments = [rates.concurrency, id, round((seconds + _LEASE_MARGIN) * 1000)]
        while True:
            # 0: the lease is there. > 0: milliseconds of a pause. < 0: all leases are taken.
            wait = await self._ask(lambda: self._lease_script(keys=keys, args=arguments))
            if wait == 0 and (wait := await self._take_rates(rates, tokens)) == 0:
                return
            if wait > 0:
                await self._release(id)  # a request that waits for a rate must not keep others from leaving
            # With jitter, or processes that poll together would stay together.
            poll_seconds = random.uniform(0, 2 * _POLL_SECONDS)  # noqa: S311
            await asyncio.sleep(wait / 1000 if wait > 0 else poll_seconds)

    async def _take_rates(self, rates: Rates, tokens: int) -> int:
        """Take a request from the rates that are set; return 0, or the milliseconds until it fits."""
        from pyrate_limiter import RateItem

        for kind, rate, amount in (
            ("requests", rates.requests_per_minute, 1),
            ("tokens", rates.tokens_per_minute, tokens),
        ):
            if rate is not None and amount:
                bucket, burst = self._bucket(kind, rate)
                item = RateItem("", int(time.time() * 1000), min(amount, burst))
                if wait := await self._ask(partial(_take, bucket, item)):
                    return wait
        return 0

    def _bucket(self, kind: str, rate: float) -> tuple[Any, int]:
        from pyrate_limiter import Rate, RedisStateStore, StateBucket, TokenBucket

        if (kind, rate) not in self._buckets:
            share, burst_share = _REQUESTS if kind == "requests" else _TOKENS
            burst = max(1, int(burst_share * rate / 60 if kind == "requests" else burst_share * rate))
            paced = Rate(max(1, round(rate * share * 100)), 100 * 60_000, burst)
            store = RedisStateStore(self._redis, f"{self._key}:{kind}:{rate:g}")
            self._buckets[kind, rate] = StateBucket([paced], TokenBucket(), store), burst
        bucket: tuple[Any, int] = self._buckets[kind, rate]
        return bucket


async def _take(bucket: Any, item: Any) -> int:
    """Take from a bucket; return 0, or the milliseconds until it fits."""
    if await bucket.put(item):
        return 0
    wait = bucket.waiting(item)
    return max(1, int(await wait if inspect.isawaitable(wait) else wait))


async def get_shared(endpoint: str, model: str) -> Shared | None:
    """Return what is shared about one model of one endpoint; None if limits are not shared.

    Raises:
        UsageError: as `share_limits`.
    """
    url = shared_url()
    if url is None:
        return None
    check_url(url)
    return await loop_local_async(
        ("shared", url, endpoint, model), lambda: _connect(url, f"{endpoint}|{model}")
    )


async def _connect(url: str, key: str) -> Shared:
    from redis.asyncio import Redis
    from redis.exceptions import ConnectionError as RedisConnectionError

    async def open_redis() -> "Redis":
        redis: Redis = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
        close_with_loop(redis.aclose)
        return redis

    redis = await loop_local_async(("redis", url), open_redis)
    return Shared(
        redis,
        loop_local(("circuit", url), lambda: Circuit(redis.ping, _warn, (OSError, RedisConnectionError))),
        key,
    )


def check_url(url: str) -> None:
    """Check that a URL is one of Redis, and that its client is installed.

    Raises:
        UsageError: it is not.
    """
    try:
        from redis.asyncio.connection import parse_url
    except ImportError:
        raise UsageError("sharing limits needs redis: pip install 'langgraph-parallel[redis]'") from None
    try:
        parse_url(url)
    except ValueError as error:
        raise UsageError(f"the URL of Redis is not valid: {error}") from None


def _warn(error: BaseException) -> None:
    """Log that Redis cannot be reached, at most once a minute."""
    global _warned_at
    if time.monotonic() - _warned_at >= _WARNING_INTERVAL:
        _warned_at = time.monotonic()
        # Only the type: the error's text may contain the URL, and with it a password.
        problem = "does not answer in time" if isinstance(error, TimeoutError) else "cannot be reached"
        _log.warning("limits are not shared: Redis %s (%s)", problem, type(error).__name__)
