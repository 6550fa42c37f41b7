"""Things that belong to one event loop: made on first use, shared in it, closed with it.

HTTP clients, locks and the models that hold them cannot cross event loops, and a compiled graph can be
run in many: one after another in scripts and tests, side by side in threads.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class _Held:
    """What one loop holds, and what has to be closed with it."""

    def __init__(self) -> None:
        self.things: dict[Hashable, Any] = {}
        self.closers: list[Callable[[], Awaitable[None]]] = []


_local: dict[asyncio.AbstractEventLoop, _Held] = {}


def _held() -> _Held:
    """What the running loop holds; the first use sees to it that nothing outlives the loop."""
    loop = asyncio.get_running_loop()
    if loop not in _local:
        _local[loop] = _Held()
        _start(_closing(loop))
    return _local[loop]


async def _closing(loop: asyncio.AbstractEventLoop) -> AsyncGenerator[None, None]:
    """Wait for the end: a loop closes its async generators last, as `asyncio.run` has it do."""
    try:
        yield
    finally:
        held = _local.pop(loop)
        for close in held.closers:
            await close()


def _start(generator: AsyncGenerator[None, None]) -> None:
    """Run a generator to its first `yield`, before which it awaits nothing."""
    with contextlib.suppress(StopIteration):
        generator.__anext__().send(None)
    _local[asyncio.get_running_loop()].things[id(generator)] = generator


def loop_local(key: Hashable, make: Callable[[], T]) -> T:
    """Get what the running loop holds under `key`, or make it."""
    held = _held().things
    if key not in held:
        held[key] = make()
    return cast("T", held[key])


async def loop_local_async(key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The same for what takes time to make: once, however many ask for it at the same moment."""
    held = _held().things
    if key not in held:
        held[key] = asyncio.ensure_future(make())
    making = held[key]
    try:
        return cast("T", await asyncio.shield(making))
    finally:
        if making.done() and (making.cancelled() or making.exception()) and held.get(key) is making:
            del held[key]  # it failed: the next one tries again


def close_with_loop(close: Callable[[], Awaitable[None]]) -> None:
    """Have `close` awaited when the running loop ends."""
    _held().closers.append(close)
