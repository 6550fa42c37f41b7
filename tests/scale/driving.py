"""A plain driver: it hands chunks to an engine, and rows of dead workers again, as often as it takes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from langgraph_parallel.scale.engine import Chunk, Engine, Job, WorkerLost
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Result, Row

LONGEST = 120.0
"""Seconds that an engine may be open."""


def numbered(count: int, **data: Any) -> list[Row]:
    """Return rows with the keys `1`, `2` ..., each with its number beside the data."""
    return [Row(str(number), {"number": number, **data}) for number in range(1, count + 1)]


def job_of(graph: str, **program: Any) -> Job:
    """Return a job that runs a function of `tests.scale`."""
    return Job(id="test", program=Program(graph=f"tests.scale.{graph}" if graph else "", **program))


async def until(test: Callable[[], bool]) -> None:
    """Wait until something holds of what other processes do."""
    while not test():  # noqa: ASYNC110 - they set no event of this loop
        await asyncio.sleep(0.01)


class Driver:
    """Keeps as many chunks in flight as the engine takes; has what came back."""

    def __init__(self, engine: Engine, rows: Sequence[Row], chunk: int) -> None:
        self.engine = engine
        self.results: list[Result] = []
        self.lost: list[WorkerLost] = []
        self.delivered = asyncio.Condition()
        self.failure: BaseException | None = None
        """Of `run`."""
        self._rows = [*rows]
        self._chunk = chunk
        self._number = 0

    @property
    def keys(self) -> list[str]:
        """Keys of the results, as often as they came."""
        return [result.key for result in self.results]

    async def deliver(self, results: Sequence[Result]) -> None:
        """Take results."""
        async with self.delivered:
            self.results.extend(results)
            self.delivered.notify_all()

    async def has(self, test: Callable[[], bool]) -> None:
        """Wait until something holds, which is looked at with each delivery, or until `run` has failed."""
        async with self.delivered:
            await self.delivered.wait_for(lambda: self.failure or test())
        if self.failure is not None:
            raise self.failure

    def __str__(self) -> str:
        workers = ", ".join(f"{one.name} with {one.running} rows" for one in self.engine.workers())
        return f"{len(self.results)} results, {len(self._rows)} rows left, workers: {workers or 'none'}"

    async def run(self) -> None:
        """Run all rows; return once no row is left that has neither a result nor was drained."""
        try:
            await self._run()
        except BaseException as failure:
            async with self.delivered:
                self.failure = failure
                self.delivered.notify_all()
            raise

    async def _run(self) -> None:
        running: dict[asyncio.Task[str | None], Chunk] = {}
        while self._rows or running:
            while self._rows and len(running) < self.engine.capacity:
                self._number += 1
                chunk = Chunk(self._number, self._rows[: self._chunk])
                del self._rows[: self._chunk]
                running[asyncio.create_task(self.engine.run(chunk))] = chunk
            done, _ = await asyncio.wait(running, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                chunk = running.pop(task)
                try:
                    task.result()
                except WorkerLost as lost:
                    self.lost.append(lost)
                    have = {*self.keys}
                    self._rows += [row for row in chunk.rows if row.key not in have]


@asynccontextmanager
async def opened(engine: Engine, job: Job, rows: Sequence[Row], chunk: int) -> AsyncIterator[Driver]:
    """Open an engine for a job, and close it at the end; what takes too long fails with its state."""
    driver, state = Driver(engine, rows, chunk), ""
    try:
        async with asyncio.timeout(LONGEST):
            await engine.open(job, driver.deliver)
            try:
                yield driver
            finally:
                state = str(driver)
                await engine.close()
    except TimeoutError as late:
        raise AssertionError(f"not at its end after {LONGEST:g} s: {state}") from late
