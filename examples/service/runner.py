"""Works on the runs of one process: begins them, tells what happens, and leaves none behind that has died."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from examples.service.feed import BEGUN, OVER, Feed
from examples.service.metrics import Metrics
from examples.service.settings import Settings, Tenant
from examples.service.store import OVER as STATUSES_OVER
from examples.service.store import Store
from langgraph_parallel import agents, events, limiting
from langgraph_parallel.errors import InputError, ParallelError

_log = logging.getLogger("service")
LOOK_EVERY = 0.25
"""Seconds between two looks for runs to begin, to take over, or to cancel, unless it is woken."""
REST = 0.05
"""Seconds between two looks, however often it is woken."""


@dataclass
class _Run:
    """A run that this process works on."""

    row: Mapping[str, Any]
    tenant: Tenant
    usd: float
    noted_usd: float
    """What is in the store of it."""
    task: asyncio.Task[None] = field(init=False)
    is_unwanted: bool = False
    is_left: bool = False
    """Whether it has ended here, so that its row may be another's already."""


class Runner:
    """The runs of a process.

    Args:
        settings: of the service.
        graph: that is run, with a checkpointer.
        store: where runs are kept.
        feed: where what happens is told.
        metrics: that are counted.
    """

    def __init__(self, settings: Settings, graph: Any, store: Store, feed: Feed, metrics: Metrics) -> None:
        self._settings, self._graph, self._store, self._feed = settings, graph, store, feed
        self._metrics = metrics
        self._owner = token_hex(8)
        self._tenants = {tenant.name: tenant for tenant in settings.tenants}
        self._runs: dict[str, _Run] = {}
        self.waiting: Mapping[str, int] = {}
        """Runs that no process worked on at the last look, by tenant."""
        self._control = RunControl()
        self._look = asyncio.Event()
        self._renew_at = 0.0
        """When the leases are to be renewed, on the clock of `time.monotonic`."""

    @property
    def is_stopping(self) -> bool:
        """Whether no run begins any more."""
        return self._control.drain_requested

    def wake(self, *, to_cancel: bool = False) -> None:
        """Look at once for runs to begin, and for those to cancel."""
        self._renew_at = 0.0 if to_cancel else self._renew_at
        self._look.set()

    def request_stop(self) -> None:
        """Begin no call any more; those in flight may finish. What is left waits for the next process."""
        self._control.request_drain("the service is being stopped")

    async def stop(self) -> None:
        """Wait for calls in flight, as long as the settings allow, and leave all runs to others."""
        self.request_stop()
        if self._runs:
            await asyncio.wait([run.task for run in self._runs.values()], timeout=self._settings.grace)
        await self._give_up()

    async def keep(self) -> None:
        """Work until the task is cancelled."""
        reached = time.monotonic()
        while True:
            self._look.clear()
            try:
                async with asyncio.timeout(self._settings.lease):
                    until = time.time() + self._settings.lease
                    if time.monotonic() >= self._renew_at:  # and not whenever it is woken
                        self._renew_at = time.monotonic() + LOOK_EVERY
                        await self._renew(until)
                    await self._begin(until)
                reached = time.monotonic()
            except Exception:
                _log.exception("the database was not reached")
                if time.monotonic() - reached > self._settings.lease:  # others may have taken them over
                    await self._give_up()
            await asyncio.sleep(REST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._look.wait()

    async def _give_up(self) -> None:
        tasks = [run.task for run in self._runs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _renew(self, until: float) -> None:
        """Keep what runs here, note what it has cost, and end what nobody wants or another process has."""
        held = {id: run for id, run in self._runs.items() if not run.is_left}
        if not held:
            return
        spent = {id: run.usd for id, run in held.items() if run.usd != run.noted_usd}
        kept = await self._store.renew(self._owner, until, held, spent)
        for id, run in held.items():
            run.noted_usd = spent.get(id, run.noted_usd)
            run.is_unwanted = kept.get(id, False)
            if not run.is_left and kept.get(id, True):
                run.task.cancel()

    async def _begin(self, until: float) -> None:
        self.waiting = await self._store.waiting()
        for name in self.waiting if not self.is_stopping else ():
            tenant = self._tenants.get(name)
            running = sum(run.tenant is tenant for run in self._runs.values())
            if tenant is None or running >= tenant.at_once:
                continue
            for row in await self._store.take(self._owner, until, name, tenant.at_once - running):
                if row["id"] not in self._runs:  # else it was given up here, and is about to be left
                    self._runs[row["id"]] = run = _Run(row, tenant, row["usd"], row["usd"])
                    run.task = asyncio.create_task(self._work(run))

    async def _work(self, run: _Run) -> None:
        """Run it, and leave its row to whoever goes on with it."""
        try:
            with self._metrics.running(run.tenant.name):
                await self.tell(run.row["id"], {"event": BEGUN})
                change = await self._outcome(run)
            run.is_left = True
            await self._leave(run, change)
        except Exception:
            _log.exception("run %s is left to the next process", run.row["id"])  # once its lease has ended
        finally:
            del self._runs[run.row["id"]]
            self.wake()

    async def _outcome(self, run: _Run) -> dict[str, Any]:
        """Return what becomes of a run; nothing if another process is to go on with it."""
        if run.row["is_unwanted"]:  # cancelled while its process was gone
            return {"status": "cancelled"}
        try:
            return await self._watch(run)
        except GraphDrained:
            return {}
        except asyncio.CancelledError:
            return {"status": "cancelled"} if run.is_unwanted else {}
        except InputError as error:
            if run.row["answer"] is None:
                return {"status": "failed", "problem": str(error)}
            # An answer that only the graph itself could check: another one can be given.
            return {"status": "asking", "problem": str(error), "answer": None}
        except ParallelError as error:
            _log.warning("run %s failed: %s", run.row["id"], error)
            return {"status": "failed", "problem": str(error)}
        except Exception:  # may name what is no tenant's business
            _log.exception("run %s failed", run.row["id"])
            return {"status": "failed", "problem": f"a fault of the service; its log has run {run.row['id']}"}

    async def _leave(self, run: _Run, change: Mapping[str, Any]) -> None:
        id = run.row["id"]
        row = await self._store.leave(id, self._owner, **change, usd=run.usd)
        if row is not None and row["is_unwanted"] and row["status"] not in STATUSES_OVER:
            row = await self._store.leave(id, None, status="cancelled")  # cancelled at the last moment
        if row is not None and "status" in change:
            await self.over(row)

    async def over(self, row: Mapping[str, Any]) -> None:
        """Tell that nothing comes of a run any more, unless it asks somebody who lets it go on."""
        await self.tell(row["id"], {"event": OVER, "status": row["status"], "usd": row["usd"]})
        if row["status"] in STATUSES_OVER:
            self._metrics.ended(row["tenant"], row["status"])
            await self._graph.checkpointer.adelete_thread(_thread(row)["configurable"]["thread_id"])

    async def _watch(self, run: _Run) -> dict[str, Any]:
        """Run the graph from where it is, tell what happens, and return what has come of it."""
        row, thread = run.row, _thread(run.row)
        limits = {
            "budget_usd": max(0.0, row["held_usd"] - run.usd),
            "priority": run.tenant.priority,
            "fairness_key": run.tenant.name,
        }
        given = await self._input(row, thread)
        config = limiting.around(limits, thread)
        async with contextlib.aclosing(events(self._graph, given, config, control=self._control)) as told:
            async for event in told:
                if event.event == "output":
                    return {"status": "done", "problem": None, "result": _result(event.output)}
                if event.event == "interrupted":
                    asked = event.model_dump(mode="json")["interrupts"]
                    return {"status": "asking", "asked": asked, "answer": None, "problem": None}
                if event.event == "called" and event.usd:
                    run.usd += event.usd
                self._metrics.count(run.tenant.name, event)
                line = event.model_dump(mode="json", exclude_none=True)
                await self.tell(row["id"], {**line, "run_usd": run.usd})
        raise AssertionError("a run ends with its output, or asks")

    async def _input(self, row: Mapping[str, Any], thread: Any) -> Any:
        """Return what the graph goes on with: its input, an answer, or None after a kill or a stop."""
        if row["taken"] == 1:  # no process has begun it
            return row["given"]
        state = await self._graph.aget_state(thread)
        if not state.created_at:
            return row["given"]
        waits = {one.id for one in state.interrupts}
        if row["answer"] is not None and waits and waits == {one["id"] for one in row["asked"]}:
            return agents.reply(state.interrupts, row["answer"])
        return None

    async def tell(self, id: str, line: Mapping[str, Any]) -> None:
        """Tell what happens in a run; if that fails, whoever watches misses a line, and the run goes on."""
        try:
            await self._feed.put(id, line)
        except Exception as error:
            _log.warning("nobody is told of run %s: %s", id, error)


def _thread(row: Mapping[str, Any]) -> Any:
    """Return the config of a run's thread; it is under the tenant's name, who alone is told of it."""
    return {"configurable": {"thread_id": f"{row['tenant']}/{row['id']}"}}


def _result(output: Mapping[str, Any]) -> dict[str, Any]:
    verdict = output["verdict"]
    return {
        "report": output["report"],
        "choice": verdict.choice,
        "status": verdict.status,
        "decided_by": verdict.decided_by,
    }
