"""Tasks: what a `Send` carries to a branch, and the events that a branch emits."""

from typing import Any, Literal, NotRequired, get_type_hints

from typing_extensions import TypedDict

from langgraph_parallel.nodes.fan_out.state import typed_dict
from langgraph_parallel.records import Answer, Branch


class Task(TypedDict):
    """What a `Send` carries. Each graph declares the type of `work` with `task_type`."""

    id: str
    name: str
    order: int
    work: Any
    planned: NotRequired[int]
    """Number of branches in the fan-out; 0 if the completion policy does not count this branch."""
    kept: NotRequired[int]
    """Those of them that ended ok in an earlier run and are not run again."""
    together: NotRequired[int]
    """Number of branches that are sent with it, itself included."""
    before: NotRequired[Branch | None]
    """The record of this branch that a redrive starts from."""
    answers: NotRequired[list[Answer]]
    """A person's answers to votes inside this branch, with paths relative to it."""
    timeout: NotRequired[float | None]
    """Seconds for the worker; None for no limit."""
    metadata: NotRequired[dict[str, str]]
    """Additional trace metadata, which workers find in their config."""


def task_type(name: str, work: Any) -> Any:
    """Return the type of a task on one type of work, which checkpoints need to restore it."""
    return typed_dict(name, {**get_type_hints(Task, include_extras=True), "work": work})


class BranchEvent(TypedDict):
    """What `stream_mode="custom"` emits when a branch starts and when it finishes."""

    event: Literal["started", "finished"]
    kind: str
    """`section` or `voter`."""
    id: str
    name: str
    parent: str | None
    """Id of the enclosing branch; None at the outermost level."""
    branch: NotRequired[Branch]
    """The record, once the branch has finished."""


class BranchUpdate(TypedDict):
    """The state update of a branch: a single key, because every key costs time on every branch."""

    branches: dict[str, Branch]
