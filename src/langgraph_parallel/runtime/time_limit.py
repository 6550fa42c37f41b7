"""The time limit of a request, which does not count its time in a line at the endpoint."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.slots import Slot


@asynccontextmanager
async def time_limit(seconds: float, limiter: Limiter, slot: Slot | None) -> AsyncIterator[None]:
    """Limit the time of what is done inside.

    Args:
        seconds: from now, or from the moment at which the line at the endpoint moved last.
        limiter: of the endpoint.
        slot: of the request; None if it holds none.

    Raises:
        TimeoutError: the time is over.
    """
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle] = []

    def check() -> None:
        left = 0.0 if slot is None else limiter.seconds_left(slot, seconds)
        if left > 0:
            timers[:] = [loop.call_later(left, check)]
        else:
            limit.reschedule(loop.time())

    timers.append(loop.call_later(seconds, check))
    try:
        async with asyncio.timeout(None) as limit:
            yield
    finally:
        timers[0].cancel()
