"""A branch: one worker on one piece of work, whose failure is data."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, Protocol, cast, get_type_hints, runtime_checkable

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.types import StreamWriter
from pydantic import BaseModel, JsonValue, TypeAdapter
from typing_extensions import TypedDict

from langgraph_parallel.errors import BudgetSpent, CompletionError, DeadlineExceeded, NotStarted
from langgraph_parallel.nodes.shapes import typed_dict
from langgraph_parallel.nodes.workers import Worker, takes_records
from langgraph_parallel.records import Answer, Below, Branch, Call, EndedBy, RunReport, Status, Verdict
from langgraph_parallel.runtime.bound import Bound, BranchEnded
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.recording import CallRecorder, recording
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.retry import is_timeout
from langgraph_parallel.runtime.run import current_run, run_of

_INSIDE = "__langgraph_parallel_inside"
_JSON: TypeAdapter[Any] = TypeAdapter(Any)


class Task(TypedDict):
    """What a `Send` carries; each graph declares the type of its `work` by `task_of`."""

    id: str
    name: str
    order: int
    work: Any
    planned: NotRequired[int]
    """Branches of this fan-out in all."""
    kept: NotRequired[int]
    """Those of them that had ended ok before, and are not run again."""
    before: NotRequired[Branch | None]
    """The record of this branch that a redrive starts from."""
    answers: NotRequired[list[Answer]]
    """What a person has decided of votes in this branch, seen from within it."""


def task_of(name: str, work: Any) -> Any:
    """The type of a task on work of one type: a checkpoint has to know it."""
    return typed_dict(name, {**get_type_hints(Task, include_extras=True), "work": work})


class BranchEvent(TypedDict):
    """What `stream_mode="custom"` shows of a branch, when it starts and when it has finished."""

    event: Literal["started", "finished"]
    kind: str
    """`section` or `voter`."""
    id: str
    name: str
    parent: str | None
    """Id of the branch that it is below, in a nested graph."""
    branch: NotRequired[Branch]
    """Its record, once it has finished."""


class BranchUpdate(TypedDict):
    """What a branch writes: one key, itself."""

    branches: dict[str, Branch]


@runtime_checkable
class Dispatcher(Protocol):
    """A worker that hands each piece of work to one of several."""

    def select(self, work: Any) -> tuple[Worker, object]:
        """Choose the worker, and what it gets."""
        ...


def branch_node(
    worker: Worker | Dispatcher, kind: str, *, into: Callable[[Any], object] | None = None
) -> Callable[..., Awaitable[BranchUpdate]]:
    """Make the node that a fan-out sends its tasks to.

    Args:
        worker: gets each task's `work`.
        kind: `section` or `voter`: a tag on every run below the branch.
        into: turns the work into what the worker takes, where that is something else.
    """

    async def branch(task: Any, config: RunnableConfig, writer: StreamWriter) -> BranchUpdate:
        given: Any = {**task, "work": into(task["work"])} if into else task
        event = BranchEvent(
            event="started", kind=kind, id=task["id"], name=task["name"], parent=_parent(config)
        )
        writer(event)
        record = await run_branch(worker, given, config, kind)
        writer({**event, "event": "finished", "branch": record})
        return {"branches": {task["id"]: record}}

    return branch


async def run_branch(worker: Worker | Dispatcher, task: Task, config: RunnableConfig, kind: str) -> Branch:
    """Run a worker, and make a record of whatever comes of it.

    Raises:
        GraphBubbleUp: the worker interrupts; LangGraph has to see that.
        asyncio.CancelledError: the run is being cancelled.
    """
    run, before = run_of(config) or current_run(), task.get("before")
    end = _End()
    started = time.time()
    with recording() as calls:
        try:
            chosen, work = (
                worker.select(task["work"]) if isinstance(worker, Dispatcher) else (worker, task["work"])
            )
            ours = isinstance(chosen, ParallelGraph)
            named = _named(config, task, kind, Inside.of(task) if ours else None)
            if isinstance(chosen, Runnable) and not ours:
                named = _listening(named, CallRecorder(calls))  # not ours: only callbacks see its calls
            planned, kept = task.get("planned", 0), task.get("kept", 0)
            async with run.branch(planned=planned, kept=kept, closes_itself=ours) as bound:
                run.check()
                end.harvest(await chosen.ainvoke(_input(chosen, work), named), ours)
        except GraphBubbleUp:
            raise
        except BranchEnded:
            end.ended(bound, begun=bool(calls) or not bound.was_in_line)
        except asyncio.CancelledError as failure:
            if _being_cancelled():
                raise
            end.status, end.error = "cancelled", describe(failure)  # by the worker itself, and nobody else
        except Exception as failure:
            end.failed(failure, begun=bool(calls))
    made = {call.id: call for call in before.calls} if before else {}
    made |= calls | {call.id: call for call in end.calls}
    branch = Branch(
        id=task["id"],
        name=task["name"],
        order=task["order"],
        status=end.status,
        value=end.value,
        error=end.error,
        ended_by=end.by,
        attempt=before.attempt + 1 if before else 1,
        started=started,
        ended=time.time(),
        calls=list(made.values()) or end.own_call(task, started),
        leaves=end.report.branches if end.report else {},
        failures=end.report.failures if end.report else {},
        saved=end.report.calls_saved if end.report else 0,
        trials=end.report.trials if end.report else [],
        escalations=end.report.escalations if end.report else [],
        below=end.below,
    )
    run.ended(branch)
    return branch


class _End:
    """How a branch ends: what its worker returned, raised, or was cut off from."""

    def __init__(self) -> None:
        self.status: Status = "failed"
        self.value: JsonValue = None
        self.error: str | None = None
        self.by: EndedBy | None = None
        self.report: RunReport | None = None
        self.below: Below | None = None

    @property
    def calls(self) -> Sequence[Call]:
        """Calls that a graph of ours made below."""
        return self.report.calls if self.report else []

    def harvest(self, returned: object, ours: bool) -> None:
        """Take a worker's result as JSON data, and out of a graph of ours what is for us."""
        self.status = "ok"
        if isinstance(returned, BaseMessage):
            self.value = returned.text
        elif ours and isinstance(returned, Mapping):
            self.value = _as_json({key: value for key, value in returned.items() if key not in _FOR_US})
            report, verdict = returned["report"], returned.get("verdict")
            vote = verdict if isinstance(verdict, Verdict) else None
            self._look_below(report, returned)
            if vote and vote.decided_by == "person":
                self.below = None  # it is settled, whoever has failed before
            if not report.escalations and not (vote and vote.decided):
                self._nothing_below(report)
        else:
            self.value = _as_json(returned)

    def failed(self, error: Exception, *, begun: bool) -> None:
        """Say what an exception means for the branch."""
        self.status, self.error = "timed_out" if is_timeout(error) else "failed", describe(error)
        if isinstance(error, NotStarted):
            self.status = "cancelled" if begun else "skipped"
            self.by = "budget" if isinstance(error, BudgetSpent) else "drain"
        elif isinstance(error, DeadlineExceeded):
            self.by = "deadline"
        elif isinstance(error, CompletionError):
            self._look_below(error.report, {"branches": error.branches, "sections": error.sections})

    def ended(self, bound: Bound, *, begun: bool) -> None:
        """A bound has ended it."""
        self.by, self.error = bound.ended_by, bound.why
        self.status = "timed_out" if self.by == "deadline" else "cancelled" if begun else "skipped"

    def own_call(self, task: Task, started: float) -> list[Call]:
        """The work of a function, as a call; none where it never began."""
        if self.status == "skipped":
            return []
        ok = self.status == "ok"
        return [
            Call(
                id=f"{task['id']}@{started}",
                kind="worker",
                target=task["name"],
                started=started,
                ended=time.time(),
                ok=ok,
            )
        ]

    def _nothing_below(self, report: RunReport) -> None:
        """A graph in which no branch ended ok has not done its work, though it has closed."""
        if not report.branches or "ok" in report.branches:
            return
        statuses = cast("list[Status]", list(report.branches))
        self.status = statuses[0] if len(statuses) == 1 else "failed"
        cause = next(iter(report.failures.values()), self.status)
        self.error = f"none of {sum(report.branches.values())} branches below ended ok: {cause}"

    def _look_below(self, report: RunReport, inner: Mapping[str, Any]) -> None:
        """Keep what a redrive needs, where not everything below ended ok."""
        self.report = report
        branches: Mapping[str, Branch] = inner["branches"]
        if report.escalations or not all(branch.whole for branch in branches.values()):
            self.below = Below(sections=inner.get("sections"), branches=dict(branches))


