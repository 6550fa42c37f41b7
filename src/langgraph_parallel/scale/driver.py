"""The driver of a run over many items: rows from a source, in chunks to an engine, results to a sink.

It runs in one event loop, and holds a bounded number of rows: those read ahead, those in chunks, and results
that are not written yet. An item is under way from when it was found to have no row in the sink until its
result is written; only its first result counts.
"""

import asyncio
from collections.abc import Callable, Sequence

import anyio

from langgraph_parallel.scale.backlog import Backlog
from langgraph_parallel.scale.course import Course, Stop
from langgraph_parallel.scale.endings import Endings, why_missing, with_stored
from langgraph_parallel.scale.engine import Engine, WorkerLost
from langgraph_parallel.scale.flights import Flight, Flights
from langgraph_parallel.scale.intake import Intake
from langgraph_parallel.scale.known import Known
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Result, failed
from langgraph_parallel.scale.sources.base import Source
from langgraph_parallel.scale.stopping import is_being_cancelled
from langgraph_parallel.scale.stored_map import StoredMap
from langgraph_parallel.scale.suspects import DEATHS
from langgraph_parallel.scale.tally import Tally
from langgraph_parallel.scale.ticking import start_ticking
from langgraph_parallel.scale.trouble import PROBES, Trouble
from langgraph_parallel.scale.writing import WriteQueue

_SLACK = 5.0
"""Seconds beside the grace in which an engine that was drained is to have ended its rows."""


