"""What processes share about one model of one endpoint, wherever it is kept.

It is kept in Redis, if there is one (`runtime.redis_limits`); else by what a worker process of a run over
many items has registered for its event loop, which asks the coordinator of the run.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from langgraph_parallel.runtime.redis_limits import connect, shared_url
from langgraph_parallel.runtime.slots import Rates


class Lease(Protocol):
    """A place among the requests in flight, over all processes."""

    async def renew(self) -> None:
        """Keep it for as long again: a stream goes on."""


class SharedLimits(Protocol):
    """What processes share about one model of one endpoint: requests in flight, rates, refusals."""

    def lease(self, rates: Rates, tokens: int, seconds: float) -> AbstractAsyncContextManager[Lease]:
        """Count as one of the requests in flight, once the rates have room for it.

        Args:
            rates: bounds of this request.
            tokens: estimate of the tokens that the request takes, in and out.
            seconds: longest time that it may take.
        """

    async def hold(self, rates: Rates, tokens: int, seconds: float) -> Callable[[], None]:
        """Take a lease, as `lease`; return what gives it back, without waiting, and from any thread."""

    async def refused(self, seconds_ago: float, retry_after: float | None) -> None:
        """Tell all processes that a request was refused with 429.

        Args:
            seconds_ago: when it left.
            retry_after: seconds that all are to pause, from now; None if the endpoint does not say.
        """


Provider = Callable[[str, str], Awaitable[SharedLimits]]
"""Gives what is shared about a model of an endpoint: always the same object."""

_providers: dict[asyncio.AbstractEventLoop, list[Provider]] = {}
"""By event loop; the last one gives."""


@contextlib.contextmanager
def sharing(provider: Provider) -> Iterator[None]:
    """Share limits in the running event loop, and with sync code of other threads.

    Args:
        provider: gives what is shared, called in this loop.
    """
    loop = asyncio.get_running_loop()
    _providers.setdefault(loop, []).append(provider)
    try:
        yield
    finally:
        _providers[loop].remove(provider)
        if not _providers[loop]:
            del _providers[loop]


async def get_shared(endpoint: str, model: str) -> SharedLimits | None:
    """Return what is shared about one model of one endpoint; None if limits are not shared.

    Raises:
        UsageError: the URL of Redis is not valid, or its client is not installed.
    """
    if (url := shared_url()) is not None:
        return await connect(url, endpoint, model)
    providers = _providers.get(asyncio.get_running_loop()) if _providers else None
    return await providers[-1](endpoint, model) if providers else None


def hold_blocking(
    endpoint: str, model: str, rates: Rates, tokens: int, seconds: float
) -> Callable[[], None] | None:
    """Take a lease in a thread without an event loop, where another thread shares limits in one.

    Returns:
        What gives it back; None if nothing is shared.
    """
    if not _providers:
        return None
    loop, providers = next(iter(_providers.items()))

    async def hold() -> Callable[[], None]:
        return await (await providers[-1](endpoint, model)).hold(rates, tokens, seconds)

    return asyncio.run_coroutine_threadsafe(hold(), loop).result()
