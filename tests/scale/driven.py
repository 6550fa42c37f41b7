"""What tests drive: a source, a sink in memory, an engine that waits, loses workers and fails on command."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.scale.course import Course
from langgraph_parallel.scale.driver import Driver
from langgraph_parallel.scale.engine import Chunk, Deliver, Job, WorkerState
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Result, Row, RowStatus, Spent
from langgraph_parallel.scale.sinks.base import Counts, Manifest
from langgraph_parallel.scale.sinks.naming import NameRules
from langgraph_parallel.scale.stored_map import StoredMap


class Rows:
    """A source of rows, which notes how many were read."""

    name = "rows"
    columns = None
    remarks: Sequence[str] = ()

    def __init__(self, rows: Iterable[Row], total: int | None = None) -> None:
        self._rows, self._total = rows, total
        self.read = 0

    @classmethod
    def numbered(cls, number: int, *, is_known: bool = True) -> "Rows":
        """Return a source of rows with keys 1, 2, ..., made as they are read."""
        rows = (Row(str(n), {"n": n}) for n in range(1, number + 1))
        return cls(rows, number if is_known else None)

    def total(self) -> int | None:
        """Return the number of rows, if it is known."""
        return self._total

    async def rows(self) -> AsyncIterator[Row]:
        """Iterate over the rows."""
        for row in self._rows:
            self.read += 1
            yield row


_FEW = NameRules(4)


@dataclass
class MemorySink:
    """A sink that remembers what was written, and how often."""

    rows: dict[str, Result] = field(default_factory=dict)
    manifest: Manifest | None = None
    name: str = "memory"
    rules: NameRules = _FEW
    remarks: Sequence[str] = ()
    batches: list[int] = field(default_factory=list)
    is_open: bool = False
    gate: asyncio.Event | None = None
    """What a write waits for."""
    fails_at: int | None = None
    """Number of the write that fails."""

    async def open(self) -> Manifest | None:
        """Open it."""
        self.is_open = True
        return self.manifest

    async def stored(self, keys: Collection[str]) -> Mapping[str, RowStatus]:
        """Return the status of those keys that have a row, after other tasks had their turn."""
        await asyncio.sleep(0)
        return {key: self.rows[key].status for key in keys if key in self.rows}

    async def write(self, results: Sequence[Result], manifest: Manifest) -> None:
        """Store results."""
        if self.gate is not None:
            await self.gate.wait()
        if results:
            self.batches.append(len(results))
        if results and len(self.batches) == self.fails_at:
            raise OSError(28, "No space left on device")
        for result in results:
            before = self.rows.get(result.key)
            self.rows[result.key] = replace(result, attempts=before.attempts + 1 if before else 1)
        self.manifest = manifest

    async def counts(self) -> Counts:
        """Return the number of rows."""
        ok = sum(row.status == "ok" for row in self.rows.values())
        return Counts(ok, len(self.rows) - ok)

    async def failures(self) -> AsyncIterator[Result]:
        """Iterate over failed rows."""
        for row in self.rows.values():
            if row.status == "failed":
                yield row

    async def close(self) -> None:
        """Close it."""
        self.is_open = False


Work = Callable[[Row], Result]


def doubled(row: Row) -> Result:
    """Return what the rows of these tests become."""
    return Result(row.key, "ok", {"twice": 2 * row.data["n"]}, spent=Spent(1, 10, 5, 0.01), seconds=0.001)


class FakeEngine:
    """An engine of one worker that runs rows in their order.

    Args:
        work: makes the result of a row; may raise WorkerLost.
        capacity: chunks at the same time.
        upset: called before each row of a chunk; may wait, or raise WorkerLost.
    """

    name = "a fake"
    open_reservations = Amount()

    def __init__(
        self,
        work: Work = doubled,
        capacity: int = 2,
        upset: Callable[[Row, Chunk], Any] | None = None,
        shuffle: Callable[[Sequence[Row]], Sequence[Row]] = lambda rows: rows,
    ) -> None:
        self._work, self.capacity, self._upset, self._shuffle = work, capacity, upset, shuffle
        self.ran: list[str] = []
        self.chunks: list[int] = []
        self.in_flight = self.most_in_flight = self.rows_in_flight = self.most_rows = 0
        self.is_draining = False
        self.closed = 0
        self.job: Job | None = None

    async def open(self, job: Job, deliver: Deliver) -> None:
        """Note what it is told."""
        self.job, self._deliver = job, deliver

    async def run(self, chunk: Chunk) -> str | None:
        """Run the rows of a chunk one after the other."""
        self.chunks.append(len(chunk.rows))
        self.in_flight += 1
        self.rows_in_flight += len(chunk.rows)
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.most_rows = max(self.most_rows, self.rows_in_flight)
        try:
            for row in self._shuffle(chunk.rows):
                if self.is_draining:
                    return None
                if self._upset is not None and (waiting := self._upset(row, chunk)) is not None:
                    await waiting
                self.ran.append(row.key)
                await self._deliver([self._work(row)])
        finally:
            self.in_flight -= 1
            self.rows_in_flight -= len(chunk.rows)
        return None

    async def drain(self) -> None:
        """Begin no more rows."""
        self.is_draining = True

    def workers(self) -> Sequence[WorkerState]:
        """Return its worker."""
        return [WorkerState("one")]

    async def close(self) -> None:
        """Count that it was closed."""
        self.closed += 1


PROGRAM = Program(graph="tests:doubled", fingerprint="f1")


async def drive(source: Rows, sink: MemorySink, engine: FakeEngine, **course: Any) -> Driver:
    """Run one command, with the sink opened and closed around it."""
    stored = await StoredMap.open(sink, PROGRAM, {"graph": PROGRAM.graph}, mixed=False)
    driver = Driver(source, stored, engine, PROGRAM, Course(**course))
    try:
        await driver.run()
    finally:
        await sink.close()
    return driver


async def turns(number: int) -> None:
    """Let all other tasks have a number of turns: what is not bounded goes on in them."""
    for _ in range(number):
        await asyncio.sleep(0)
