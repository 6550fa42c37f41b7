"""Any `concurrent.futures.Executor`: threads, processes, or the one of another engine."""

import asyncio
import pickle
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.scale.engine import Chunk, Deliver, Job, WorkerLost, WorkerState
from langgraph_parallel.scale.engines.cpus import usable_cpus
from langgraph_parallel.scale.engines.tasks import Done, Task, run_task
from langgraph_parallel.scale.line.driver_end import DriverEnd
from langgraph_parallel.scale.line.threaded import Address
from langgraph_parallel.scale.line.wire import pack_job, pack_rows, unpack_results

_AHEAD = 2
"""Chunks in flight for each worker: one that runs, and one that waits."""
_GRACE = 2.0
"""Seconds that workers have to hang up, once they were told that this is the end."""
_FAILURES = 5
"""Chunks in a row that the Executor loses, after which the run ends."""
_GO_ON = "what was stored is kept: run the same again"
_PICKLING = (pickle.PicklingError, AttributeError, TypeError)
"""What is raised where an object cannot be pickled."""


class Stops:
    """Tells workers which chunks nobody waits for any more, and the end; answers the op `rows.news`."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._has_ended = False
        self._changed = asyncio.Event()

    def stop(self, number: int) -> None:
        """Have the rows of a chunk stopped, wherever it runs."""
        self._numbers.append(number)
        self._tell()

    def end(self) -> None:
        """Have all workers hang up."""
        self._has_ended = True
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def answer(self, worker: str, op: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Answer with the chunks that were stopped after the first `known` of them, once there are any."""
        if len(self._numbers) <= data["known"] and not self._has_ended:
            await self._changed.wait()
        return {"stop": self._numbers[data["known"] :], "end": self._has_ended}

    def worker_gone(self, worker: str) -> None:
        """Do nothing: the Executor tells what becomes of its chunks."""


class ExecutorEngine:
    """Runs chunks as tasks of an Executor of the caller's, who also shuts it down.

    Args:
        executor: threads, processes, or what another engine offers.
        workers: number of tasks that it runs at the same time; None for what it says itself, or the number of
            CPUs.
        host: address of this machine that its workers connect to; needed if they are on other machines.
    """

    def __init__(self, executor: Executor, *, workers: int | None = None, host: str = "127.0.0.1") -> None:
        self._executor = executor
        self._workers = workers or getattr(executor, "_max_workers", None) or usable_cpus()
        self._host = host
        self.name = f"{type(executor).__name__} of {self._workers}"
        self._deliver: Deliver
        self._address: Address
        self._local: Any = None
        self._packed = b""
        self._end: DriverEnd
        self._stops: Stops
        self._failures = 0
        self._draining = False

    async def open(self, job: Job, deliver: Deliver) -> None:
        """Listen for the workers; see `Engine.open`."""
        self._packed = pack_job(job)
        if job.program.local is not None and isinstance(self._executor, ProcessPoolExecutor):
            _check_pickles(job.program.local)
        self._stops, self._failures, self._draining = Stops(), 0, False
        self._local, self._deliver = job.program.local, deliver
        self._end = DriverEnd(job, deliver, rows=self._stops, host=self._host)
        self._address = await self._end.open()

    @property
    def capacity(self) -> int:
        """Two chunks for each worker."""
        return self._workers * _AHEAD

    async def run(self, chunk: Chunk) -> str | None:
        """Run a chunk as a task; see `Engine.run`."""
        if self._draining:
            return None
        done = await self._work(chunk)
        if done.problem:
            raise UsageError(done.problem)
        if done.results:
            await self._deliver(unpack_results(done.results, done.worker))
        await self._end.wait_for(done.posted)
        return done.why or None

    async def drain(self) -> None:
        """Begin no more rows."""
        self._draining = True
        self._end.coordinator.drain()

    def workers(self) -> Sequence[WorkerState]:
        """Return what is known of the workers that have connected."""
        return self._end.coordinator.workers()

    @property
    def open_reservations(self) -> Amount:
        """What is reserved by calls in flight, those of dead workers included."""
        return self._end.coordinator.open_reservations

    async def close(self) -> None:
        """Hang up on the workers, which stop; the Executor goes on."""
        self._stops.end()
        await self._end.close(_GRACE)

    async def _work(self, chunk: Chunk) -> Done:
        task = Task(
            self._address, self._packed, self._local, chunk.number, pack_rows(chunk.rows), self._workers
        )
        try:
            future = self._executor.submit(run_task, task)
        except (RuntimeError, *_PICKLING) as error:
            raise self._as_problem(error) from None
        try:
            done = await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            self._stops.stop(chunk.number)
            current = asyncio.current_task()
            if future.cancelled() and current is not None and not current.cancelling():
                raise UsageError(f"{self.name} was shut down; {_GO_ON}") from None
            raise
        except Exception as error:
            raise self._as_problem(error) from None
        self._failures = 0
        return done

    def _as_problem(self, error: Exception) -> Exception:
        """Return what an error of the Executor means for the run."""
        said = describe(error)
        if isinstance(error, _PICKLING) and self._local is not None:
            return _not_pickled(self._local, said)
        if isinstance(error, BrokenExecutor):
            return UsageError(
                f"{self.name} is broken, and runs nothing more ({said}): a process of it has died, perhaps "
                "for lack of memory, or cannot import what it is to run. Give a new one, or 'processes', "
                f"which replaces those that die; {_GO_ON}"
            )
        self._failures += 1
        if isinstance(error, RuntimeError) or self._failures >= _FAILURES:
            return UsageError(f"{self.name} does not run what it is given ({said}); {_GO_ON}")
        return WorkerLost(f"{self.name} lost a chunk: {said}")


def _check_pickles(thing: Any) -> None:
    try:
        pickle.dumps(thing)
    except _PICKLING as error:
        raise _not_pickled(thing, describe(error)) from None


def _not_pickled(thing: Any, said: str) -> UsageError:
    name = getattr(thing, "__qualname__", type(thing).__name__)
    return UsageError(
        f"{name} cannot be pickled for the processes of the Executor ({said}); define it at the top level "
        "of a module, or pass 'module:name'"
    )
