"""Graceful stop: the first signal drains a run, the second cancels it."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Coroutine, Iterator
from typing import Any, TypeVar

from langgraph_parallel.records import RunReport
from langgraph_parallel.runtime.draining import drain

T = TypeVar("T")
STOPPED = "stopped by SIG"
"""Beginning of the reason of a run that a signal has drained."""
_STOPPING = "stopping: running calls may finish; a second Ctrl-C cancels them"


def was_stopped(run: RunReport) -> bool:
    """Return whether a signal has ended branches of a run."""
    return any(cause.startswith(STOPPED) for cause in run.failures.values())


def run_to_end(running: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop of its own, as `asyncio.run` does, also if its result is large.

    At its end `asyncio.run` asks for the handler of SIGINT, and Python writes down the handler, the task and
    its result for an error that it then ignores. So the task has no result.
    """
    results: list[T] = []

    async def keep() -> None:
        results.append(await running)

    asyncio.run(keep())
    return results[0]


async def stoppable(running: Awaitable[T], *, silent: bool = False) -> T:
    """Await a run that the first SIGINT or SIGTERM drains and the second cancels.

    Args:
        running: the run.
        silent: say nothing of it on standard error, which a program reads.

    Raises:
        KeyboardInterrupt: a second signal cancelled the run.
    """
    task = asyncio.ensure_future(running)
    with _handling_signals(task, silent):
        try:
            return await task
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


@contextlib.contextmanager
def _handling_signals(task: "asyncio.Future[Any]", silent: bool) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    is_stopping = False

    def stop(number: signal.Signals) -> None:
        nonlocal is_stopping
        if is_stopping:
            task.cancel()
            return
        is_stopping = True
        drain(f"stopped by {number.name}")
        if not silent:
            print(_STOPPING, file=sys.stderr, flush=True)

    try:
        for number in signals:
            loop.add_signal_handler(number, stop, number)
    except (NotImplementedError, RuntimeError):  # not on this platform, or not in the main thread
        pass
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError):
            for number in signals:
                loop.remove_signal_handler(number)