class Driver:
    """One command: runs the items of a source that have no row yet.

    Args:
        source: of the items.
        stored: the open sink.
        engine: that runs them; opened and closed here.
        program: what is done with each.
        course: how far it goes.
        on_tick: called five times a second.
        tally: that counts; None for a new one.
    """

    def __init__(
        self,
        source: Source,
        stored: StoredMap,
        engine: Engine,
        program: Program,
        course: Course,
        on_tick: Callable[["Driver"], None] = lambda driver: None,
        *,
        tally: Tally | None = None,
    ) -> None:
        self.source, self.map, self.engine, self.program = source, stored, engine, program
        self.course, self._on_tick = course, on_tick
        self.tally = tally or Tally()
        self.endings = Endings(course.completion, course.stop_after_errors)
        self.trouble = Trouble(
            course.patience,
            is_off=course.stop_after_errors is not None,
            has_succeeded=stored.counts.ok > 0,
        )
        self._pause_ends: float | None = None
        """When rows may begin again, while none may; None while they may."""
        self.stop = Stop.NOT
        self.reason = ""
        """Why no more rows are begun; empty while they are."""
        self.has_ended = False
        self.lost: set[str] = set()
        """Workers that have died."""
        self.most_workers = 1
        """Workers that were there at the same time."""
        self.remarks: dict[str, None] = {}
        self.total: int | None = None
        """Rows of the source; None if that is not known."""
        self._wake = asyncio.Event()
        self._flights = Flights(self._wake.set)
        self._failure: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self._latest = float("inf")
        """When rows that still run are cancelled, on the clock of the loop."""

    @property
    def items(self) -> int | None:
        """Items of this command; None while that is not known."""
        if self.intake.is_whole:
            return self.intake.read
        limits = [number for number in (self.total, self.course.limit) if number is not None]
        return min(limits) if self.total is not None else None

    async def run(self) -> None:
        """Run the items; what became of them is in the tally and in the sink.

        Raises:
            UsageError: the source cannot be read, or the engine cannot run the program.
            Exception: what the sink has raised.
        """
        self.total = await asyncio.to_thread(self.source.total)  # which may look into files
        self._queue = WriteQueue(self._write, self._fail)
        self.map.ledger.on_need = self._queue.note_at_once
        try:
            await self.engine.open(self.map.job(self.program), self._deliver)
            self.intake = Intake(
                self.source.rows(),
                Known(self.map.sink, self._flights, self._queue, self.trouble, self.tally, self.endings),
                limit=self.course.limit,
                redrive=self.course.redrive,
                on_change=self._wake.set,
            )
            self._backlog = Backlog(self._flights, self.intake, self.course.chunk)
            timers = [self._loop.call_later(seconds, self._judge) for seconds in self.course.moments]
            ticking = start_ticking(
                self._look,
                lambda: self._on_tick(self),
                on_silence=self.remarks.setdefault,
                on_failure=self._fail,
            )
            try:
                await self._work()
            finally:
                ticking.cancel()
                for timer in timers:
                    timer.cancel()
                with anyio.CancelScope(shield=True):
                    await self._settle()
        finally:
            with anyio.CancelScope(shield=True):
                await self._close()
            self.has_ended = True
        if failure := self._failure or self.intake.failure or with_stored(self.intake.unread, self.tally):
            raise failure

    def drain(self, why: str, grace: float | None = None) -> None:
        """Begin no more rows; those that run have the grace, at most that of the limits. Thread-safe."""
        self._loop.call_soon_threadsafe(self._drain, why, grace)

    def _drain(self, why: str, grace: float | None) -> None:
        if grace is not None:
            self._latest = min(self._latest, self._loop.time() + grace)
        self._end_early(why, Stop.DRAIN)

    async def _work(self) -> None:
        while self.stop is Stop.NOT and not self._is_done():
            self._wake.clear()
            self._end_pause()
            if self._pause_ends is None:
                await self._launch()
            if self.stop is Stop.NOT and not self._is_done():
                await self._wake.wait()
        is_drained = False
        while len(self._flights):
            self._wake.clear()
            if self.stop >= Stop.DRAIN and not is_drained:
                is_drained = True
                self._latest = min(self._latest, self._loop.time() + self.course.grace + _SLACK)
                await self.engine.drain()
            if self.stop is Stop.CANCEL or self._loop.time() > self._latest:
                self._flights.cancel()
            if len(self._flights):
                await self._wake.wait()

    def _is_done(self) -> bool:
        return self._backlog.is_done and not self._flights and self._pause_ends is None

    async def _settle(self) -> None:
        """End what is in flight, and write what has arrived."""
        self._flights.cancel()
        await self._flights.wait()
        await self.intake.close()
        if self._pause_ends is None and not self.trouble.is_certain:
            await self._store(self.trouble.release())
        self._queue.note()
        await self._queue.close()
        self.most_workers = max(self.most_workers, len(self.engine.workers()))

    async def _close(self) -> None:
        """Close the engine, and store what its workers have given back of the budget."""
        try:
            await self.engine.close()
        finally:
            await self._queue.close()  # open still where the engine was refused
        await self.map.settle(self.tally.spent)

    async def _launch(self) -> None:
        """Begin chunks while the engine has room, or a few rows after a pause."""
        backlog, engine, probes = self._backlog, self.engine, None
        while self.stop is Stop.NOT and len(self._flights) < engine.capacity:
            if self.trouble.is_probing:
                if self._flights:
                    return
                probes = PROBES
            suspect = backlog.next_suspect(len(engine.workers()))
            rows = [suspect] if suspect else backlog.next_rows(engine.capacity, self.items, probes)
            if not rows:
                return
            if any(row.error for row in rows):
                await self._deliver([failed(row.key, row.error) for row in rows if row.error])
                rows = [row for row in rows if not row.error]
            if rows:
                self._flights.start(rows, self._fly, is_suspect=suspect is not None)
                await asyncio.sleep(0)  # it begins, so that the engine knows what room is left

    async def _fly(self, flight: Flight) -> None:
        """Have the engine run a chunk, and see what has become of its rows."""
        try:
            try:
                why = await self.engine.run(flight.chunk)
            except WorkerLost as lost:
                return await self._lose(flight, lost)
            self._backlog.learn(flight)
            missing = self._flights.missing(flight)
            self._flights.settle(missing)
            if why or missing:
                self._end_early(why or why_missing(self.program, self.engine.name, missing), Stop.BEGIN_NONE)
        except BaseException as failure:  # first the rows are written
            if isinstance(failure, asyncio.CancelledError) and is_being_cancelled():
                raise
            self._fail(failure)

    async def _lose(self, flight: Flight, lost: WorkerLost) -> None:
        """Have rows run again whose worker has died."""
        self.lost.add(str(lost))
        missing = self._flights.missing(flight)
        if self.stop is not Stop.NOT:
            self._flights.settle(missing)
            return
        begun = None if lost.begun is None else frozenset(lost.begun)
        number, given_up = self._backlog.lose(missing, begun)
        self.tally.run_again += number
        await self._deliver(
            [failed(row.key, f"its worker died {DEATHS} times while it ran: {lost}") for row in given_up]
        )

    async def _deliver(self, results: Sequence[Result]) -> None:
        """Take results from the engine; wait while the sink is behind."""
        results = self.map.admit(results)
        landed = self._flights.land(results)
        self.tally.add_spent(results)
        self._backlog.clear(results)
        to_store = self.trouble.sift(landed)
        if self.trouble.is_certain and self._pause_ends is None:
            self._pause()
        self._wake.set()  # the engine may have room
        await self._store(to_store)

    async def _store(self, results: Sequence[Result]) -> None:
        if results:
            self.tally.add(results)
            self.endings.see_results(results)
            self._judge()
            await self._queue.put(results)

    def _pause(self) -> None:
        """Begin no rows for a while, because all of late have failed."""
        if seconds := self.trouble.pause():
            remark = "items failed one after the other for a while, and were run again after a pause"
            self.remarks[remark] = None
            self._pause_ends = self._loop.time() + seconds
            self._loop.call_later(seconds, self._wake.set)
        else:
            self._end_early(self.trouble.reason, Stop.DRAIN)

    def _end_pause(self) -> None:
        """Have the rows run again that failed, once the pause and all other rows have ended."""
        if self._pause_ends is None or self._flights or self._loop.time() < self._pause_ends:
            return
        self._pause_ends = None
        self._backlog.put_back(self.trouble.retry())

    async def _write(self, results: Sequence[Result]) -> None:
        await self.map.write(results, self.tally.spent, lambda: self.engine.open_reservations)

    def _judge(self) -> None:
        seconds = self.tally.seconds
        if self.course.deadline is not None and seconds >= self.course.deadline:
            self._end_early(f"the deadline of {self.course.deadline:g} s has passed", Stop.CANCEL)
        elif reason := self.endings.judge(self.tally, self.items):
            is_late = any(moment <= seconds for moment in self.course.moments)
            self._end_early(reason, Stop.CANCEL if is_late else Stop.DRAIN)

    def _end_early(self, reason: str, stop: Stop) -> None:
        self.reason = self.reason or reason
        self.stop = max(self.stop, stop)
        self._wake.set()

    def _fail(self, failure: BaseException) -> None:
        self._failure = self._failure or failure
        self._end_early("it failed", Stop.CANCEL)

    def _look(self, ticks: int) -> None:
        self.most_workers = max(self.most_workers, len(self.engine.workers()))
        self._judge()
        self._wake.set()  # capacity may have changed
        if ticks % 5 == 0:
            self._queue.note()
