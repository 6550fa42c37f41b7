"""The end of the line that all workers of a map ask: results, control, beats, and what is shared.

It does no input and no output of its own, so that it can stand in the driver, behind a TCP server, or in
the scheduler of an engine. There the driver is one more that asks it: `collect` takes results, and the next
`collect` says which of them are stored, so that a driver that dies loses none.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import astuple
from typing import Any, Protocol

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.engine import Job, WorkerState
from langgraph_parallel.scale.line.ledger import CoveredLimits, FarLedger
from langgraph_parallel.scale.line.limits import LimitsKeeper
from langgraph_parallel.scale.line.mailbox import ROOM, Mailbox
from langgraph_parallel.scale.line.purse import Purse
from langgraph_parallel.scale.line.wire import pack_job

GO, DRAIN, GONE = "go", "drain", "gone"
"""What a worker is told with each answer: go on; begin no more rows; stop, others have your rows."""
_LONGEST_WAIT = 30.0
"""Seconds that a `collect` may wait."""


class Keeper(Protocol):
    """Keeps what workers share; knows the ops that begin with its name and a dot."""

    def answer(
        self, worker: str, op: str, data: Mapping[str, Any]
    ) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        """Answer a worker."""

    def worker_gone(self, worker: str) -> None:
        """Take back what the worker holds."""


class Coordinator:
    """Answers the workers of one job.

    Args:
        job: what workers are told when they say hello.
        rows: keeper of the rows that workers pull; None where an engine hands out chunks itself.
        room: rows in the mailbox beyond which `post` is answered only after some were collected.
        clock: seconds, from any start.
        earlier: purse of an earlier command of the same job, if it is known here.
        is_far: whether the driver is elsewhere, and tells what its sink has of the budget.
    """

    def __init__(
        self,
        job: Job,
        *,
        rows: Keeper | None = None,
        room: int = ROOM,
        clock: Callable[[], float] = time.monotonic,
        earlier: Purse | None = None,
        is_far: bool = False,
    ) -> None:
        self.mailbox = Mailbox(room)
        self._job = pack_job(job)
        spent = Amount(job.spent_calls, job.spent_tokens, job.spent)
        limits = LimitsKeeper(job.program.limits or Limits.model_construct(), spent, clock, earlier)
        self.purse = limits.purse
        """Of the budgets, unless workers share these through Redis."""
        self._far_ledger = FarLedger(lambda: self.mailbox.wake()) if is_far else None
        ledger = self._far_ledger or job.ledger
        covered = limits if ledger is None else CoveredLimits(limits, ledger)
        self._keepers: dict[str, Keeper] = {"limits": covered} | ({} if rows is None else {"rows": rows})
        self._clock = clock
        self._draining = False
        self._states: dict[str, dict[str, Any]] = {}
        self._heard: dict[str, float] = {}
        self._gone: set[str] = set()
        self._left_open = Amount()
        self._answers: dict[str, Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]] = {
            "hello": self._hello,
            "post": self._post,
            "beat": self._beat,
            "collect": self._collect,
            "cover": self._cover,
            "drain": self._drain,
        }

    async def answer(self, worker: str, op: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a worker, or the driver.

        Raises:
            UsageError: the op is not known here.
        """
        self._heard[worker] = self._clock()
        if answering := self._answers.get(op):
            return await answering(worker, data)
        name = op.partition(".")[0]
        if name not in self._keepers:
            raise UsageError(f"{op!r} is not answered here; install the same langgraph-parallel everywhere")
        if worker in self._gone:
            # Nobody would take back again what it got now; its results count, and its beats tell it to stop.
            return {"gone": True}
        answer = self._keepers[name].answer(worker, op, data)
        return answer if isinstance(answer, dict) else await answer

    def worker_gone(self, worker: str) -> None:
        """Note that a worker has ended, as planned or not; its open reservations count as spent."""
        self._heard.pop(worker, None)
        if (state := self._states.pop(worker, None)) is None:
            return
        self._gone.add(worker)
        self._left_open += Amount(*state.get("reserved", ()))
        for keeper in self._keepers.values():
            keeper.worker_gone(worker)

    def drain(self) -> None:
        """Have all workers begin no more rows."""
        self._draining = True

    def driver_gone(self) -> None:
        """Have all workers begin no more rows; those that run go on without the driver."""
        self.drain()
        if self._far_ledger is not None:
            self._far_ledger.leave()

    def workers(self) -> Sequence[WorkerState]:
        """Return what the workers that are there have told last."""
        return [WorkerState.of(name, told) for name, told in self._states.items()]

    @property
    def open_reservations(self) -> Amount:
        """What workers have reserved, by their last word, those that are gone included."""
        return sum((Amount(*state.get("reserved", ())) for state in self._states.values()), self._left_open)

    def silent(self, seconds: float) -> Sequence[str]:
        """Return the workers that have not been heard for so long, though they beat twice a second."""
        latest = self._clock() - seconds
        return [name for name in self._states if self._heard[name] < latest]

    async def _hello(self, worker: str, data: Mapping[str, Any]) -> dict[str, Any]:
        self._gone.discard(worker)
        self._states[worker] = {}
        return {"job": self._job, "control": self._control(worker)}

    async def _post(self, worker: str, data: Mapping[str, Any]) -> dict[str, Any]:
        self._note(worker, data)
        number = self.mailbox.put(worker, data["size"], data["results"], data.get("ended", ()))
        await self.mailbox.room()
        return {"control": self._control(worker), "number": number}

    async def _beat(self, worker: str, data: Mapping[str, Any]) -> dict[str, Any]:
        self._note(worker, data)
        return {"control": self._control(worker)}

    async def _collect(self, worker: str, data: Mapping[str, Any]) -> dict[str, Any]:
        wait = min(_LONGEST_WAIT, float(data.get("wait", 0.0)))
        if (ledger := self._far_ledger) is not None and ledger.is_needed:
            wait = 0.0
        posted = await self.mailbox.read(data["after"], wait)
        if ledger is not None:
            ledger.is_needed = False  # the answer has what is needed
        return {
            "posted": [tuple(one) for one in posted],
            "workers": self._states,
            "reserved": astuple(self.open_reservations),
            "purse": self.purse.told(),
        }

    async def _cover(self, worker: str, data: Mapping[str, Any]) -> dict[str, Any]:
        if self._far_ledger is not None:
            calls, tokens, usd = data["stored"]
            self._far_ledger.tell((calls, tokens, usd))
        return {}

    async def _drain(self, worker: str, data: Mapping[str, Any]) -> dict[str, Any]:
        self.drain()
        return {}

    def _note(self, worker: str, data: Mapping[str, Any]) -> None:
        """Keep the state that a worker tells with what it posts, and when it beats."""
        if worker not in self._gone:
            self._states[worker] = dict(data["state"])

    def _control(self, worker: str) -> str:
        if worker in self._gone:
            return GONE
        return DRAIN if self._draining else GO
