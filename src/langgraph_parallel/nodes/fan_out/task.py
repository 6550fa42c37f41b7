"""Tasks: what a `Send` carries to a branch, and what the branch does."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, NotRequired, Protocol

from typing_extensions import TypedDict

from langgraph_parallel.records import Answer, Branch


class SentTask(TypedDict):
    """What a `Send` carries: names and numbers. What the branch works on, it finds in the state."""

    id: str
    name: str
    order: int
    awaits: NotRequired[list[str]]
    """Ids of branches that are sent with it, and must end first."""
    joins: NotRequired[bool]
    """Whether it works with the results of those that end ok, without the others."""
    waits: NotRequired[bool]
    """Whether it may not be needed, and waits for its turn (`FanOut.call`)."""
    planned: NotRequired[int]
    """Number of branches in the fan-out; 0 if the completion policy does not count this branch."""
    kept: NotRequired[int]
    """Those of them that ended ok in an earlier run and are not run again."""
    together: NotRequired[int]
    """Number of branches that start together; those that wait for their turn are not among them."""


class Task(SentTask):
    """What a branch does."""

    work: Any
    before: NotRequired[Branch | None]
    """The record of this branch that a redrive starts from."""
    answers: NotRequired[list[Answer]]
    """A person's answers to votes inside this branch, with paths relative to it."""
    timeout: NotRequired[float | None]
    """Seconds for the worker; None for no limit."""
    metadata: NotRequired[dict[str, str]]
    """Additional trace metadata, which workers find in their config."""


class Assignments(Protocol):
    """What the branches of one superstep do."""

    def task(self, sent: SentTask, ended: Mapping[str, Branch]) -> Task | Branch:
        """Return what a branch does; its record, if there is nothing to do.

        Args:
            sent: to it.
            ended: the branches that it has awaited.
        """
        ...

    def texts(self) -> Mapping[str, str]:
        """Return texts that graphs in the branches need not store, each with its digest."""
        ...

    def unmet(self, sent: SentTask, need: Branch) -> Branch:
        """Return the record of a branch that is skipped.

        Args:
            sent: to it.
            need: the branch that it awaited, and that failed.
        """
        ...


class AssignmentsIn(NamedTuple):
    """How the branches of a superstep find in the state what they do."""

    channels: Sequence[str]
    """The channels that are read, once for each superstep."""
    read: Callable[[Mapping[str, Any]], Assignments]
    """Called with the state."""
    counted: Callable[[Mapping[str, Any]], Collection[str]] | None = None
    """Returns the ids that the completion policy counts, for a state; None where it counts all or none."""
    plan: "PlanIn | None" = None
    """How the plan of a run that is resumed is told."""


class PlanIn(NamedTuple):
    """How the plan is found in the state, and told."""

    channels: Sequence[str]
    """The channels that are read."""
    read: "Callable[[Mapping[str, Any]], ToldPlan]"
    """Called with the state."""


class ToldPlan(NamedTuple):
    """What a `planned` event says of a plan."""

    ids: Sequence[str]
    """Ids of its branches."""
    kept: Collection[str]
    """Those that are not worked on again."""
    fields: Mapping[str, Any]
    """Further fields of the event."""


class BranchUpdate(TypedDict):
    """The state update of a branch: a single key, because every key costs time on every branch."""

    branches: dict[str, Branch]
