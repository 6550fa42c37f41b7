"""What runs in Dask's scheduler: the coordinators of all jobs, between their workers and their drivers.

Workers and drivers reach it as they reach the scheduler, so a driver may be anywhere from where the scheduler
answers. What workers post waits here until a driver of the same job takes it: the one that started them, or
the next one if that has died.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.scheduler import Scheduler

from langgraph_parallel.scale.line.coordinator import DRAIN, GONE, Coordinator
from langgraph_parallel.scale.line.dask_line import ASK, DRIVE, EARLIER, PACKAGE
from langgraph_parallel.scale.line.wire import unpack_job

_ASK_SECONDS = 0.25
"""Least seconds between two workers that are asked to give rows back."""
_MANY = 1_000_000
"""Rows that a worker may be able to begin that has had none of a command."""
_KEEP_SECONDS = 7 * 86_400.0
"""How long results wait for the next driver of their job."""
_QUIET_SECONDS = 5.0
"""That a command waits at most until workers have heard that the one before it has gone."""


@dataclass(slots=True)
class _Begun:
    """A part that a worker has begun."""

    worker: str
    rows: int
    """Rows that may have begun, the first ones."""


class _Session:
    """One command: its coordinator, and which worker has begun which part."""

    def __init__(self, name: str, job: str, client: str, coordinator: Coordinator, local: bytes) -> None:
        self.name = name
        self.job = job
        self.client = client
        self.coordinator = coordinator
        self.local = local
        self.parts: dict[int, _Begun] = {}
        """Each part that runs."""
        self.ended: set[int] = set()
        """Parts that have ended, or are not to begin: Dask may send a part again."""
        self.stopped: set[int] = set()
        """Parts whose rows are to be stopped."""
        self.free: dict[str, int] = {}
        """Rows that a worker could begin at once, by its last word; 0 if it has begun others since."""
        self.left_at = 0.0
        """When the driver went."""
        self.left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the driver has gone."""
        self._deaf: set[str] = set()
        """Workers with parts of it that have not heard that the driver has gone."""
        self.quiet = asyncio.Event()
        """Set once the driver has gone, and no worker begins a row any more."""

    def driver_gone(self) -> None:
        """Have its workers begin no more rows; what they run, they end and post."""
        if not self.left.done():
            self.coordinator.drain()
            self.left_at = time.monotonic()
            self.left.set_result(None)
            self._deaf = {begun.worker for begun in self.parts.values()}
            self.heard("")

    def heard(self, worker: str) -> None:
        """Note that a worker is told what is to be done now, or is gone."""
        self._deaf.discard(worker)
        if self.left.done() and not self._deaf:
            self.quiet.set()

    def begin(self, worker: str, part: int, rows: int) -> bool:
        """Note that rows of a part may begin.

        Returns:
            Whether the worker may run the part: Dask sends parts of a dead worker to another one, and what
            becomes of these rows is for the driver to decide.
        """
        begun = self.parts.get(part)
        if begun is None:
            if part in self.ended or self.left.done():
                return False
            self.parts[part] = begun = _Begun(worker, rows)
        elif begun.worker == worker:
            begun.rows = rows
        self.free[worker] = 0
        return begun.worker == worker

    def news(self, part: int, *told: Any) -> tuple[Any, ...]:
        """Return what is told of a part; whoever reads it may be the driver of a later command."""
        return (self.name, part, *told)

    def end(self, part: int) -> None:
        """Note that a part has ended."""
        self.parts.pop(part, None)
        self.ended.add(part)
        self.stopped.discard(part)

    def stop(self, parts: Sequence[int]) -> None:
        """Have workers stop the rows of some parts, and begin none of them that has not begun."""
        self.stopped.update(part for part in parts if part in self.parts)
        self.ended.update(part for part in parts if part not in self.parts)

    def give_back(self, worker: str, part: int, keys: Sequence[str], to: str) -> None:
        """Tell the driver of rows that a worker has not begun, and leaves to another one."""
        self.coordinator.mailbox.put(worker, 0, b"", [self.news(part, "", "", {"back": keys, "to": to})])

    def worker_gone(self, worker: str) -> None:
        """Tell the driver of the parts that have ended with their worker."""
        self.coordinator.worker_gone(worker)
        self.free.pop(worker, None)
        self.heard(worker)
        lost = {part: begun.rows for part, begun in self.parts.items() if begun.worker == worker}
        news = [self.news(part, "", "", {"lost": rows, "worker": worker}) for part, rows in lost.items()]
        if news:
            self.coordinator.mailbox.put(worker, 0, b"", news)
        for part in lost:
            self.end(part)

    @property
    def is_busy(self) -> bool:
        """Return whether a worker runs any part."""
        return bool(self.parts)


