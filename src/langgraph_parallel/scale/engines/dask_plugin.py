"""What runs in Dask's scheduler: the coordinators of all jobs, between their workers and their drivers.

Workers and drivers reach it as they reach the scheduler, so a driver may be anywhere from where the scheduler
answers. What workers post waits here until a driver of the same job takes it: the one that started them, or
the next one if that has died.
"""

import asyncio
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.scheduler import Scheduler

from langgraph_parallel.scale.engine import Job
from langgraph_parallel.scale.engines.dask_session import Session
from langgraph_parallel.scale.line.coordinator import DRAIN, GONE, Coordinator
from langgraph_parallel.scale.line.dask_line import ASK, DRIVE, EARLIER, PACKAGE
from langgraph_parallel.scale.line.purse import Purse
from langgraph_parallel.scale.line.wire import unpack_job

_ASK_SECONDS = 0.25
"""Least seconds between two workers that are asked to give rows back."""
_MANY = 1_000_000
"""Rows that a worker may be able to begin that has had none of a command."""
_KEEP_SECONDS = 7 * 86_400.0
"""How long results wait for the next driver of their job."""
_QUIET_SECONDS = 5.0
"""That a command waits at most until workers have heard that the one before it has gone."""


class Coordinators(SchedulerPlugin):
    """Hosts the coordinators of a cluster's jobs."""

    name = "langgraph-parallel"
    idempotent = True

    async def start(self, scheduler: Scheduler) -> None:
        """Begin to answer workers and drivers."""
        self._scheduler = scheduler
        self._sessions: dict[str, Session] = {}
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
        # Whoever reads a post may be a later command; a worker's account and its beats are its own still.
        name = worker + EARLIER * (what == "post" and hosted.left.done())
        answer = await self._answer(hosted, name, what, told)
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

    async def _quiet_before(self, hosted: Session) -> None:
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

    def _idle_for(self, hosted: Session, worker: str) -> str:
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
        self, hosted: Session, worker: str, what: str, data: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Have the coordinator answer; a post does not wait for room where nobody makes room."""
        answering = asyncio.ensure_future(hosted.coordinator.answer(worker, what, data))
        if what == "post" and not answering.done():
            waiting: list[asyncio.Future[Any]] = [answering, hosted.left]
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                answering.cancel()
                raise
            if not answering.done():
                answering.cancel()
                return {"control": DRAIN, "number": hosted.coordinator.mailbox.last}
        return await answering

    async def drive(self, session: str, client: str, what: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a driver."""
        if what == "open":
            job = unpack_job(data["job"])
            purse = self._purse_of(job)  # before it is forgotten, as it may be without a word of the driver
            await self._tidy()
            return self._open(session, client, job, data, purse)
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
            told = hosted.coordinator.purse.told()
            hosted.driver_gone()
            await self._tidy()
            return {"purse": told}
        answer = await hosted.coordinator.answer("", what, data)
        if what == "collect":
            answer |= self._room(session)
        return answer

    def _purse_of(self, job: Job) -> Purse | None:
        """Return the purse of the last command of a job.

        A driver that was killed could not store all that its workers have taken of the budget.
        """
        sessions = [one for one in self._sessions.values() if one.job == job.id]
        return sessions[-1].coordinator.purse if sessions else None

    def _open(
        self, session: str, client: str, job: Job, data: Mapping[str, Any], purse: Purse | None
    ) -> dict[str, Any]:
        """Host a job; what its earlier commands have left in the mailbox goes to this one."""
        coordinator = Coordinator(job, earlier=purse, is_far=data["covers"])
        for earlier in self._sessions.values():
            if earlier.job == job.id:
                earlier.driver_gone()
                coordinator.mailbox = earlier.coordinator.mailbox
        self._sessions[session] = Session(session, job.id, client, coordinator, data["local"])
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
