"""This process as an engine: its event loop, and its limits as they are."""

import contextlib
from collections.abc import Sequence

from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.scale.engine import Chunk, Deliver, Job, WorkerState
from langgraph_parallel.scale.working import ChunkWorker


class InlineEngine:
    """Runs rows in this process, in the event loop of the driver; functions that are not async in threads."""

    name = "this process"

    def __init__(self) -> None:
        self._open = contextlib.AsyncExitStack()
        self._worker: ChunkWorker
        self._deliver: Deliver
        self._in_flight = 0

    async def open(self, job: Job, deliver: Deliver) -> None:
        """Load the program; see `Engine.open`."""
        self._deliver = deliver
        self._worker = await self._open.enter_async_context(ChunkWorker(job))

    @property
    def capacity(self) -> int:
        """One chunk more than there are, unless more rows wait here than will soon begin."""
        has_room = 2 * self._worker.waiting < max(2, self._worker.at_once)
        return self._in_flight + has_room

    async def run(self, chunk: Chunk) -> str | None:
        """Run a chunk; see `Engine.run`."""
        self._in_flight += 1
        try:
            return await self._worker.work(chunk, self._deliver)
        finally:
            self._in_flight -= 1

    async def drain(self) -> None:
        """Begin no more rows."""
        self._worker.drain()

    def workers(self) -> Sequence[WorkerState]:
        """Return the state of this process."""
        return [self._worker.state()]

    @property
    def open_reservations(self) -> Amount:
        """What calls have reserved or spent, and no result has told."""
        return self._worker.reserved

    async def close(self) -> None:
        """Cancel the rows that run."""
        await self._open.aclose()
