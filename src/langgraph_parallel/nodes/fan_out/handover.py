"""Handover: what an enclosing branch passes to a graph of this package that is its worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.nodes.fan_out.task import Task
from langgraph_parallel.records import Answer, Below, Call

KEY = "__langgraph_parallel_handover"
"""Config key. Two underscores keep it out of traces and checkpoints."""


@dataclass(frozen=True)
class Handover:
    """The state to resume from, and a person's answers, for a nested graph."""

    below: Below | None
    """What the graph resumes from if the branch is run again."""
    answers: Sequence[Answer]
    """A person's answers to votes in the graph, with paths relative to it."""
    calls: Mapping[str, Call] = field(default_factory=dict)
    """Earlier calls outside of branches, which no enclosing branch counts."""
    is_node: bool = False
    """Whether the graph is a node of another one, and no worker: then it asks a person itself."""

    @classmethod
    def of(cls, task: Task) -> "Handover":
        """Return what a task carries for the graph inside it."""
        before = task.get("before")
        return cls(before.below if before else None, task.get("answers") or [])


def get_handover(config: RunnableConfig) -> Handover | None:
    """Return the handover of the enclosing branch; None if the graph is not the worker of a branch."""
    handover: Handover | None = (config.get("configurable") or {}).get(KEY)
    return handover


def is_worker(config: RunnableConfig) -> bool:
    """Return whether a graph is the worker of a branch, whose graph asks people for it."""
    handover = get_handover(config)
    return handover is not None and not handover.is_node


def get_earlier(config: RunnableConfig) -> Below | None:
    """Return what a nested graph resumes from; None if its branch is run for the first time."""
    handover = get_handover(config)
    return handover.below if handover else None