_FOR_US = frozenset({"report", "branches", "sections"})


def _being_cancelled() -> bool:
    """Whether somebody outside wants this branch to end."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _parent(config: RunnableConfig) -> str | None:
    return (config.get("metadata") or {}).get("branch")


def _named(config: RunnableConfig, task: Task, kind: str, inside: "Inside | None") -> RunnableConfig:
    """The branch's own config: a name, tags and metadata that a person can read in a trace."""
    return {
        **config,
        "run_name": task["name"],
        "tags": [*(config.get("tags") or []), f"langgraph-parallel:{kind}"],
        "metadata": {**(config.get("metadata") or {}), "branch": task["id"], "branch_kind": kind},
        "configurable": {**(config.get("configurable") or {}), _INSIDE: inside},
    }


@dataclass(frozen=True)
class Inside:
    """What a graph of ours is told, where it is itself the worker of a branch."""

    below: Below | None
    """What it goes on from, where the branch is run again."""
    answers: Sequence[Answer]
    """What a person has decided of votes in it, seen from within it."""

    @classmethod
    def of(cls, task: Task) -> "Inside":
        """By what was sent to the branch."""
        before = task.get("before")
        return cls(before.below if before else None, task.get("answers") or [])


def inside_of(config: RunnableConfig) -> Inside | None:
    """What a graph is told that is the worker of a branch; None where it is not."""
    inside: Inside | None = (config.get("configurable") or {}).get(_INSIDE)
    return inside


def below_of(config: RunnableConfig) -> Below | None:
    """What a graph goes on from, where it is the worker of a branch that is run again."""
    inside = inside_of(config)
    return inside.below if inside else None


def _listening(config: RunnableConfig, recorder: CallRecorder) -> RunnableConfig:
    callbacks = config.get("callbacks")
    if callbacks is None or isinstance(callbacks, list):
        return {**config, "callbacks": [*(callbacks or []), recorder]}
    manager = callbacks.copy()
    manager.add_handler(recorder)
    return {**config, "callbacks": manager}


def _input(worker: Worker, work: object) -> object:
    return work if takes_records(worker) or not isinstance(work, BaseModel) else work.model_dump(mode="json")


def _as_json(value: object) -> JsonValue:
    """Dump records; what JSON has no form for becomes its text, so that nothing paid for is lost."""
    data: JsonValue = _JSON.dump_python(value, mode="json", fallback=str)
    return _in_64_bits(data)


def _in_64_bits(value: JsonValue) -> JsonValue:
    """Integers that no checkpoint can hold become floats; those that no float can hold become a text."""
    if isinstance(value, dict):
        return {key: _in_64_bits(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_64_bits(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        try:
            return float(value)
        except OverflowError:
            return f"an integer of {value.bit_length()} bits"
    return value
