"""What a worker does with chunks: the same in this process, in processes of its own, and on Dask."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.granted_budget import GrantedBudget
from langgraph_parallel.runtime.limiter_registry import requests_in_flight
from langgraph_parallel.scale.engine import Chunk, Deliver, Job, Line, WorkerState
from langgraph_parallel.scale.line.limits_setup import limits_of
from langgraph_parallel.scale.rows import Result, Row
from langgraph_parallel.scale.runner import Rows, Runner, load
from langgraph_parallel.scale.running.capacity import Capacity
from langgraph_parallel.scale.running.functions import CodeRows
from langgraph_parallel.scale.running.gathered import GatheredRows
from langgraph_parallel.scale.running.lanes import GatheredLanes, Lanes, RowLanes, ThreadLanes
from langgraph_parallel.scale.running.marks import Marks
from langgraph_parallel.scale.running.shared import Shared, limits_of_rows, worker_name
from langgraph_parallel.scale.running.work import Pending, Work

Listener = Callable[[str], None]
"""Hears the key of a row."""
_REST_SECONDS = 1.0
"""How long a worker without rows waits at most until what it held of budgets was given back."""


class ChunkWorker:
    """Works on chunks, many at a time, within the limits of the whole map.

        async with ChunkWorker(job) as worker:
            await worker.work(chunk, deliver)

    Rows of all chunks begin in the order in which they came, at most `at_once` at the same time. Results are
    delivered in small batches, some milliseconds after their rows have ended.

    Args:
        job: what is run.
        line: to the coordinator of the map; None if this process is the only worker.
        begun: called with the key of a row right before it begins, in any thread; None if nobody listens.
        ended: called likewise once the row has ended, before its result is delivered.
        workers: number of processes that share the limits, this one included.
    """

    def __init__(
        self,
        job: Job,
        line: Line | None = None,
        *,
        begun: Listener | None = None,
        ended: Listener | None = None,
        workers: int = 1,
    ) -> None:
        self._job, self._line, self._workers = job, line, workers
        self._pending, self._marks = Pending(), Marks(begun, ended)
        self._entered = AsyncExitStack()
        self._drain_timer: asyncio.TimerHandle | None = None
        self.is_draining = False
        """Whether no more rows begin."""
        self.at_once = 1
        """Number of rows that may run at the same time."""
        self._rows: Rows | None = None
        self._lanes: Lanes | None = None
        self._accounted = Amount()
        """What budgets had spent before this worker, and those that results have told since."""
        self._shared = Shared(job.id, limits_of_rows(job.program.limits))

    async def __aenter__(self) -> Self:
        """Load the program, and take part in the limits of the map.

        Raises:
            UsageError: the program cannot be loaded in this process.
        """
        runner = await asyncio.to_thread(load, self._job.program)  # imports may take seconds
        budgets = await self._entered.enter_async_context(limits_of(self._job, self._line, self._workers))
        self._accounted = sum((budget.spent for budget in budgets), Amount())
        self._shared = Shared(self._job.id, self._shared.limits, budgets)
        try:
            self._lanes = self._make_lanes(runner)
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cancel the rows that run, and leave the limits of the map."""
        self.is_draining = True
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        async with self._entered as endings:  # in the opposite order; one that fails skips no other
            endings.callback(self._close_rows, is_well=error is None)
            if error is None:
                endings.callback(self._shared.held.let_go)
            if self._lanes is not None:
                endings.push_async_callback(self._lanes.close)
            endings.callback(self._stop, lambda work: True)

    def _close_rows(self, *, is_well: bool) -> None:
        if isinstance(self._rows, CodeRows):
            self._rows.close(whole=is_well and not self._marks.stopped)

    async def work(self, chunk: Chunk, deliver: Deliver) -> str:
        """Run the rows of a chunk; return once each has been delivered, was stopped or given back.

        Cancelling it stops the rows of this chunk.

        Args:
            chunk: of the driver.
            deliver: takes results, and waits while its receiver is behind.

        Returns:
            Why no more rows can be run: a budget is spent. Empty if they can, or if this is drained.

        Raises:
            BaseException: what was raised by `deliver`, or by Ctrl-C while a row ran.
        """
        assert self._lanes is not None
        if self.is_draining or not chunk.rows:
            return self.why_stopped
        work = Work(chunk, self._accounting(deliver) if self._shared.has_budget else deliver)
        self._pending.add(work)
        self._lanes.wake()
        stopped = self._marks.stopped
        try:
            await work.deliver_all()
        finally:
            if not work.is_done:
                self._stop(lambda other: other is work)
        return self.why_stopped or (self._why_refused if self._marks.stopped > stopped else "")

    @property
    def why_stopped(self) -> str:
        """Why no more rows can be run, in one line; empty if they can."""
        return next((why for budget in self._shared.budgets if (why := budget.why_spent())), "")

    @property
    def _why_refused(self) -> str:
        """Why the last call did not fit into a budget, of which something may be left; empty if all did."""
        return next((why for budget in self._shared.budgets if (why := budget.refused)), "")

    def drain(self) -> None:
        """Begin no more rows, and cancel those that have not ended after the grace of the limits."""
        if self.is_draining:
            return
        self.is_draining = True
        self._end_pending(lambda work: True)
        loop = asyncio.get_running_loop()
        self._drain_timer = loop.call_later(self._shared.limits.grace, self._stop, lambda work: True)

    def give_back(self, most: int) -> list[Row]:
        """Give back rows that have not begun, those first that would begin last.

        Args:
            most: number of rows.
        """
        taken = self._pending.take_back(most)
        for _, work in taken:
            work.end(None)
        return [row for row, _ in taken]

    async def rest(self) -> None:
        """Give back what is held of budgets, if no row runs or waits."""
        if self._marks.running or len(self._pending):
            return
        granted = [budget.rest() for budget in self._shared.budgets if isinstance(budget, GrantedBudget)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REST_SECONDS):
                await asyncio.gather(*granted)

    @property
    def waiting(self) -> int:
        """Number of rows that have not begun."""
        return len(self._pending)

    @property
    def running(self) -> Sequence[str]:
        """Keys of the rows that have begun and not ended."""
        return list(self._marks.running)

    @property
    def reserved(self) -> Amount:
        """What calls in flight have reserved, or calls have spent, and no result has told.

        A row that a spent budget stops has no result, and may have been paid for in part.
        """
        budgets = self._shared.budgets
        if not budgets:
            return Amount()
        taken = sum((budget.spent + budget.reserved for budget in budgets), Amount())
        untold = taken - self._accounted
        return Amount(max(0, untold.calls), max(0, untold.tokens), max(0.0, untold.usd))

    def _accounting(self, deliver: Deliver) -> Deliver:
        async def told(results: Sequence[Result]) -> None:
            for spent in [result.spent for result in results]:
                tokens = spent.input_tokens + spent.output_tokens
                self._accounted += Amount(spent.calls, tokens, spent.usd or 0.0)
            await deliver(results)

        return told

    def state(self) -> WorkerState:
        """Return what is known of this worker."""
        running, done = len(self._marks.running), self._marks.done
        return WorkerState(worker_name(), running, requests_in_flight(), done)

    def _stop(self, is_stopped: Callable[[Work], bool]) -> None:
        """Stop rows, those that run too."""
        self._end_pending(is_stopped)
        if self._lanes is not None:
            self._lanes.stop(is_stopped)

    def _end_pending(self, is_ended: Callable[[Work], bool]) -> None:
        for _, work in self._pending.drop(is_ended):
            work.end(None)

    def _make_lanes(self, runner: Runner) -> Lanes:
        rows = self._rows = runner.rows(self._shared)
        capacity = Capacity.of(runner, self._shared, self._workers)
        self.at_once = capacity.rows
        if isinstance(rows, GatheredRows):
            return GatheredLanes(rows, capacity.together, self._pending, capacity.lanes, self._marks)
        if isinstance(rows, CodeRows) and runner.kind == "blocking":
            return ThreadLanes(rows, self._pending, capacity.lanes, self._marks)
        return RowLanes(rows, self._pending, capacity.lanes, self._marks)
