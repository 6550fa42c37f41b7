"""A number of worker processes, of which those that die are replaced."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.engines.child import Child
from langgraph_parallel.scale.line.threaded import Address

_FAILED_STARTS = 3
"""Workers in a row that end with an error before they take rows, after which no more are started."""
_DEATHS = 50
"""Workers in a row that die without a result between them, after which no more are started."""
_LONGEST_PAUSE = 5.0
"""Seconds between the death of a worker and the start of the next."""
_FREE_DEATHS = 3
"""In a row, after each of which the next worker is started at once."""


class Fleet:
    """Keeps worker processes running.

    Args:
        size: number of processes.
        on_end: called with each process that has ended, and how; returns whether it had rows.
        on_failure: called with an error, of whatever kind, once no more are started.
    """

    def __init__(
        self,
        size: int,
        on_end: Callable[[Child, str], Awaitable[bool]],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._size = size
        self._on_end = on_end
        self._on_failure = on_failure
        self._keeping: list[asyncio.Task[None]] = []
        self._closed = asyncio.Event()
        self._deaths = self._failed_starts = 0
        self.children: dict[str, Child] = {}
        """Those that run, by name."""

    def start(self, address: Address) -> None:
        """Start the processes, which connect to a coordinator."""
        self._keeping = [asyncio.create_task(self._keep(address)) for _ in range(self._size)]

    def progress(self) -> None:
        """Note that there are results."""
        self._deaths = self._failed_starts = 0

    def retire(self) -> None:
        """Start no more; those that run end by themselves once there is nothing for them to do."""
        self._closed.set()

    async def close(self, grace: float) -> None:
        """Return once all have ended; kill those that run on after so many seconds."""
        self.retire()
        await asyncio.gather(*(child.end(grace) for child in self.children.values()))
        await asyncio.gather(*self._keeping, return_exceptions=True)

    async def _keep(self, address: Address) -> None:
        """Run one process after the other; tell of any error that ends this."""
        try:
            await self._run_one_after_the_other(address)
        except OSError as error:
            self._fail(f"cannot start a worker process: {error}; ask for fewer processes")
        except Exception as error:
            self._closed.set()
            self._on_failure(error)

    async def _run_one_after_the_other(self, address: Address) -> None:
        while not self._closed.is_set():
            child = await Child.start(address, self._size)
            self.children[child.name] = child
            if self._closed.is_set():
                child.kill()
            how = await child.end()
            had_rows = await self._on_end(child, how)
            del self.children[child.name]
            child.close()
            if not self._closed.is_set():
                self._count_death(child, how, had_rows)
                await self._pause()

    def _count_death(self, child: Child, how: str, had_rows: bool) -> None:
        self._deaths += 1
        self._failed_starts = self._failed_starts + 1 if child.failed and not had_rows else 0
        if self._failed_starts >= _FAILED_STARTS:
            self._fail(f"workers end before they run a row; the last: {how}", child)
        elif self._deaths >= _DEATHS:
            self._fail(f"{self._deaths} workers in a row have died without a result; the last: {how}", child)

    async def _pause(self) -> None:
        if self._deaths > _FREE_DEATHS and not self._closed.is_set():
            seconds = min(_LONGEST_PAUSE, 0.1 * 2 ** (self._deaths - _FREE_DEATHS))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._closed.wait()

    def _fail(self, text: str, child: Child | None = None) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self._on_failure(
                UsageError(f"{text}\n{child.tail}" if child is not None and child.tail else text)
            )
