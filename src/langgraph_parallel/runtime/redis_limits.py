"""Limits over several processes, shared through Redis.

Every process keeps its own lines and its own turns. The processes share the requests in flight, as leases
that expire if a process dies; the rates that the user sets, and the pace that is learned, as times to leave,
several of which are granted at once (`runtime.redis_shared`); and pauses. The clock is that of the server.

If Redis cannot be reached, or hangs, each process goes on within its own limits after the first slow answer
(`runtime.circuit`), until Redis answers again, and logs a warning at most once a minute. Workers of a run
over many items know how many they are, and go on within their part of the limits each.
"""

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from langgraph_parallel.arguments import checked
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.circuit import Circuit
from langgraph_parallel.runtime.limits import PREFIX
from langgraph_parallel.runtime.loops import close_with_loop, loop_local, loop_local_async
from langgraph_parallel.runtime.redis_shared import Shared

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger("langgraph_parallel")
_WARNING_INTERVAL = 60.0
_url: str | None = None
_processes: list[int] = []
"""How many processes share the limits of each run over many items of this one; the last one holds."""
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


@contextlib.contextmanager
def one_of(processes: int) -> Iterator[None]:
    """While Redis does not answer, take this process for one of so many: each has its part of the limits."""
    _processes.append(processes)
    try:
        yield
    finally:
        _processes.remove(processes)


async def connect(url: str, endpoint: str, model: str) -> Shared:
    """Return what is shared through a Redis about one model of one endpoint.

    Raises:
        UsageError: as `share_limits`.
    """
    check_url(url)
    return await loop_local_async(
        ("shared", url, endpoint, model), lambda: _connect(url, f"{endpoint}|{model}")
    )


async def _connect(url: str, key: str) -> Shared:
    redis, circuit = await open_redis(url)
    return Shared(redis, circuit, key, warn, lambda: _processes[-1] if _processes else 1)


async def open_redis(url: str) -> tuple["Redis", Circuit]:
    """Return the connection of this event loop to a Redis, and the circuit through which it is asked."""
    from redis.asyncio import Redis
    from redis.exceptions import ConnectionError as RedisConnectionError

    async def connect_to() -> "Redis":
        redis: Redis = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
        close_with_loop(redis.aclose)
        return redis

    redis = await loop_local_async(("redis", url), connect_to)
    outages = OSError, RedisConnectionError
    return redis, loop_local(("circuit", url), lambda: Circuit(redis.ping, warn, outages))


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


def warn(error: BaseException) -> None:
    """Log that Redis cannot be reached, at most once a minute."""
    global _warned_at
    if time.monotonic() - _warned_at >= _WARNING_INTERVAL:
        _warned_at = time.monotonic()
        # Only the type: the error's text may contain the URL, and with it a password.
        problem = "does not answer in time" if isinstance(error, TimeoutError) else "cannot be reached"
        _log.warning("limits are not shared: Redis %s (%s)", problem, type(error).__name__)
