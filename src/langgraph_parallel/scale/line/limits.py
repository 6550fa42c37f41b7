"""Keeps the limits of a run over all of its workers: in the driver, or in the scheduler of an engine.

Pure: it waits for nothing, and reads no clock but the one that it is given. Workers ask with `limits.sync`
(`scale.line.shared`) whenever they need something, and a few times a second.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.granted_budget import caps_of, units_of
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.line.endpoint_limits import EndpointLimits
from langgraph_parallel.scale.line.purse import Purse

SYNC, LEAVE = "limits.sync", "limits.leave"
"""The operations: tell and ask; and give back everything, at the end of a worker."""


class LimitsKeeper:
    """One set of limits for all workers of a run.

    Args:
        limits: of the run: its budgets. Rates and concurrency come with the calls of the workers.
        spent: what earlier commands have spent.
        clock: seconds of a monotonic clock.
        earlier: purse of an earlier command of the same job, if it is known here.
    """

    def __init__(
        self,
        limits: Limits,
        spent: Amount | None = None,
        clock: Callable[[], float] = time.monotonic,
        earlier: Purse | None = None,
    ) -> None:
        self.purse = Purse(caps_of(limits), units_of(spent or Amount()), earlier=earlier)
        self._clock = clock
        self._endpoints: dict[str, EndpointLimits] = {}
        self._sessions: dict[str, str] = {}
        """The session of each worker; a worker that was counted as gone, and is not, begins a new one."""
        self._ended: set[str] = set()
        """Sessions of workers that are gone."""

    def answer(self, worker: str, op: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Answer what a worker asks.

        Args:
            worker: its name.
            op: `SYNC` or `LEAVE`.
            data: `session`, which the worker makes up; `endpoints` by name, see `EndpointLimits.sync`; and
                `purse`, see `Purse.sync`.

        Returns:
            The answers by the same names, and the time `now`, from which the delays in them count; or `gone`:
            what the session held counts as spent.

        Raises:
            ValueError: there is no such operation.
        """
        if op not in (SYNC, LEAVE):
            raise ValueError(f"{op} is no operation of limits; expected {SYNC} or {LEAVE}")
        session = str(data["session"])
        if session in self._ended:
            return {"gone": True}
        if self._sessions.setdefault(worker, session) != session:
            self.worker_gone(worker)
            self._sessions[worker] = session
        now = self._clock()
        answer: dict[str, Any] = {"endpoints": {}, "now": now}
        for name, told in (data.get("endpoints") or {}).items():
            limits = self._endpoints.setdefault(name, EndpointLimits())
            answer["endpoints"][name] = limits.sync(worker, told, now)
        if (told := data.get("purse")) is not None:
            answer["purse"] = self.purse.sync(worker, told)
        if op == LEAVE:
            self.worker_gone(worker)
        return answer

    def worker_gone(self, worker: str) -> None:
        """Free the places of a worker that is gone, and count what it held of the budget as spent."""
        if (session := self._sessions.pop(worker, None)) is not None:
            self._ended.add(session)
        for limits in self._endpoints.values():
            limits.gone(worker)
        self.purse.gone(worker)
