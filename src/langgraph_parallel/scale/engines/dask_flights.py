"""Chunks that Dask runs: each is one part at first, and more if its worker leaves rows to others."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.engine import WorkerLost
from langgraph_parallel.scale.rows import Row

if TYPE_CHECKING:
    from distributed import Future


def place_of(address: str) -> str:
    """Return a worker's address as a person reads it."""
    return address.rpartition("://")[2]


def died(place: str, begun: Sequence[str]) -> WorkerLost:
    """Return what is raised for a worker that has died; its text tells one worker from another.

    Args:
        place: of the worker.
        begun: keys of the rows that it had begun.
    """
    return WorkerLost(f"worker {place} has died", begun)


class Flight:
    """A chunk, until all of its parts have ended."""

    def __init__(self) -> None:
        self.parts: dict[int, Part] = {}
        """Those that have not ended."""
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Why no more rows can be run; empty if they can."""
        self._why = ""
        self._lost = ""
        """The worker that has died last."""
        self._begun: list[str] = []

    def end(self, number: int, why: str, problem: str) -> None:
        """Note that a part has ended.

        Args:
            number: of the part.
            why: no more rows can be run.
            problem: why none of its rows could be run there.
        """
        del self.parts[number]
        self._why = self._why or why
        if problem:
            self.fail(UsageError(problem))
        self._end_if_whole()

    def lose(self, number: int, worker: str, begun: int) -> None:
        """Note that the worker of a part has died.

        Args:
            number: of the part.
            worker: as a person reads it.
            begun: number of rows of the part that may have begun, the first ones.
        """
        self._lost = worker
        self._begun += [row.key for row in self.parts.pop(number).rows[:begun]]
        self._end_if_whole()

    def _end_if_whole(self) -> None:
        if self.parts or self.ended.done():
            return
        if self._lost:
            self.fail(died(self._lost, self._begun))
        else:
            self.ended.set_result(self._why)

    def fail(self, problem: Exception) -> None:
        """End the chunk with an error."""
        if not self.ended.done():
            self.ended.set_exception(problem)


@dataclass(slots=True)
class Part:
    """Rows of a chunk that are one task of Dask."""

    flight: Flight
    rows: Sequence[Row]
    task: "Future[Any]"
    watching: asyncio.Task[None]

    def release(self) -> None:
        """Let Dask forget the task."""
        self.watching.cancel()
        self.task.release()
