"""A branch: one worker on one piece of work, whose failure is data."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NotRequired, Protocol, runtime_checkable

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.types import StreamWriter
from pydantic import BaseModel, JsonValue, TypeAdapter
from typing_extensions import TypedDict

from langgraph_parallel.nodes.workers import Worker, takes_records
from langgraph_parallel.records import Branch, Call, RunReport, Status
from langgraph_parallel.runtime.recording import CallRecorder, recording
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.retry import is_timeout
from langgraph_parallel.runtime.sync import ParallelGraph

_JSON: TypeAdapter[Any] = TypeAdapter(Any)


class Task(TypedDict):
    """What a `Send` carries; each graph declares the type of its `work`."""

    id: str
    name: str
    order: int
    attempt: NotRequired[int]
    work: Any


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
    started = time.time()
    status: Status = "failed"
    value: JsonValue = None
    error: str | None = None
    report: RunReport | None = None
    with recording() as calls:
        named = _named(config, task, kind)
        try:
            chosen, work = (
                worker.select(task["work"]) if isinstance(worker, Dispatcher) else (worker, task["work"])
            )
            if isinstance(chosen, Runnable) and not isinstance(chosen, ParallelGraph):
                named = _listening(named, CallRecorder(calls))  # not ours: only callbacks see its calls
            returned = await chosen.ainvoke(_input(chosen, work), named)
            value, report = _harvest(returned)
            status = "ok"
        except GraphBubbleUp:
            raise
        except asyncio.CancelledError as failure:
            if _being_cancelled():
                raise
            status, error = "cancelled", describe(failure)  # by the worker itself, and nobody else
        except Exception as failure:
            status, error = "timed_out" if is_timeout(failure) else "failed", describe(failure)
    ended = time.time()
    made = calls | {call.id: call for call in report.calls} if report else calls
    if not made:
        own = Call(
            id=f"{task['id']}@{started}",
            kind="worker",
            target=task["name"],
            started=started,
            ended=ended,
            ok=status == "ok",
        )
        made = {own.id: own}
    return Branch(
        id=task["id"],
        name=task["name"],
        order=task["order"],
        status=status,
        value=value,
        error=error,
        attempt=task.get("attempt", 1),
        started=started,
        ended=ended,
        calls=list(made.values()),
        leaves=report.branches if report else {},
        failures=report.failures if report else {},
    )


def _being_cancelled() -> bool:
    """Whether somebody outside wants this branch to end."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _parent(config: RunnableConfig) -> str | None:
    return (config.get("metadata") or {}).get("branch")


def _named(config: RunnableConfig, task: Task, kind: str) -> RunnableConfig:
    """The branch's own config: a name, tags and metadata that a person can read in a trace."""
    return {
        **config,
        "run_name": task["name"],
        "tags": [*(config.get("tags") or []), f"langgraph-parallel:{kind}"],
        "metadata": {**(config.get("metadata") or {}), "branch": task["id"], "branch_kind": kind},
    }


def _listening(config: RunnableConfig, recorder: CallRecorder) -> RunnableConfig:
    callbacks = config.get("callbacks")
    if callbacks is None or isinstance(callbacks, list):
        return {**config, "callbacks": [*(callbacks or []), recorder]}
    manager = callbacks.copy()
    manager.add_handler(recorder)
    return {**config, "callbacks": manager}


def _input(worker: Worker, work: object) -> object:
    return work if takes_records(worker) or not isinstance(work, BaseModel) else work.model_dump(mode="json")


def _harvest(returned: object) -> tuple[JsonValue, RunReport | None]:
    """Take a worker's result as JSON data, and the run report out of it where it is a graph of ours."""
    if isinstance(returned, BaseMessage):
        return returned.text, None
    if isinstance(returned, Mapping) and isinstance(report := returned.get("report"), RunReport):
        rest = {key: value for key, value in returned.items() if key != "report"}
        return _as_json(rest), report
    return _as_json(returned), None


def _as_json(value: object) -> JsonValue:
    """Dump records; what JSON has no form for becomes its text, so that nothing paid for is lost."""
    data: JsonValue = _JSON.dump_python(value, mode="json", fallback=str)
    return data
