"""Timers that keep nothing alive of the code that sets them.

A timer of asyncio that was cancelled stays in its event loop until its time comes, or until there are a
hundred timers and most of them were cancelled; and with it its context. That of a call has its run, with all
texts and records. So a process that lives for long would keep the last runs, of a minute or more. These
timers have an empty context.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any


def call_later(
    loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[..., Any], *args: Any
) -> asyncio.TimerHandle:
    """Call a function after some seconds, in an event loop that this code runs in."""
    return loop.call_later(seconds, callback, *args, context=Context())


def call_at(loop: asyncio.AbstractEventLoop, when: float, callback: Callable[[], Any]) -> asyncio.Handle:
    """Call a function at a time of an event loop that this code runs in; at once if that has passed."""
    if when <= loop.time():
        return loop.call_soon(callback, context=Context())
    return loop.call_at(when, callback, context=Context())


def reschedule(timeout: asyncio.Timeout, when: float | None) -> None:
    """Let a timeout that has been entered expire at a time of its event loop; None for never.

    Raises:
        RuntimeError: it has expired, or was not entered, or left.
    """
    Context().run(timeout.reschedule, when)


@asynccontextmanager
async def timeout(seconds: float | None) -> AsyncIterator[asyncio.Timeout]:
    """Limit the time of what is done inside, as `asyncio.timeout`.

    Args:
        seconds: None for no limit.

    Raises:
        TimeoutError: the time is over.
    """
    async with asyncio.timeout(None) as limit:
        if seconds is not None:
            reschedule(limit, asyncio.get_running_loop().time() + seconds)
        yield limit
