"""Dask clusters of real processes, and a driver that feeds them: for tests and benchmarks."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from langgraph_parallel.scale.engine import Chunk, Engine, Job, WorkerLost
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Result, Row

ROOT = Path(__file__).parent.parent.parent


def environment() -> dict[str, str]:
    """Return the environment of a process that imports what this one does."""
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


class DaskProcesses:
    """A scheduler and workers, each a process of its own on 127.0.0.1.

    Args:
        folder: for their files.
        options: of scheduler and workers alike.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder, self._options = folder, options
        self._log = (folder / "dask.log").open("ab")
        self.scheduler = self._start("scheduler")
        self.address = self._address_of_scheduler()
        self.workers: list[subprocess.Popen[bytes]] = []

    def add_worker(self, *options: str, variables: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
        """Start a worker of one thread; it joins in its own time."""
        folder = self._folder / "scratch"
        options = ("--nthreads", "1", "--no-nanny", "--local-directory", str(folder), *options)
        worker = self._start("worker", self.address, *options, variables=variables)
        self.workers.append(worker)
        return worker

    def replace(self, process: Any = None) -> None:
        """Kill a worker, by the number of its process, or find the one that has ended; start another one."""
        worker = next(one for one in self.workers if one.pid == process or one.poll() is not None)
        worker.kill()
        worker.wait()
        self.workers.remove(worker)
        self.add_worker()

    def wait_for_workers(self, number: int) -> None:
        """Return once so many workers have joined."""
        from distributed import Client

        with Client(self.address) as client:
            client.wait_for_workers(number, timeout=30)

    def close(self) -> None:
        """End all of them."""
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()
        self._log.close()

    @property
    def log(self) -> str:
        """What they have written."""
        return (self._folder / "dask.log").read_text()

    def _start(
        self, kind: str, *options: str, variables: dict[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        own = ("--port", "0", "--scheduler-file", str(self._file)) if kind == "scheduler" else ()
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                f"distributed.cli.dask_{kind}",
                *options,
                "--host",
                "127.0.0.1",
                "--no-dashboard",
                *own,
                *self._options,
            ],
            env=environment() | (variables or {}),
            stdout=self._log,
            stderr=self._log,
        )

    @property
    def _file(self) -> Path:
        return self._folder / "scheduler.json"

    def _address_of_scheduler(self) -> str:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                return str(json.loads(self._file.read_text())["address"])
            time.sleep(0.02)
        raise TimeoutError(f"the scheduler has not started: {self.log}")


@contextlib.contextmanager
def dask_processes(folder: Path, workers: int, *options: str) -> Iterator[DaskProcesses]:
    """Run a cluster of processes."""
    cluster = DaskProcesses(folder, *options)
    try:
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.close()


def wait_until(holds: Callable[[], bool]) -> None:
    """Return once something holds."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def rows_of(number: int, **columns: Any) -> list[Row]:
    """Return rows with the keys 0, 1, 2 ..., and these columns."""
    return [Row(str(index), {"number": index, **columns}) for index in range(number)]


class Feeder:
    """What a driver does, without a sink: it keeps an engine busy, and runs lost rows again."""

    def __init__(self, engine: Engine, program: Program, job: str = "job") -> None:
        self.engine = engine
        self._job = Job(id=job, program=program)
        self.results: list[Result] = []
        self.lost: list[Sequence[str] | None] = []
        """Of each chunk whose worker died: keys of the rows that may have begun."""
        self.why: list[str | None] = []
        self._arrived = asyncio.Condition()
        self._left: list[Sequence[Row]] = []

    async def __aenter__(self) -> "Feeder":
        await self.engine.open(self._job, self._deliver)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.close()

    async def feed(self, rows: Sequence[Row], size: int) -> None:
        """Run rows in chunks of a size, until each has a result or was stopped."""
        self._left = [rows[start : start + size] for start in range(0, len(rows), size)]
        running: set[asyncio.Task[None]] = set()
        number = 0
        while self._left or running:
            while self._left and len(running) < self.engine.capacity:
                number += 1
                running.add(asyncio.create_task(self._run(Chunk(number, self._left.pop(0)))))
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            if errors := [error for task in done if (error := task.exception())]:
                await asyncio.gather(*running, return_exceptions=True)
                raise errors[0]

    async def until(self, number: int) -> None:
        """Return once so many results have arrived."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.results) >= number)

    async def _run(self, chunk: Chunk) -> None:
        try:
            self.why.append(await self.engine.run(chunk))
        except WorkerLost as lost:
            self.lost.append(lost.begun)
            have = {result.key for result in self.results}
            self._left.append([row for row in chunk.rows if row.key not in have])

    async def _deliver(self, results: Sequence[Result]) -> None:
        async with self._arrived:
            self.results += results
            self._arrived.notify_all()


def kill(process_id: Any) -> None:
    """End a process at once."""
    os.kill(int(process_id), signal.SIGKILL)
