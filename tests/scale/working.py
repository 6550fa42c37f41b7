"""A worker over rows, for tests: what it delivers, by key."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langgraph_parallel.scale.engine import Chunk, Job
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Result, Row
from langgraph_parallel.scale.working import ChunkWorker


def chunk_of(rows: Mapping[str, Mapping[str, Any]], number: int = 1) -> Chunk:
    """Return a chunk with these rows."""
    return Chunk(number, [Row(key, data) for key, data in rows.items()])


def chunks_of(rows: Mapping[str, Mapping[str, Any]], size: int) -> Iterable[Chunk]:
    """Yield chunks of a size."""
    items = list(rows.items())
    for number, start in enumerate(range(0, len(items), size), 1):
        yield chunk_of(dict(items[start : start + size]), number)


class Collected:
    """What was delivered."""

    def __init__(self) -> None:
        self.results: dict[str, Result] = {}
        self.order: list[str] = []

    async def deliver(self, results: Sequence[Result]) -> None:
        """Take results; each key comes once."""
        for result in results:
            assert result.key not in self.results
            self.results[result.key] = result
            self.order.append(result.key)


async def run_rows(
    program: Program, rows: Mapping[str, Mapping[str, Any]], **spent: Any
) -> dict[str, Result]:
    """Return what a worker makes of rows in one chunk."""
    collected = Collected()
    async with ChunkWorker(Job(id="map", program=program, **spent)) as worker:
        await worker.work(chunk_of(rows), collected.deliver)
    return collected.results
