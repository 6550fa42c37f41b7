"""Processes of this machine, which pull rows."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.scale.engine import Chunk, Deliver, Job, WorkerState
from langgraph_parallel.scale.engines.child import WORKER, Child
from langgraph_parallel.scale.engines.cpus import usable_cpus
from langgraph_parallel.scale.engines.desk import Desk
from langgraph_parallel.scale.engines.fleet import Fleet
from langgraph_parallel.scale.engines.named import by_name
from langgraph_parallel.scale.line.driver_end import DriverEnd

_GRACE = 2.0
"""Seconds that a worker has to end by itself, once it has nothing more to do, or its line is closed."""
_AHEAD = 2
"""Chunks for each worker that may wait or run, beside those that only wait for their last rows."""


class _Lost(NamedTuple):
    """A part whose worker has died."""

    how: str
    running: Sequence[str]
    """Keys of the rows that ran."""


class ProcessesEngine:
    """Runs rows in processes of this machine; those that die are replaced.

    Args:
        count: number of processes; None for one for each CPU that this process may use.
    """

    def __init__(self, count: int | None = None) -> None:
        if count is not None and (isinstance(count, bool) or count < 1):
            raise UsageError(f"the number of processes is {count!r}; expected at least 1")
        self._count = count or usable_cpus()
        self.name = "1 process" if self._count == 1 else f"{self._count} processes"
        self._desk: Desk
        self._fleet: Fleet
        self._end: DriverEnd
        self._left: dict[str, Sequence[int]]
        self._lost: dict[int, _Lost]
        self._failure: Exception | None
        self._is_open = False

    async def open(self, job: Job, deliver: Deliver) -> None:
        """Start the processes; see `Engine.open`."""
        if _is_worker():
            raise UsageError(
                "a worker starts no workers of its own; what a script does when it is run has to stand under "
                'if __name__ == "__main__":'
            )
        job = replace(job, program=by_name(job.program))
        self._desk = Desk(self._note_left)
        self._fleet = Fleet(self._count, self._bury, self._fail)
        self._left, self._lost, self._failure = {}, {}, None
        self._end = DriverEnd(job, deliver, rows=self._desk, on_ended=self._note_ended, on_failure=self._fail)
        self._is_open = True
        self._fleet.start(await self._end.open())

    @property
    def capacity(self) -> int:
        """Two chunks for each process, and those of which each part is taken."""
        return self._count * _AHEAD + self._desk.taken

    async def run(self, chunk: Chunk) -> str | None:
        """Have the processes pull the rows of a chunk; see `Engine.run`."""
        if self._failure is not None:
            raise self._failure
        return await self._desk.run(chunk)

    async def drain(self) -> None:
        """Begin no more rows."""
        self._fleet.retire()
        self._desk.close()
        self._end.coordinator.drain()

    def workers(self) -> Sequence[WorkerState]:
        """Return what is known of the processes."""
        return self._end.coordinator.workers()

    @property
    def open_reservations(self) -> Amount:
        """What is reserved by calls in flight, those of dead workers included."""
        return self._end.coordinator.open_reservations

    async def close(self) -> None:
        """End the processes, if there are any: opening may have been refused."""
        if not self._is_open:
            return
        self._is_open = False
        self._desk.close()
        await self._fleet.close(_GRACE)
        await self._end.close()

    def _note_ended(self, number: int, why: str, problem: str) -> None:
        """Tell the desk that a part has ended, with its worker or by itself."""
        if (lost := self._lost.pop(number, None)) is not None:
            self._desk.lost(number, lost.running, lost.how)
            return
        self._fleet.progress()
        self._desk.ended(number, why, UsageError(problem) if problem else None)

    def _note_left(self, worker: str, numbers: Sequence[int]) -> None:
        """Note which parts a worker had whose line has ended; its process has, or is to."""
        self._left[worker] = numbers
        if (child := self._fleet.children.get(worker)) is not None:
            asyncio.get_running_loop().call_later(_GRACE, child.kill)

    async def _bury(self, child: Child, how: str) -> bool:
        """Take the rows back that a process had which has ended; return whether it had any."""
        await self._end.server.farewell(child.name, _GRACE)
        numbers = self._left.pop(child.name, ())
        running = self._desk.keys(child.running)
        for number in numbers:
            self._lost[number] = _Lost(how, running.get(number, []))
        if numbers:  # behind all that it had posted
            ended = [(number, "", "") for number in numbers]
            self._end.coordinator.mailbox.put(child.name, 0, b"", ended)
        return bool(numbers)

    def _fail(self, problem: Exception) -> None:
        """End the run with an error."""
        self._failure = problem
        self._desk.fail(problem)


def _is_worker() -> bool:
    """Return whether this process is a worker, which imports the script that its rows are from."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec is not None and spec.name == WORKER
