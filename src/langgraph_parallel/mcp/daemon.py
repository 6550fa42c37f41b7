"""Work that blocks, in threads that never keep the process from ending."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Daemon:
    """A thread that does one job after another, until it is closed.

    The threads of asyncio and anyio are waited for when a process ends, also if one reads from a pipe to
    which nobody writes any more, or writes into one that nobody reads.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    async def run(self, job: Callable[..., T], *arguments: Any) -> T:
        """Return what a job returns. If this is cancelled, nobody waits for the job any more."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def do() -> None:
            try:
                result = job(*arguments)
            except BaseException as error:
                self._hand_over(loop, done, partial(done.set_exception, error))
            else:
                self._hand_over(loop, done, partial(done.set_result, result))

        self._jobs.put(do)
        return await done

    def close(self) -> None:
        """End the thread after the jobs that it has."""
        self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _hand_over(
        self, loop: asyncio.AbstractEventLoop, done: "asyncio.Future[T]", settle: Callable[[], None]
    ) -> None:
        def settle_once() -> None:
            if not done.done():
                settle()

        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle_once)


async def in_thread(job: Callable[[], T]) -> T:
    """Return what a job returns that blocks, from a thread of its own."""
    thread = Daemon()
    try:
        return await thread.run(job)
    finally:
        thread.close()
