"""Sync calls in the batch lane: a thread waits for what the event loop of its branch gathers."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, TypeVar

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.bound import current_bound
from langgraph_parallel.runtime.waiting import in_event_loop

T = TypeVar("T")
_resizing = threading.Lock()


def wait_in_thread(call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what a call returns, made in the event loop of the branch, so that it is gathered with others.

    Args:
        call: makes the call.

    Raises:
        UsageError: this thread runs an event loop, which could gather nothing in the meantime.
    """
    if in_event_loop():
        raise UsageError(
            "a sync call of a model in an event loop cannot wait for a batch; use ainvoke, or call it in a "
            "function that is not async"
        )
    bound = current_bound()
    if bound is not None and bound.loop.is_running():
        # The task gets a copy of the context of this thread: its run, its branch, what records its calls.
        with _place_given_back(bound.loop):
            return asyncio.run_coroutine_threadsafe(call(), bound.loop).result()
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(call(), context=copy_context())


@contextmanager
def _place_given_back(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let the thread pool of a loop start another thread while this one waits.

    Sync functions run in a pool of a few threads. If all of them waited for a batch, other functions could
    not add their calls to it, nor could the loop use a thread to send it.
    """
    pool = getattr(loop, "_default_executor", None)
    if not isinstance(pool, ThreadPoolExecutor):
        yield
        return
    with _resizing:
        pool._max_workers += 1
        pool._adjust_thread_count()  # for work that is queued already
    try:
        yield
    finally:
        with _resizing:
            pool._max_workers -= 1
