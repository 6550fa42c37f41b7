"""Objects that belong to one event loop: created on first use, shared in the loop, closed with it.

HTTP clients, locks and the models that hold them cannot cross event loops, and a compiled graph can be run in
many: one after another in scripts and tests, side by side in threads.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Hashable
from typing import Any, NamedTuple, TypeVar, cast

T = TypeVar("T")
_MOST_LATEST = 256
"""Objects of one kind that are kept: more than an application has models, unless it makes new ones."""


class _Made(NamedTuple):
    """An object that was made. The task that made it would keep its context: the run that asked first."""

    value: Any


class _Store:
    """The objects of one loop, and what to await when it ends."""

    def __init__(self) -> None:
        self.objects: dict[Hashable, Any] = {}
        self.latest: dict[str, dict[Hashable, Any]] = {}
        """Objects of which only the latest are kept, by their kind."""
        self.closers: list[Callable[[], Awaitable[None]]] = []


_stores: dict[asyncio.AbstractEventLoop, _Store] = {}
# No lock: a loop's entry is only touched by code that runs in this loop, and single operations on a dict are
# atomic between threads.


def _store() -> _Store:
    """Return the store of the running loop; its first use arranges that it is closed with the loop."""
    loop = asyncio.get_running_loop()
    if loop not in _stores:
        _stores[loop] = _Store()
        _start(_close_at_end(loop))
    return _stores[loop]


async def _close_at_end(loop: asyncio.AbstractEventLoop) -> AsyncGenerator[None, None]:
    """Close the store of a loop when the loop shuts down its async generators.

    An event loop has no hook for its end. But it notes every async generator that was started in it, and
    `asyncio.run` closes those that are left, in the loop, after all tasks are cancelled: the one moment at
    which no request is in flight and a client can still be closed.
    """
    try:
        yield
    finally:
        store = _stores.pop(loop)
        for close in store.closers:
            await close()


def _start(generator: AsyncGenerator[None, None]) -> None:
    """Run an async generator up to its first `yield`, before which it must not await."""
    # By hand, not with `await anext(...)`: this code is synchronous. The generator is kept in the store,
    # because one that is garbage-collected is closed at once.
    with contextlib.suppress(StopIteration):
        generator.__anext__().send(None)
    _stores[asyncio.get_running_loop()].objects[id(generator)] = generator


def loop_local(key: Hashable, make: Callable[[], T]) -> T:
    """Return the running loop's object under `key`; create it on first use."""
    objects = _store().objects
    if key not in objects:
        objects[key] = make()
    return cast("T", objects[key])


async def loop_local_async(key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return the running loop's object under `key`; create it once, even if several ask at the same time."""
    return await made_once(_store().objects, key, make)


async def latest_of_loop(kind: str, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return the same, for a kind of object that code may ask for under a new key in each run.

    Of one kind, the objects that were asked for last are kept; others are made again.
    """
    objects = _store().latest.setdefault(kind, {})
    if key in objects:
        objects[key] = objects.pop(key)
    elif len(objects) >= _MOST_LATEST:
        del objects[next(iter(objects))]
    return await made_once(objects, key, make)


async def made_once(
    objects: dict[Hashable, Any], key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]
) -> T:
    """Return the object under `key`; create it once, even if several ask at the same time.

    Args:
        objects: of one event loop, each as the task that makes it until it is made.
        key: of the object.
        make: creates it. If it raises, those that wait get the error, and the next that asks tries again.
    """
    if isinstance(found := objects.get(key), _Made):
        return cast("T", found.value)
    if found is None:
        found = objects[key] = asyncio.ensure_future(make())
    making: asyncio.Future[T] = found
    try:
        # Shielded: of a hundred calls that wait for the same client, one that is cancelled must not take the
        # client from the others.
        return await asyncio.shield(making)
    finally:
        # By identity: another call may have put a new attempt under the key since.
        if making.done() and objects.get(key) is making:
            if making.cancelled() or making.exception():
                del objects[key]
            else:
                objects[key] = _Made(making.result())


def close_with_loop(close: Callable[[], Awaitable[None]]) -> None:
    """Await `close` when the running loop ends."""
    _store().closers.append(close)
