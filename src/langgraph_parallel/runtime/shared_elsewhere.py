"""What processes share, for code that runs an event loop of its own: `asyncio.run` in a function of a row.

What is shared belongs to the event loop of the worker, which other threads ask.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from langgraph_parallel.runtime.slots import Rates

if TYPE_CHECKING:
    from langgraph_parallel.runtime.shared_limits import Lease, SharedLimits

_Result = TypeVar("_Result")


class _Entering:
    """A lease that is taken in the loop that it belongs to, for somebody who may not wait for it any more."""

    def __init__(self, lease: "contextlib.AbstractAsyncContextManager[Lease]") -> None:
        self._lease = lease
        self._task: asyncio.Task[Any] | None = None
        self._is_abandoned = self._has_entered = False

    async def enter(self) -> "Lease":
        self._task = asyncio.current_task()
        if self._is_abandoned:
            raise asyncio.CancelledError
        entered = await self._lease.__aenter__()
        self._has_entered = True
        return entered

    def abandon(self) -> None:
        """Give the lease back, or stop to wait for it; called in its loop."""
        self._is_abandoned = True
        if self._has_entered:
            self._leaving = asyncio.ensure_future(self._lease.__aexit__(None, None, None))
        elif self._task is not None:
            self._task.cancel()


class _LeaseElsewhere:
    def __init__(self, lease: "Lease", elsewhere: "SharedElsewhere") -> None:
        self._lease, self._elsewhere = lease, elsewhere

    async def renew(self) -> None:
        await self._elsewhere.there(self._lease.renew())


class SharedElsewhere:
    """Limits that are shared in another event loop, which runs in another thread.

    Args:
        shared: the limits.
        loop: that they belong to.
    """

    def __init__(self, shared: "SharedLimits", loop: asyncio.AbstractEventLoop) -> None:
        self._shared, self._loop = shared, loop

    @contextlib.asynccontextmanager
    async def lease(self, rates: Rates, tokens: int, seconds: float) -> "AsyncIterator[Lease]":
        """Count as one of the requests in flight: as `SharedLimits.lease`."""
        held = self._shared.lease(rates, tokens, seconds)
        entering = _Entering(held)
        try:
            lease = await self.there(entering.enter())
        except BaseException:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(entering.abandon)
            raise
        try:
            yield _LeaseElsewhere(lease, self)
        except BaseException as error:
            self._start(held.__aexit__(type(error), error, error.__traceback__))
            raise
        self._start(held.__aexit__(None, None, None))

    async def hold(self, rates: Rates, tokens: int, seconds: float) -> Callable[[], None]:
        """Take a lease; return what gives it back, from any thread."""
        return await self.there(self._shared.hold(rates, tokens, seconds))

    async def refused(self, seconds_ago: float, retry_after: float | None) -> None:
        """Tell all processes that a request was refused with 429."""
        await self.there(self._shared.refused(seconds_ago, retry_after))

    async def there(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """Return what a coroutine returns in the other loop; it goes on if this is cancelled."""
        return await asyncio.shield(
            asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))
        )

    def _start(self, leaving: Coroutine[Any, Any, Any]) -> None:
        """Give a lease back, which nobody waits for."""
        asyncio.run_coroutine_threadsafe(_quietly(leaving), self._loop)


async def _quietly(leaving: Coroutine[Any, Any, Any]) -> None:
    with contextlib.suppress(BaseException):  # it was raised where the lease was used
        await leaving