class Coordinators(SchedulerPlugin):
    """Hosts the coordinators of a cluster's jobs."""

    name = "langgraph-parallel"
    idempotent = True

    async def start(self, scheduler: Scheduler) -> None:
        """Begin to answer workers and drivers."""
        self._scheduler = scheduler
        self._sessions: dict[str, _Session] = {}
        self._asked_at = 0.0
        scheduler.handlers[ASK] = self.ask
        scheduler.handlers[DRIVE] = self.drive

    async def ask(self, session: str, worker: str, what: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a worker."""
        hosted = self._sessions.get(session)
        if hosted is None:
            return {"control": GONE, "number": 0, "go": False}
        if what == "begin":
            await self._quiet_before(hosted)
            return {"go": hosted.begin(worker, data["part"], data["rows"])}
        if what == "back":
            hosted.give_back(worker, data["part"], data["keys"], data["to"])
            return {}
        ended = data.get("ended", ())
        told = {**data, "ended": [hosted.news(*one) for one in ended]}
        answer = await self._answer(hosted, worker + EARLIER * hosted.left.done(), what, told)
        if what == "hello":
            about = {"local": hosted.local, "workers": len(self._scheduler.workers)}
            return answer | about | {"version": version(PACKAGE)}
        if what in ("post", "beat"):
            hosted.heard(worker)
            for part, *_ in ended:
                hosted.end(part)
            answer["stop"] = [part for part in hosted.stopped if hosted.parts[part].worker == worker]
            hosted.free[worker] = data["state"].get("free", 0)
            answer["back"] = self._idle_for(hosted, worker) if data["state"].get("left") else ""
        return answer

    async def _quiet_before(self, hosted: _Session) -> None:
        """Wait until no worker begins a row of an earlier command of the same job, which this one has too."""
        sessions = [one for one in self._sessions.values() if one is not hosted and one.job == hosted.job]
        earlier = [one for one in sessions if one.left.done()]
        try:
            async with asyncio.timeout(_QUIET_SECONDS):
                for one in earlier:
                    await one.quiet.wait()
        except TimeoutError:
            for one in earlier:
                one.quiet.set()  # waited for once, and not by each part

    def _idle_for(self, hosted: _Session, worker: str) -> str:
        """Return who could begin rows at once that a worker has not begun; empty for nobody.

        Asked for rows is one worker at a time. One whose rows have all begun, and keep it busy, is not idle:
        it could only give the rows back.
        """
        now = time.monotonic()
        if now - self._asked_at < _ASK_SECONDS or self._scheduler.queued or self._scheduler.unrunnable:
            return ""
        others = [ws for ws in self._scheduler.running if ws.address != worker]
        waiting = [ws.address for ws in others if len(ws.processing) <= len(ws.long_running)]
        free = {address: hosted.free.get(address, _MANY) for address in waiting}
        idle = max(free, key=free.__getitem__, default="")
        if not idle or not free[idle]:
            return ""
        self._asked_at = now
        return idle

    async def _answer(
        self, hosted: _Session, worker: str, what: str, data: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Have the coordinator answer; a post does not wait for room where nobody makes room."""
        answering = asyncio.ensure_future(hosted.coordinator.answer(worker, what, data))
        if what == "post" and not answering.done():
            waiting: list[asyncio.Future[Any]] = [answering, hosted.left]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                answering.cancel()
                return {"control": DRAIN, "number": hosted.coordinator.mailbox.last}
        return await answering

    async def drive(self, session: str, client: str, what: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a driver."""
        if what == "open":
            await self._tidy()
            return self._open(session, client, data)
        hosted = self._sessions.get(session)
        if hosted is None or hosted.left.done():
            return {"gone": True}
        if what == "begun":
            return {"begun": data["part"] in hosted.parts or data["part"] in hosted.ended}
        if what == "stop":
            hosted.stop(data["parts"])
            return {}
        if what == "close":
            await hosted.coordinator.mailbox.read(data["after"], 0.0)
            hosted.driver_gone()
            await self._tidy()
            return {}
        answer = await hosted.coordinator.answer("", what, data)
        if what == "collect":
            answer |= self._room(session)
        return answer

    def _open(self, session: str, client: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Host a job; what its earlier commands have left in the mailbox goes to this one."""
        job = unpack_job(data["job"])
        coordinator = Coordinator(job)
        for earlier in self._sessions.values():
            if earlier.job == job.id:
                earlier.driver_gone()
                coordinator.mailbox = earlier.coordinator.mailbox
        self._sessions[session] = _Session(session, job.id, client, coordinator, data["local"])
        return self._room(session) | {"earlier": coordinator.mailbox.last, "dashboard": self._dashboard()}

    def _dashboard(self) -> int:
        """Return the port of Dask's dashboard; 0 if it is not served, as without bokeh."""
        scheduler: Any = self._scheduler
        application = getattr(scheduler, "http_application", None)
        return int(scheduler.http_server.port) if getattr(application, "applications", ()) else 0

    async def _tidy(self) -> None:
        """Forget the sessions that nothing waits in, and nobody works for."""
        for name, hosted in list(self._sessions.items()):
            if not hosted.left.done() or hosted.is_busy:
                continue
            too_old = time.monotonic() - hosted.left_at > _KEEP_SECONDS
            if too_old or not await hosted.coordinator.mailbox.read(0, 0.0):
                self._sessions.pop(name, None)

    def _room(self, session: str) -> dict[str, Any]:
        """Return what the number of parts in flight follows: threads, and parts that need none any more."""
        running = self._scheduler.running
        seceded = [ts for ws in running for ts in ws.long_running if session in str(ts.key)]
        return {"threads": sum(ws.nthreads for ws in running), "seceded": len(seceded)}

    def remove_worker(self, scheduler: Scheduler, worker: str, **_: Any) -> None:
        """Tell the drivers what has ended with a worker."""
        for hosted in self._sessions.values():
            hosted.worker_gone(worker)

    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        """Note that a driver has gone."""
        for hosted in self._sessions.values():
            if hosted.client == client:
                hosted.driver_gone()

    async def close(self) -> None:
        """End what waits here, with the scheduler."""
        for hosted in self._sessions.values():
            hosted.driver_gone()
