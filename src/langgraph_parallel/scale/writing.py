"""The queue between results and the sink: bounded, and written in batches by one writer."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

from langgraph_parallel.scale.rows import Result

DELAY = 0.05
"""Seconds that a result may wait for others before it is written: what is lost if the driver is killed."""
BATCH = 1_000
"""Results that are written at once, without a wait for others."""
MOST = 2_000
"""Results that may wait for the sink; whoever brings more waits, too."""

HEAVY = 32_000_000
"""Characters of texts in results that may wait likewise."""

Write = Callable[[Sequence[Result]], Awaitable[None]]


class WriteQueue:
    """Results that are not written yet.

    Args:
        write: stores results; is never called twice at the same time.
        on_failure: told once why nothing can be written any more.
    """

    def __init__(self, write: Write, on_failure: Callable[[BaseException], None]) -> None:
        self._write, self._on_failure = write, on_failure
        self._waiting: list[Result] = []
        self._since = 0.0
        """When the oldest of them arrived, on the clock of `time.monotonic`."""
        self._weight = 0
        self.unwritten: set[str] = set()
        """Keys of results that are not in the sink yet."""
        self._filled, self._enough, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()
        self._is_closing = self._has_failed = self._is_noted = False
        self._task = asyncio.create_task(self._work(), name="write results")

    async def put(self, results: Sequence[Result]) -> None:
        """Add results; wait while the sink is behind. They are dropped once the sink has failed."""
        if self._has_failed or not results:
            return
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting += results
        self.unwritten.update([result.key for result in results])
        self._weight += sum(map(_weight, results))
        self._filled.set()
        if len(self._waiting) >= BATCH or self._weight >= HEAVY:
            self._enough.set()
        if len(self._waiting) >= MOST or self._weight >= HEAVY:
            self._room.clear()
            await self._room.wait()

    def note(self) -> None:
        """Have what is spent and reserved written, with results or without."""
        self._is_noted = True
        self._filled.set()

    def note_at_once(self) -> None:
        """Do the same without a wait for more results."""
        self.note()
        self._enough.set()

    async def close(self) -> None:
        """Write what is left, and end. The failure of the sink, if there is one, was told."""
        self._is_closing = True
        self._filled.set()
        self._enough.set()
        await self._task

    async def _work(self) -> None:
        try:
            while True:
                await self._filled.wait()
                if len(self._waiting) < BATCH and not self._is_closing:
                    # Those that arrived during a long write have waited already.
                    left = self._since + DELAY - time.monotonic() if self._waiting else 0.0
                    if left > 0:
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(self._enough.wait(), left)
                await self._write_all()
                if self._is_closing and not self._waiting:
                    return
        except Exception as failure:
            self._has_failed = True
            self._waiting.clear()
            self._room.set()
            self._on_failure(failure)

    async def _write_all(self) -> None:
        batch, self._waiting, self._weight = self._waiting, [], 0
        self._enough.clear()
        if not self._is_closing:
            self._filled.clear()
        self._room.set()
        if batch or self._is_noted:
            self._is_noted = False
            await self._write(batch)
            self.unwritten.difference_update([result.key for result in batch])


def _weight(result: Result) -> int:
    return sum([len(value) for value in result.output.values() if type(value) is str])
