"""What an Executor runs: chunks, in a process that keeps its program and its line between them."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.limit_sources import limits_from_environment
from langgraph_parallel.runtime.limits import PREFIX, Limits
from langgraph_parallel.runtime.redis_limits import shared_url
from langgraph_parallel.scale.engine import Chunk
from langgraph_parallel.scale.line.beats import state_of
from langgraph_parallel.scale.line.coordinator import DRAIN, GONE
from langgraph_parallel.scale.line.outbox import Outbox
from langgraph_parallel.scale.line.threaded import Address, ThreadedLine
from langgraph_parallel.scale.line.wire import pack_results, unpack_job, unpack_rows
from langgraph_parallel.scale.rows import Result
from langgraph_parallel.scale.working import ChunkWorker

_SHARED = (
    "budget_usd",
    "budget_calls",
    "budget_tokens",
    "requests_per_minute",
    "tokens_per_minute",
    "concurrency",
)
"""Limits that hold over all workers."""


@dataclass(frozen=True)
class Task:
    """A chunk on its way to a worker of an Executor."""

    address: Address
    """Of the coordinator; its token tells one command from another."""
    job: bytes
    local: Any
    """`Program.local`, pickled as the Executor pickles."""
    number: int
    """Of the chunk."""
    rows: bytes
    siblings: int
    """Number of workers that share the limits."""


@dataclass(frozen=True)
class Done:
    """What comes back with the future."""

    worker: str
    posted: int = 0
    """Number of the post with the last of its results; 0 if they came with the future."""
    results: bytes = b""
    why: str = ""
    """Why no more rows can be run."""
    problem: str = ""
    """Why none could be run here."""


class Station:
    """Where one process runs the chunks of one command: on a thread with an event loop of its own.

    Args:
        task: the first of its chunks.
        on_end: called on that thread when it has ended, since the coordinator is gone.

    Raises:
        UsageError: the task comes from another version of the package.
    """

    def __init__(self, task: Task, on_end: Callable[[], None]) -> None:
        job = unpack_job(task.job)
        if task.local is not None:
            job = replace(job, program=replace(job.program, local=task.local))
        self._on_end = on_end
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._host = task.address.host
        self._limits = job.program.limits
        self._rows: ChunkWorker | None = None
        self._running: dict[int, asyncio.Task[Any]] = {}
        self._ending = asyncio.Event()
        self._opened: Future[str] = Future()
        self._loop = asyncio.new_event_loop()
        self._line = self._connect(task.address)
        self._outbox = None if self._line is None else Outbox(self._line, self.state, self.follow)
        self._rows = ChunkWorker(job, self._line, workers=task.siblings)
        threading.Thread(target=self._live, name="rows", daemon=True).start()

    def run(self, task: Task) -> Done:
        """Run the rows of a chunk; called on a thread of the Executor."""
        if problem := self._opened.result():
            return Done(self._name, problem=problem)
        return asyncio.run_coroutine_threadsafe(self._work(task), self._loop).result()

    def state(self) -> dict[str, Any]:
        """Return what beats and posts tell; called on any thread."""
        return {} if self._rows is None else state_of(self._rows)

    def follow(self, answer: dict[str, Any]) -> None:
        """Do what the coordinator has said in an answer; called on any thread."""
        if answer["control"] == DRAIN:
            self._call(self._drain)
        elif answer["control"] == GONE:
            self.end()  # the rows of this process are in other chunks by now

    def end(self) -> None:
        """Stop all rows; called on any thread."""
        self._call(self._ending.set)

    def _drain(self) -> None:
        if self._rows is not None:
            self._rows.drain()

    def _call(self, function: Callable[[], Any]) -> None:
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(function)

    def _connect(self, address: Address) -> ThreadedLine | None:
        """Return the line to the coordinator; None if that cannot be reached from here."""
        line = ThreadedLine(
            address, worker=self._name, state=self.state, on_answer=self.follow, on_end=self.end
        )
        try:
            self.follow(line.start())
        except OSError:
            return None
        return line

    def _live(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)  # for those who wait to run a chunk
        finally:
            self._loop.close()
            if self._line is not None:
                self._line.close()
            self._on_end()

    async def _serve(self) -> None:
        """Run chunks until the coordinator is gone."""
        assert self._rows is not None
        news = asyncio.create_task(self._follow_news())
        try:
            if self._line is None:
                _check_shared(self._limits, self._host)
            async with self._rows:
                self._opened.set_result("")
                await self._ending.wait()
                self._stop([*self._running])
                await asyncio.gather(*self._running.values(), return_exceptions=True)
        except UsageError as error:
            self._opened.set_result(str(error))
            if self._line is not None:
                await self._ending.wait()
        finally:
            news.cancel()
            await asyncio.gather(news, return_exceptions=True)

    async def _follow_news(self) -> None:
        """Stop chunks that nobody waits for any more, and everything at the end."""
        known = 0
        with contextlib.suppress(OSError):
            while self._line is not None:
                news = await self._line.ask("rows.news", {"known": known})
                if news.get("gone"):
                    self.end()
                    break
                self._stop(news["stop"])
                known += len(news["stop"])
                if news["end"]:
                    self.end()
                    break

    def _stop(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            if number in self._running:
                self._running[number].cancel()

    async def _work(self, task: Task) -> Done:
        current = asyncio.current_task()
        assert current is not None
        self._running[task.number] = current
        try:
            return await self._run(Chunk(task.number, unpack_rows(task.rows)))
        finally:
            del self._running[task.number]

    async def _run(self, chunk: Chunk) -> Done:
        assert self._rows is not None
        if self._outbox is not None:
            why = await self._rows.work(chunk, self._outbox.deliver)
            return Done(self._name, posted=await self._outbox.flush(), why=why)
        results: list[Result] = []

        async def keep(given: Sequence[Result]) -> None:
            results.extend(given)

        why = await self._rows.work(chunk, keep)
        return Done(self._name, results=pack_results(results), why=why)


_stations: dict[tuple[int, str], Station] = {}
"""By process and command; a process that is forked off has only copies of those of its parent."""
_opening = threading.Lock()


def run_task(task: Task) -> Done:
    """Run the rows of a chunk, in whatever process the Executor calls this."""
    here = (os.getpid(), task.address.token)
    with _opening:
        try:
            if here not in _stations:
                _stations[here] = Station(task, lambda: _forget(here))
            station = _stations[here]
        except UsageError as error:
            return Done("", problem=str(error))
    return station.run(task)


def _forget(here: tuple[int, str]) -> None:
    _stations.pop(here, None)


def _check_shared(limits: Limits | None, host: str) -> None:
    """Check that no limit has to be shared over a line that there is not.

    Raises:
        UsageError: one has to.
    """
    given = limits or limits_from_environment()
    shared = [name for name in _SHARED if name in given.model_fields_set and getattr(given, name) is not None]
    if shared and shared_url() is None:
        raise UsageError(
            f"workers cannot reach this command at {host}, so they cannot share {', '.join(shared)}; give "
            f"ExecutorEngine(..., host=...) an address of this machine that they can reach, or share limits "
            f"through Redis: {PREFIX}REDIS_URL"
        )
