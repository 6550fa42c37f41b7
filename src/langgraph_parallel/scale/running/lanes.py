"""Lanes: how many rows of one process run at the same time, and what runs them."""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue

from langchain_core.runnables.config import var_child_runnable_config

from langgraph_parallel.scale.rows import Result
from langgraph_parallel.scale.running.exits import enter_rows, guard_tasks
from langgraph_parallel.scale.running.functions import CodeRows
from langgraph_parallel.scale.running.gathered import GatheredRows
from langgraph_parallel.scale.running.graphs import GraphRows
from langgraph_parallel.scale.running.marks import Marks
from langgraph_parallel.scale.running.shared import worker_name
from langgraph_parallel.scale.running.work import Entry, Pending, Work

Entries = dict[str, Entry]
"""What one task runs, by the keys of its rows."""
_SECONDS_TO_END = 5.0
"""For rows that were cancelled, when a worker is closed."""


class Lanes(ABC):
    """Takes rows that are pending, and runs them.

    Args:
        pending: rows that have not begun.
        most: number of lanes.
        marks: of rows that run.
    """

    def __init__(self, pending: Pending, most: int, marks: Marks) -> None:
        self._pending, self._most, self._marks = pending, most, marks
        self._context = copy_context()
        # Rows are no part of a graph that calls a map: they have limits and traces of their own.
        self._context.run(var_child_runnable_config.set, None)
        self._context.run(enter_rows)
        guard_tasks(asyncio.get_running_loop())

    @abstractmethod
    def wake(self) -> None:
        """Begin with rows that were added."""

    @abstractmethod
    def stop(self, is_stopped: Callable[[Work], bool]) -> None:
        """End the rows of some chunks that run, without results; what goes on after that is not heard."""

    @abstractmethod
    async def close(self) -> None:
        """Cancel all, and wait for its end."""

    def _end(self, entry: Entry, result: Result | BaseException | None) -> None:
        row, work = entry
        result = self._note_ended(row.key, result)
        if not work.is_stopped:
            work.end(result)

    def _note_ended(self, key: str, result: Result | BaseException | None) -> Result | BaseException | None:
        """Tell whoever listens that a row has ended; return its result, or why that cannot be told."""
        try:
            self._marks.ended(key, result)
        except Exception as error:
            return error
        return result


class _TaskLanes(Lanes):
    """Lanes of which each runs one task after another, in contexts that have nothing in common."""

    def __init__(self, pending: Pending, most: int, marks: Marks) -> None:
        super().__init__(pending, most, marks)
        self._tasks: dict[asyncio.Task[None], Entries] = {}

    def wake(self) -> None:
        """Begin with rows that were added."""
        while len(self._tasks) < self._most and (entries := self._take()):
            try:
                for key in entries:
                    self._marks.begun(key)
            except BaseException as error:  # no row has raised it: the work ends, rather than wait for them
                for _, work in entries.values():
                    work.end(error)
                continue
            task = asyncio.create_task(self._guarded(entries), context=self._context.copy())
            self._tasks[task] = entries
            task.add_done_callback(self._over)

    def stop(self, is_stopped: Callable[[Work], bool]) -> None:
        """Cancel the rows of some chunks that run, and end them without results."""
        for task, entries in list(self._tasks.items()):
            for key in [key for key, (_, work) in entries.items() if is_stopped(work)]:
                self._end(entries.pop(key), None)
            if not entries:
                task.cancel()

    async def close(self) -> None:
        """Cancel all, and wait a moment for its end: code of the caller's may not care to be cancelled."""
        tasks = list(self._tasks)
        self.stop(lambda work: True)
        if tasks:
            await asyncio.wait(tasks, timeout=_SECONDS_TO_END)

    def _over(self, task: asyncio.Task[None]) -> None:
        """End what a task has left, which has ended for a reason of its own."""
        entries = self._tasks.pop(task)
        error = None if task.cancelled() else task.exception()
        for key, entry in entries.items():
            why = asyncio.CancelledError.__name__
            failed = Result(key, "failed", error=why, worker=worker_name())
            self._end(entry, failed if task.cancelled() else error)
        self.wake()

    async def _guarded(self, running: Entries) -> None:
        """Run what was taken; an interrupt by a person ends the work instead of the event loop."""
        try:
            await self._run(running)
        except (asyncio.CancelledError, Exception):
            raise
        except BaseException as error:
            self._end_all(running, error)

    def _end_all(self, running: Entries, error: BaseException | None) -> None:
        for key in list(running):
            self._end(running.pop(key), error)

    @abstractmethod
    def _take(self) -> Entries:
        """Take what a lane runs next; nothing if none is pending."""

    @abstractmethod
    async def _run(self, running: Entries) -> None:
        """Run what was taken, and remove what has ended."""


