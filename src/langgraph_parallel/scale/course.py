"""How far a command over many items goes, and how it ends before its input does."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from langgraph_parallel.reducers.completion import Completion


@dataclass(frozen=True, kw_only=True)
class Course:
    """How far a command goes."""

    completion: Completion | None = None
    stop_after_errors: int | None = None
    limit: int | None = None
    redrive: bool = False
    chunk: int | None = None
    deadline: float | None = None
    """Seconds after which rows that run are cancelled."""
    grace: float = 10.0
    """Seconds that rows have to end when the run is drained."""
    patience: float = 300.0
    """Seconds of pauses in which failures in a row may pass by."""

    @property
    def moments(self) -> Sequence[float]:
        """Seconds from the start at which the run may have to end."""
        policy = self.completion
        return [*(policy.expiries() if policy else ()), *([self.deadline] if self.deadline else [])]


class Stop(IntEnum):
    """How a run ends before its input does, the gentlest first."""

    NOT = 0
    BEGIN_NONE = 1
    """Rows that run go on to their end."""
    DRAIN = 2
    """They have the grace."""
    CANCEL = 3
    """They are cancelled."""
