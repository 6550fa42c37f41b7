"""Waiting for something that may come from another thread, or never."""

import asyncio


class Waiter:
    """One coroutine that waits in its own event loop, and can be told from any thread."""

    __slots__ = ("_future", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] = self.loop.create_future()

    def tell(self) -> None:
        """End the waiting. Telling it twice, or after it has given up, does nothing."""
        if is_running(self.loop):
            self._tell()
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def told(self) -> None:
        """Wait."""
        await self._future


def is_running(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this code runs in that loop."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
