"""The time limit of a request, which does not count its time in a line at the endpoint."""

import asyncio
from typing import Any

from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.slots import Slot
from langgraph_parallel.runtime.timers import call_later, reschedule


class time_limit:  # noqa: N801 - entered like `asyncio.timeout`
    """Limit the time of what is done inside.

    Args:
        seconds: from now, or from the moment at which the line at the endpoint moved last.
        limiter: of the endpoint.
        slot: of the request; None if it holds none.

    Raises:
        TimeoutError: the time is over.
    """

    __slots__ = ("_limit", "_limiter", "_loop", "_seconds", "_slot", "_timer")

    def __init__(self, seconds: float, limiter: Limiter, slot: Slot | None) -> None:
        self._seconds, self._limiter, self._slot = seconds, limiter, slot
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()
        self._timer = call_later(self._loop, self._seconds, self._check)

    async def __aexit__(self, *raised: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._limit.__aexit__(*raised)

    def _check(self) -> None:
        left = 0.0 if self._slot is None else self._limiter.seconds_left(self._slot, self._seconds)
        if left > 0:
            self._timer = call_later(self._loop, left, self._check)
        else:
            reschedule(self._limit, self._loop.time())
