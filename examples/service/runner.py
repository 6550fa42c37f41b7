"""Works on the runs of one process: begins them, tells what happens, and leaves none behind that has died."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from examples.service.feed import OVER, Feed
from examples.service.metrics import Metrics
from examples.service.settings import Settings, Tenant
from examples.service.store import Store
from langgraph_parallel import agents, events, limiting
from langgraph_parallel.errors import InputError

_log = logging.getLogger("service")
LOOK_EVERY = 0.25
"""Seconds between two looks for runs to begin, to take over, or to cancel."""


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
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._runs: dict[str, dict[str, Any]] = {}
        self._noted: dict[str, float] = {}
        self._unwanted: set[str] = set()
        self._control = RunControl()
        self._look = asyncio.Event()

    @property
    def is_stopping(self) -> bool:
        """Whether no run begins any more."""
        return self._control.drain_requested

    def wake(self) -> None:
        """Look at once for runs to begin or to cancel."""
        self._look.set()

    def request_stop(self) -> None:
        """Begin no call any more; those in flight may finish. What is left waits for the next process."""
        self._control.request_drain("the service is being stopped")

    async def stop(self) -> None:
        """Wait for calls in flight, as long as the settings allow, and leave all runs to others."""
        self.request_stop()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=self._settings.grace)
        for task in (left := list(self._tasks.values())):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def keep(self) -> None:
        """Work until the task is cancelled."""
        reached = time.time()
        while True:
            try:
                until = time.time() + self._settings.lease
                await self._renew(until)
                await self._begin(until)
                reached = time.time()
            except Exception:
                _log.exception("the database was not reached")
                if time.time() - reached > self._settings.lease:  # others may have taken them over
                    for task in self._tasks.values():
                        task.cancel()
            self._look.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._look.wait()

    async def _renew(self, until: float) -> None:
        """Keep what runs here, note what it has cost, and end what nobody wants or another process has."""
        if not self._tasks:
            return
        mine = await self._store.renew(self._owner, until)
        for id, task in list(self._tasks.items()):
            if mine.get(id, True):
                if id in mine:
                    self._unwanted.add(id)
                task.cancel()
            elif (usd := self._runs[id]["usd"]) != self._noted.get(id):
                await self._store.change(id, self._owner, usd=usd)
                self._noted[id] = usd

    async def _begin(self, until: float) -> None:
        for tenant in self._tenants.values():
            running = sum(run["tenant"] == tenant.name for run in self._runs.values())
            if self.is_stopping or running >= tenant.at_once:
                continue
            for run in await self._store.take(self._owner, until, tenant.name, tenant.at_once - running):
                self._runs[run["id"]] = mine = dict(run)
                self._tasks[run["id"]] = asyncio.create_task(self._work(mine))

    async def _work(self, run: dict[str, Any]) -> None:
        id, tenant = run["id"], self._tenants[run["tenant"]]
        try:
            with self._metrics.running(tenant.name):
                await self._watch(run, tenant)
        except GraphDrained:
            await self._store.change(id, self._owner, owner=None)
        except InputError as error:  # of an answer that only the graph itself can check
            await self._store.change(id, self._owner, owner=None, status="asking", problem=str(error))
            await self._tell(run, {"event": OVER, "status": "asking", "problem": str(error)})
        except asyncio.CancelledError:
            if id in self._unwanted:
                await self._end(run, "cancelled")
            else:
                await self._store.change(id, self._owner, owner=None)
        except Exception as error:
            _log.warning("run %s failed: %s", id, error)
            await self._end(run, "failed", problem=str(error))
        finally:
            self._unwanted.discard(id)
            for kept in (self._tasks, self._runs, self._noted):
                kept.pop(id, None)
            self.wake()

    async def _watch(self, run: dict[str, Any], tenant: Tenant) -> None:
        """Run the graph from where it is, and tell what happens."""
        thread = {"configurable": {"thread_id": f"{tenant.name}/{run['id']}"}}
        limits = {
            "budget_usd": max(0.0, run["held_usd"] - run["usd"]),
            "priority": tenant.priority,
            "fairness_key": tenant.name,
        }
        config = limiting.around(limits, thread)
        given: Any = await self._input(run, thread)
        async for event in events(self._graph, given, config, control=self._control):
            if event.event == "output":
                await self._end(run, "done", result=_result(event.output))
            elif event.event == "interrupted":
                asked = event.model_dump(mode="json")["interrupts"]
                await self._store.change(
                    run["id"],
                    self._owner,
                    status="asking",
                    owner=None,
                    asked=asked,
                    answer=None,
                    problem=None,
                    usd=run["usd"],
                )
                await self._tell(run, {"event": OVER, "status": "asking"})
            else:
                if event.event == "called" and event.usd:
                    run["usd"] += event.usd
                self._metrics.count(tenant.name, event)
                await self._tell(run, event.model_dump(mode="json", exclude_none=True))

    async def _input(self, run: Mapping[str, Any], thread: Any) -> Any:
        """Return what the graph goes on with: its input, an answer, or None after a kill or a stop."""
        state = await self._graph.aget_state(thread)
        if not state.created_at:
            return run["given"]
        if run["answer"] is not None and state.interrupts:
            return agents.reply(state.interrupts, run["answer"])
        return None

    async def _end(self, run: dict[str, Any], status: str, **values: Any) -> None:
        if await self._store.end(run["id"], self._owner, status=status, usd=run["usd"], **values):
            self._metrics.ended(run["tenant"], status)
            await self._tell(run, {"event": OVER, "status": status, "usd": run["usd"]})

    async def _tell(self, run: Mapping[str, Any], line: Mapping[str, Any]) -> None:
        await self._feed.put(run["id"], line)


def _result(output: Mapping[str, Any]) -> dict[str, Any]:
    verdict = output["verdict"]
    return {
        "report": output["report"],
        "choice": verdict.choice,
        "status": verdict.status,
        "decided_by": verdict.decided_by,
    }
