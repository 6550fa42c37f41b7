"""Dask as the engine: chunks are tasks of a cluster, and everything else goes through its scheduler."""

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langgraph_parallel.errors import EngineLost
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.granted_budget import Units, caps_of, units_of
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.engine import Chunk, Deliver, Job, WorkerState
from langgraph_parallel.scale.engines.dask_cluster import Cluster
from langgraph_parallel.scale.engines.dask_flights import Flight, Part, place_of
from langgraph_parallel.scale.engines.dask_tasks import failure_of, pickled, submit, title_of
from langgraph_parallel.scale.line.dask_line import DRIVE, EARLIER
from langgraph_parallel.scale.line.ledger import Ledger
from langgraph_parallel.scale.line.purse import Purse
from langgraph_parallel.scale.line.wire import pack_job, unpack_results
from langgraph_parallel.scale.rows import Result, Row

if TYPE_CHECKING:
    from distributed import Client, Future

_PARTS_PER_THREAD = 2
"""One that runs and one that is ready, so that no worker waits for the driver."""
_MOST_SECEDED = 4
"""Parts per thread that have begun all of their rows, and are counted as none while these end."""
_WAIT_SECONDS = 1.0
"""How long the scheduler may wait for results before it answers that there are none."""
_CLOSE_SECONDS = 5.0
_NO_CAPS = (None, None, None)