class RowLanes(_TaskLanes):
    """Lanes of one row each.

    Args:
        rows: how rows are run.
        pending, most, marks: as in `Lanes`.
    """

    def __init__(self, rows: CodeRows | GraphRows, pending: Pending, most: int, marks: Marks) -> None:
        super().__init__(pending, most, marks)
        self._rows = rows

    def _take(self) -> Entries:
        entry = self._pending.take()
        return {} if entry is None else {entry[0].key: entry}

    async def _run(self, running: Entries) -> None:
        (row, _) = next(iter(running.values()))
        result = await self._rows.run(row)
        if running:  # not stopped meanwhile
            self._end(running.pop(row.key), result)


class GatheredLanes(_TaskLanes):
    """Lanes of many rows each, which are one run of a graph.

    Args:
        rows: how rows are run.
        together: most rows of a run.
        pending, most, marks: as in `Lanes`.
    """

    def __init__(self, rows: GatheredRows, together: int, pending: Pending, most: int, marks: Marks) -> None:
        super().__init__(pending, most, marks)
        self._rows, self._together = rows, together

    def _take(self) -> Entries:
        return self._pending.take_different(self._together)

    async def _run(self, running: Entries) -> None:
        def ended(result: Result) -> None:
            if (entry := running.pop(result.key, None)) is not None:  # not stopped meanwhile
                self._end(entry, result)

        await self._rows.run([row for row, _ in running.values()], ended)
        self._end_all(running, None)


class ThreadLanes(Lanes):
    """Lanes that are threads, for functions that are not async.

    Args:
        rows: how rows are run.
        pending, most, marks: as in `Lanes`.
    """

    def __init__(self, rows: CodeRows, pending: Pending, most: int, marks: Marks) -> None:
        super().__init__(pending, most, marks)
        self._rows = rows
        self._loop = asyncio.get_running_loop()
        self._calls: SimpleQueue[bool] = SimpleQueue()
        self._running: dict[object, Entry] = {}
        self._threads = 0
        self._lock = threading.Lock()
        self._idle = 0
        self._is_closed = False

    def wake(self) -> None:
        """Begin with rows that were added."""
        with self._lock:
            wanted = min(len(self._pending), self._most)
            woken = min(self._idle, wanted)
            self._idle -= woken
            new = min(wanted - woken, self._most - self._threads)
            self._threads += new
        for _ in range(woken):
            self._calls.put(True)
        for _ in range(new):
            # Daemons: a function that hangs must not keep the process from its end.
            threading.Thread(target=self._lane, name="row", daemon=True).start()

    def stop(self, is_stopped: Callable[[Work], bool]) -> None:
        """End the rows of some chunks that run, without results; their threads cannot be cancelled."""
        for token, entry in list(self._running.items()):
            if is_stopped(entry[1]) and self._running.pop(token, None) is not None:
                self._end(entry, None)

    async def close(self) -> None:
        """Let the threads end after the rows that they run; nobody waits for these."""
        self._is_closed = True
        for _ in range(self._threads):
            self._calls.put(False)

    def _lane(self) -> None:
        while True:
            while not self._is_closed and (entry := self._pending.take()) is not None:
                self._run(entry)
            with self._lock:
                if len(self._pending) and not self._is_closed:  # added since
                    continue
                self._idle += 1
            if not self._calls.get():
                return

    def _run(self, entry: Entry) -> None:
        row, work = entry
        token = object()
        self._running[token] = entry
        result: Result | BaseException | None
        try:
            self._marks.begun(row.key)
            result = self._context.copy().run(self._rows.run_blocking, row, self._loop)
        except BaseException as error:  # no row has raised it: those fail alone
            result = error
        if self._running.pop(token, None) is None:
            return  # it was stopped meanwhile
        work.end_in_thread(self._note_ended(row.key, result))
