"""Things that belong to one event loop: made on first use, shared in it, closed with it.

HTTP clients, locks and the models that hold them cannot cross event loops, and a compiled graph can be
run in many: one after another in scripts and tests, side by side in threads.
"""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")

_local: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Any]]" = (
    weakref.WeakKeyDictionary()
)


def loop_local(key: Hashable, make: Callable[[], T]) -> T:
    """Get what the running loop holds under `key`, or make it."""
    held = _local.setdefault(asyncio.get_running_loop(), {})
    if key not in held:
        held[key] = make()
    return cast("T", held[key])


async def loop_local_async(key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The same for what takes time to make: once, however many ask for it at the same moment."""
    held = _local.setdefault(asyncio.get_running_loop(), {})
    if key not in held:
        held[key] = asyncio.ensure_future(make())
    making = held[key]
    try:
        return cast("T", await asyncio.shield(making))
    finally:
        if making.done() and (making.cancelled() or making.exception()) and held.get(key) is making:
            del held[key]  # it failed: the next one tries again


async def close_with_loop(close: Callable[[], Awaitable[None]]) -> None:
    """Have `close` awaited when the running loop shuts its generators down, as `asyncio.run` does last."""

    async def closer() -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await close()

    generator = closer()
    await anext(generator)
    _local.setdefault(asyncio.get_running_loop(), {})[id(generator)] = generator
