"""Limits over several processes: what each limiter keeps to itself, and Redis for what they share.

Every process has its own line, its own learned pace and its own turns. Shared are the requests in flight, as
leases that expire when a process dies with them; the rates that are told, as token buckets of pyrate-limiter;
and pauses. The clock is that of the Redis server.

A Redis that cannot be reached stops nobody: each process goes on within its own limits, and says so in its
log once a minute.
"""

import asyncio
import contextlib
import inspect
import logging
import os
import random
import time
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.buckets import REQUESTS, TOKENS
from langgraph_parallel.runtime.limiter import Rates
from langgraph_parallel.runtime.limits import PREFIX
from langgraph_parallel.runtime.loops import close_with_loop, loop_local_async

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger("langgraph_parallel")
_LEASE = """
local pause = redis.call('PTTL', KEYS[2])
if pause > 0 then return pause end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return -1 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 0
"""
_PAUSE = (
    "if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) end"
)
_LOOK = 0.02
"""Seconds between two looks for a free lease, on average."""
_GRACE = 10.0
"""Seconds for which a lease outlives the longest call."""
_url: str | None = None
_complained_at = -60.0


def share_limits(url: str | None) -> None:
    """Share limits with all processes that name the same Redis; None ends it.

    `LANGGRAPH_PARALLEL_REDIS_URL` does the same. The address may hold a password, so it is no part of
    `Limits`, and appears in no report, trace or checkpoint.

    Raises:
        UsageError: redis is not installed, or the address is none.
    """
    global _url
    if url is not None:
        _check(url)
    _url = url


def shared_url() -> str | None:
    """The Redis that limits are shared by, if any."""
    return _url or os.environ.get(f"{PREFIX}REDIS_URL", "").strip() or None


class Shared:
    """What the processes share of one model of one endpoint."""

    def __init__(self, redis: "Redis", key: str) -> None:
        self._redis = redis
        self._key = f"langgraph-parallel:{key}"
        self._lease: Any = redis.register_script(_LEASE)
        self._pause: Any = redis.register_script(_PAUSE)
        self._buckets: dict[tuple[str, float], Any] = {}

    @contextlib.asynccontextmanager
    async def lease(self, rates: Rates, tokens: int, seconds: float) -> AsyncIterator[None]:
        """Be one of the requests in flight, over all processes.

        Args:
            rates: the bounds of this leaf.
            tokens: what the request is estimated to take.
            seconds: how long it may take: a lease that nobody gives back ends a little later.
        """
        id = uuid.uuid4().hex
        try:
            try:
                await self._enter(rates, tokens, seconds, id)
            except Exception as error:
                _complain(error)
            yield
        finally:
            with contextlib.suppress(Exception):  # it expires where it cannot be given back
                await asyncio.shield(asyncio.ensure_future(self._leave(id)))

    async def pause(self, seconds: float) -> None:
        """Have all processes pause."""
        try:
            await self._pause(keys=[f"{self._key}:pause"], args=[max(1, round(seconds * 1000))])
        except Exception as error:
            _complain(error)

    async def _leave(self, id: str) -> None:
        await self._redis.zrem(f"{self._key}:leases", id)

    async def _enter(self, rates: Rates, tokens: int, seconds: float, id: str) -> None:
        keys, lives = [f"{self._key}:leases", f"{self._key}:pause"], round((seconds + _GRACE) * 1000)
        while True:
            wait = await self._lease(keys=keys, args=[rates.concurrency, id, lives])
            if wait == 0 and (wait := await self._take(rates, tokens)) == 0:
                return
            if wait > 0:
                await self._leave(id)
            await asyncio.sleep(wait / 1000 if wait > 0 else random.uniform(0, 2 * _LOOK))  # noqa: S311

    async def _take(self, rates: Rates, tokens: int) -> int:
        """Take from the told rates; 0, or the milliseconds until there is enough."""
        from pyrate_limiter import RateItem

        for kind, rate, amount in (
            ("requests", rates.requests_per_minute, 1),
            ("tokens", rates.tokens_per_minute, tokens),
        ):
            if rate is not None and amount:
                bucket, burst = self._bucket(kind, rate)
                item = RateItem("", int(time.time() * 1000), min(amount, burst))
                if not await bucket.put(item):
                    wait = bucket.waiting(item)
                    return max(1, int(await wait if inspect.isawaitable(wait) else wait))
        return 0

    def _bucket(self, kind: str, rate: float) -> tuple[Any, int]:
        from pyrate_limiter import Rate, RedisStateStore, StateBucket, TokenBucket

        if (kind, rate) not in self._buckets:
            share, spare = REQUESTS if kind == "requests" else TOKENS
            burst = max(1, int(spare * rate / 60 if kind == "requests" else spare * rate))
            told = Rate(max(1, round(rate * share * 100)), 100 * 60_000, burst)
            store = RedisStateStore(self._redis, f"{self._key}:{kind}:{rate:g}")
            self._buckets[kind, rate] = StateBucket([told], TokenBucket(), store), burst
        bucket: tuple[Any, int] = self._buckets[kind, rate]
        return bucket


async def get_shared(endpoint: str, model: str) -> Shared | None:
    """What is shared of one model of one endpoint, where anything is shared.

    Raises:
        UsageError: as in `share_limits`.
    """
    url = shared_url()
    if url is None:
        return None
    _check(url)
    return await loop_local_async(
        ("shared", url, endpoint, model), lambda: _connect(url, f"{endpoint}|{model}")
    )


async def _connect(url: str, key: str) -> Shared:
    from redis.asyncio import Redis

    async def make() -> "Redis":
        redis: Redis = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
        close_with_loop(redis.aclose)
        return redis

    return Shared(await loop_local_async(("redis", url), make), key)


def _check(url: str) -> None:
    try:
        from redis.asyncio.connection import parse_url
    except ImportError:
        raise UsageError("sharing limits needs redis: pip install 'langgraph-parallel[redis]'") from None
    try:
        parse_url(url)
    except ValueError as error:
        raise UsageError(f"the address of Redis is none: {error}") from None


def _complain(error: Exception) -> None:
    """Say that Redis cannot be reached; without its address."""
    global _complained_at
    if time.monotonic() - _complained_at >= 60:
        _complained_at = time.monotonic()
        _log.warning("limits are not shared: Redis cannot be reached (%s)", type(error).__name__)
