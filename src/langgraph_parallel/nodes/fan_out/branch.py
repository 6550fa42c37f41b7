"""A branch: one worker on one piece of work, whose failure is data."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, Protocol, get_type_hints, runtime_checkable

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.types import StreamWriter
from pydantic import BaseModel
from typing_extensions import TypedDict

from langgraph_parallel.nodes.fan_out.outcome import Ending
from langgraph_parallel.nodes.fan_out.state import typed_dict
from langgraph_parallel.nodes.work.workers import Worker, takes_records
from langgraph_parallel.records import Answer, Below, Branch
from langgraph_parallel.runtime.bound import BranchEnded
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.recording import CallRecorder, recording
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.run import current_run, find_run

_INSIDE = "__langgraph_parallel_inside"


class Task(TypedDict):
    """What a `Send` carries; each graph declares the type of its `work` by `task_type`."""

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
    timeout: NotRequired[float | None]
    """Seconds for its worker."""
    metadata: NotRequired[dict[str, str]]
    """What traces show of it besides, and workers find in their config."""


def task_type(name: str, work: Any) -> Any:
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
    worker: Worker | Dispatcher,
    kind: str,
    *,
    into: Callable[[Any], object] | None = None,
    quiet: bool = False,
) -> Callable[..., Awaitable[BranchUpdate]]:
    """Make the node that a fan-out sends its tasks to.

    Args:
        worker: gets each task's `work`.
        kind: `section` or `voter`: a tag on every run below the branch.
        into: turns the work into what the worker takes, where that is something else.
        quiet: leave what the worker returned out of the event.
    """

    async def branch(task: Any, config: RunnableConfig, writer: StreamWriter) -> BranchUpdate:
        given: Any = {**task, "work": into(task["work"])} if into else task
        event = BranchEvent(
            event="started", kind=kind, id=task["id"], name=task["name"], parent=_parent(config)
        )
        writer(event)
        record = await run_branch(worker, given, config, kind)
        shown = record.model_copy(update={"value": None}) if quiet else record
        writer({**event, "event": "finished", "branch": shown})
        return {"branches": {task["id"]: record}}

    return branch


async def run_branch(worker: Worker | Dispatcher, task: Task, config: RunnableConfig, kind: str) -> Branch:
    """Run a worker, and make a record of whatever comes of it.

    Raises:
        GraphBubbleUp: the worker interrupts; LangGraph has to see that.
        asyncio.CancelledError: the run is being cancelled.
    """
    run, before = find_run(config) or current_run(), task.get("before")
    end = Ending()
    started = time.time()
    with recording() as calls:
        try:
            chosen, work = (
                worker.select(task["work"]) if isinstance(worker, Dispatcher) else (worker, task["work"])
            )
            ours = isinstance(chosen, ParallelGraph)
            named = _named(config, task, kind, Handover.of(task) if ours else None)
            if isinstance(chosen, Runnable) and not ours:
                named = _listening(named, CallRecorder(calls))  # not ours: only callbacks see its calls
            planned, kept = task.get("planned", 0), task.get("kept", 0)
            async with (
                run.branch(planned=planned, kept=kept, closes_itself=ours) as bound,
                _in_time(task.get("timeout")),
            ):
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
    now = list((calls | {call.id: call for call in end.calls}).values())
    now = now or end.own_call(task["id"], task["name"], started)
    made = {call.id: call for call in [*(before.calls if before else ()), *now]}
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
        calls=list(made.values()),
        leaves=end.report.branches if end.report else {},
        failures=end.report.failures if end.report else {},
        saved=end.report.calls_saved if end.report else 0,
        trials=end.report.trials if end.report else [],
        escalations=end.report.escalations if end.report else [],
        below=end.below,
    )
    run.ended(branch, planned=task.get("planned", 0) > 0)
    return branch


@asynccontextmanager
async def _in_time(seconds: float | None) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise TimeoutError(f"no answer within {seconds:g} s") from None
        raise


def _being_cancelled() -> bool:
    """Whether somebody outside wants this branch to end."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _parent(config: RunnableConfig) -> str | None:
    return (config.get("metadata") or {}).get("branch")


def _named(config: RunnableConfig, task: Task, kind: str, inside: "Handover | None") -> RunnableConfig:
    """The branch's own config: a name, tags and metadata that a person can read in a trace."""
    return {
        **config,
        "run_name": task["name"],
        "tags": [*(config.get("tags") or []), f"langgraph-parallel:{kind}"],
        "metadata": {
            **(config.get("metadata") or {}),
            **task.get("metadata", {}),
            "branch": task["id"],
            "branch_kind": kind,
        },
        "configurable": {**(config.get("configurable") or {}), _INSIDE: inside},
    }


@dataclass(frozen=True)
class Handover:
    """What a graph of ours is told, where it is itself the worker of a branch."""

    below: Below | None
    """What it goes on from, where the branch is run again."""
    answers: Sequence[Answer]
    """What a person has decided of votes in it, seen from within it."""

    @classmethod
    def of(cls, task: Task) -> "Handover":
        """By what was sent to the branch."""
        before = task.get("before")
        return cls(before.below if before else None, task.get("answers") or [])


def get_handover(config: RunnableConfig) -> Handover | None:
    """What a graph is told that is the worker of a branch; None where it is not."""
    inside: Handover | None = (config.get("configurable") or {}).get(_INSIDE)
    return inside


def get_earlier(config: RunnableConfig) -> Below | None:
    """What a graph goes on from, where it is the worker of a branch that is run again."""
    inside = get_handover(config)
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
