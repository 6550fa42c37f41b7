"""What processes share about one model of one endpoint, wherever it is kept.

It is kept in Redis, if there is one (`runtime.redis_limits`); else by what a worker process of a run over
many items has registered for its event loop, which asks the coordinator of the run.
"""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import Protocol

from langgraph_parallel.runtime.redis_limits import connect, shared_url
from langgraph_parallel.runtime.shared_elsewhere import SharedElsewhere
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
_home: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("home", default=None)
"""The event loop that shares limits with whatever this code was started from."""


@contextlib.contextmanager
def sharing(provider: Provider) -> Iterator[None]:
    """Share limits in the running event loop, and with sync code of other threads.

    Args:
        provider: gives what is shared, called in this loop.
    """
    loop = asyncio.get_running_loop()
    _providers.setdefault(loop, []).append(provider)
    _home.set(loop)  # for all that is started from here; it is not looked at any more after the end
    try:
        yield
    finally:
        _providers[loop].remove(provider)
        if not _providers[loop]:
            del _providers[loop]


async def get_shared(endpoint: str, model: str) -> SharedLimits | None:
    """Return what is shared about one model of one endpoint; None if limits are not shared.

    In an event loop that was started by code of a loop that shares limits, it is what is shared in that one.

    Raises:
        UsageError: the URL of Redis is not valid, or its client is not installed.
    """
    if (url := shared_url()) is not None:
        return await connect(url, endpoint, model)
    if not _providers:
        return None
    running = asyncio.get_running_loop()
    if providers := _providers.get(running):
        return await providers[-1](endpoint, model)
    home = _home.get()
    if home is None and threading.current_thread() is not threading.main_thread():
        home = next(iter(_providers))  # a thread that knows nothing of who has started it
    if home is None or home not in _providers:
        return None
    providing = _provide(_providers[home][-1], endpoint, model)
    shared = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(providing, home))
    return SharedElsewhere(shared, home)


async def _provide(provider: Provider, endpoint: str, model: str) -> SharedLimits:
    return await provider(endpoint, model)


def hold_blocking(
    endpoint: str, model: str, rates: Rates, tokens: int, seconds: float
) -> Callable[[], None] | None:
    """Take a lease in a thread without an event loop, where another thread shares limits in one.

    Returns:
        What gives it back; None if nothing is shared.
    """
    if not _providers:
        return None
    home = _home.get()
    loop = home if home in _providers else next(iter(_providers))
    providers = _providers[loop]

    async def hold() -> Callable[[], None]:
        return await (await providers[-1](endpoint, model)).hold(rates, tokens, seconds)

    return asyncio.run_coroutine_threadsafe(hold(), loop).result()