class DaskEngine:
    """Runs chunks on a Dask cluster.

    Results, control and what workers share go through the scheduler: workers and this process need not reach
    each other. Each worker runs rows in its own environment, where models find their keys.

    Args:
        where: number of workers to start on this machine, address of a scheduler, or a client of one; None
            for as many workers as this machine has processors.
    """

    def __init__(self, where: "int | str | Client | None" = None) -> None:
        self._cluster = Cluster(where)
        self.name = self._cluster.name
        self.dashboard = ""
        """Address of Dask's dashboard; empty if it has none."""
        self._session = ""
        self._title = ""
        self._numbers = itertools.count(1)
        self._parts: dict[int, Part] = {}
        self._room: dict[str, int] = {"threads": 0, "seceded": 0}
        self._workers: dict[str, dict[str, Any]] = {}
        self._reserved = Amount()
        """What workers have reserved, by their last word."""
        self._purse, self._ledger = Purse(_NO_CAPS), Ledger()
        """A copy of the purse in the scheduler, and who has the sink know of it."""
        self._covering: asyncio.Task[None] | None = None
        self._stored: asyncio.Queue[Units] = asyncio.Queue()
        """What the sink has as spent at least, and the scheduler is to hear."""
        self._after = self._earlier_up_to = 0
        self._earlier: dict[str, Result] = {}
        """What rows have that were in flight when the driver of an earlier command died."""
        self._collecting: asyncio.Task[None] | None = None
        self._lost = ""
        """Why no chunk can be run any more."""

    async def open(self, job: Job, deliver: Deliver) -> None:
        """Start or reach the cluster, and have its scheduler host the job.

        What an earlier command of the same job has left there is delivered first.

        Raises:
            UsageError: there is no cluster to reach, or one of its members cannot run the program.
        """
        covers = job.ledger is not None
        about = {"job": pack_job(job), "local": pickled(job.program.local), "covers": covers}
        self._after, self._earlier, self._lost = 0, {}, ""
        self._reserved = Amount()
        self._keep_account(job)
        self._deliver = deliver
        self._title = title_of(job.program)
        self._session = secrets.token_hex(8)
        await self._cluster.open()
        try:
            await self._host(about)
        except BaseException:
            await self._cluster.close()
            raise
        self._collecting = asyncio.create_task(self._collect(), name="results from Dask")
        self._covering = asyncio.create_task(self._cover(), name="tell Dask what is stored")

    def _keep_account(self, job: Job) -> None:
        """Have the sink know of what the scheduler grants before it leaves."""
        spent = units_of(Amount(job.spent_calls, job.spent_tokens, job.spent))
        self._purse = Purse(caps_of(job.program.limits or Limits.model_construct()), spent)
        self._ledger, self._stored = job.ledger or Ledger(), asyncio.Queue()
        self._ledger.keep(self._purse, self._stored.put_nowait)

    async def _host(self, about: dict[str, Any]) -> None:
        from langgraph_parallel.scale.engines.dask_plugin import Coordinators

        await self._cluster.client.register_plugin(Coordinators())
        self._room = await self._drive("open", about)
        self.dashboard = self._cluster.dashboard(self._room["dashboard"])
        self._earlier_up_to = self._room["earlier"]
        await self._take(await self._drive("collect", {"after": 0, "wait": 0.0}))

    @property
    def capacity(self) -> int:
        """Number of chunks that may be in flight: two for each thread of the workers that are there now.

        At least two, so that a cluster that grows with its work begins to.
        """
        threads = max(1, self._room["threads"])
        return _PARTS_PER_THREAD * threads + min(self._room["seceded"], _MOST_SECEDED * threads)

    async def run(self, chunk: Chunk) -> str:
        """Run a chunk as a task of Dask, or as several, if its worker leaves rows of it to others.

        Raises:
            WorkerLost: its worker has died, or has been taken from the cluster.
            EngineLost: the scheduler is gone.
            UsageError: the program cannot be loaded there.
        """
        if self._lost:
            raise EngineLost(self._lost)
        flight, rows = Flight(), chunk.rows
        if self._earlier:
            found = [self._earlier.pop(row.key) for row in rows if row.key in self._earlier]
            if found:
                await self._deliver(found)
            have = {result.key for result in found}
            rows = [row for row in rows if row.key not in have]
            if not rows:
                return ""
        try:
            self._start(flight, rows)
            return await flight.ended
        except asyncio.CancelledError:
            with contextlib.suppress(EngineLost):
                await self._drive("stop", {"parts": [*flight.parts]})
            raise
        finally:
            for number in flight.parts:
                self._parts.pop(number).release()

    def _start(self, flight: Flight, rows: Sequence[Row], to: str | None = None) -> None:
        """Submit rows as one task, for a worker if there is one that waits for them."""
        number = next(self._numbers)
        key = (self._title, Chunk(number, rows).name, f"{self._session}-{number}")
        task = submit(self._cluster.client, key, number, rows, to)
        watching = asyncio.create_task(self._watch(number, task))
        self._parts[number] = flight.parts[number] = Part(flight, rows, task, watching)

    async def _watch(self, number: int, task: "Future[Any]") -> None:
        """End the chunk of a part that Dask does not run."""
        try:
            failure = await failure_of(task, lambda: self._has_begun(number))
        except Exception as error:  # of whatever kind: somebody waits for the part
            failure = error
        if failure is not None and (part := self._parts.get(number)) is not None:
            part.flight.fail(failure)

    async def _has_begun(self, number: int) -> bool:
        try:
            return bool((await self._drive("begun", {"part": number}))["begun"])
        except EngineLost:
            return True  # which ends all chunks

    async def drain(self) -> None:
        """Begin no more rows on any worker.

        Raises:
            EngineLost: the scheduler is gone.
        """
        await self._drive("drain", {})

    def workers(self) -> Sequence[WorkerState]:
        """Return what the workers have told last."""
        return [WorkerState.of(place_of(address), told) for address, told in self._workers.items()]

    @property
    def open_reservations(self) -> Amount:
        """What workers have reserved, by their last word, those that have died included."""
        return self._reserved

    async def close(self) -> None:
        """Leave the cluster, or end it if it was started here."""
        tasks = [task for task in (self._collecting, self._covering) if task is not None]
        if tasks:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not self._lost:
                with contextlib.suppress(EngineLost, TimeoutError):
                    async with asyncio.timeout(_CLOSE_SECONDS):
                        answer = await self._drive("close", {"after": self._after})
                        self._purse.hear(answer["purse"])
                        self._ledger.on_stored = None  # nothing is granted any more
        await self._cluster.close(at_once=bool(self._lost))

    async def _collect(self) -> None:
        """Take results from the scheduler; each request says what has arrived of those before it."""
        try:
            while True:
                await self._take(await self._drive("collect", {"after": self._after, "wait": _WAIT_SECONDS}))
        except Exception as error:  # of whoever takes the results, too
            self._lost = str(error)
            for part in [*self._parts.values()]:
                part.flight.fail(EngineLost(self._lost) if isinstance(error, EngineLost) else error)

    async def _cover(self) -> None:
        """Tell the scheduler what the sink has of the budget, until it is gone."""
        with contextlib.suppress(EngineLost):  # of which the one that collects tells
            while True:
                stored = await self._stored.get()
                while not self._stored.empty():
                    stored = self._stored.get_nowait()
                await self._drive("cover", {"stored": stored})

    async def _take(self, answer: dict[str, Any]) -> None:
        """Deliver what was collected, and hear of parts that have ended with it."""
        self._room, self._reserved = answer, Amount(*answer["reserved"])
        self._purse.hear(answer["purse"])
        self._ledger.look()
        self._workers = answer["workers"]
        for number, worker, size, packed, news in answer["posted"]:
            place = place_of(worker.removesuffix(EARLIER))
            results: Sequence[Result] = unpack_results(packed, place) if size else ()
            if number <= self._earlier_up_to or worker.endswith(EARLIER):
                results = self._keep_earlier(results)
            if results:
                await self._deliver(results)
            self._after = number
            for session, part, *told in news:
                if session == self._session:  # an earlier command has had parts of the same numbers
                    self._hear(part, *told)

    def _keep_earlier(self, results: Sequence[Result]) -> Sequence[Result]:
        """Keep results of an earlier command until their rows come; return those whose rows have come."""
        running = {row.key for part in self._parts.values() for row in part.rows}
        self._earlier |= {result.key: result for result in results if result.key not in running}
        return [result for result in results if result.key in running]

    def _hear(self, number: int, why: str, problem: str, news: Mapping[str, Any] | None = None) -> None:
        """Hear of a part, once all results that were posted before were delivered."""
        if (part := self._parts.get(number)) is None:
            return  # of a chunk that was cancelled
        flight = part.flight
        if news and "back" in news:
            keys = set(news["back"])
            given = [row for row in part.rows if row.key in keys]
            part.rows = [row for row in part.rows if row.key not in keys]
            if given:
                self._start(flight, given, news["to"])
            return
        self._parts.pop(number).release()
        if news:
            flight.lose(number, place_of(news["worker"]), news["lost"])
        else:
            flight.end(number, why, problem)

    async def _drive(self, what: str, data: dict[str, Any]) -> dict[str, Any]:
        """Ask the scheduler.

        Raises:
            EngineLost: it is gone, or has been restarted.
        """
        if self._lost:  # to find out again may take half a minute
            raise EngineLost(self._lost)
        client = self._cluster.client
        try:
            asked = getattr(client.scheduler, DRIVE)
            answer = await asked(session=self._session, client=client.id, what=what, data=data)
        except (OSError, AttributeError) as error:
            raise self._gone("its connection has closed") from error
        if not isinstance(answer, dict):
            raise self._gone("it has been restarted")
        if answer.get("gone"):
            raise self._gone("it has lost the connection to this command")
        return answer

    def _gone(self, why: str) -> EngineLost:
        return EngineLost(
            f"the scheduler of {self.name} is gone ({why}); all results that have arrived are stored: "
            "run the same command again to go on"
        )
