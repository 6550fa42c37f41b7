"""The progress of a fan-out, and the states that a completion policy gives it."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import Enum

from langgraph_parallel.records import Branch


class State(Enum):
    """The answer of a completion policy."""

    NEVER = "never"
    """Can no longer be met."""
    OPEN = "open"
    """Not met yet."""
    MET = "met"
    """Met so far; the other branches keep running."""
    ENOUGH = "enough"
    """Met; the other branches are not needed."""


@dataclass(frozen=True)
class Progress:
    """The progress of a fan-out."""

    planned: int
    """Number of branches in total."""
    ok: Set[str] = field(default_factory=frozenset)
    """Ids of the branches that succeeded."""
    failed: Set[str] = field(default_factory=frozenset)
    """Ids of the branches that failed. Branches ended as not needed are in neither set."""
    kept: int = 0
    """Number of branches that succeeded in an earlier run and do not run again."""
    elapsed: float = 0.0
    """Seconds since the start."""
    closed: bool = False
    """Whether no further branch will succeed."""

    @property
    def succeeded(self) -> int:
        """Number of branches that succeeded, now or in an earlier run."""
        return len(self.ok) + self.kept

    @property
    def remaining(self) -> int:
        """Number of branches that may still succeed."""
        return 0 if self.closed else self.planned - self.succeeded - len(self.failed)

    @classmethod
    def of(cls, branches: Mapping[str, Branch]) -> "Progress":
        """Return the final progress of a fan-out that ended with these branches."""
        ok = {key for key, branch in branches.items() if branch.ok}
        failed = {k for k, branch in branches.items() if not branch.ok and branch.ended_by != "completion"}
        return cls(len(branches), ok, failed, closed=True)
