"""What all rows of one worker have in common."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from langgraph_parallel.runtime.around import Around
from langgraph_parallel.runtime.budget import Budget
from langgraph_parallel.runtime.limit_sources import limits_from_environment
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.running.held import Held

_OF_ALL_ROWS = ("deadline", "budget_calls", "budget_tokens", "budget_usd")
"""Limits that hold for all rows together, and so for no single one."""


@dataclass(frozen=True, eq=False)
class Shared:
    """What all rows of one worker have in common."""

    job: str
    """Id of the map, the same for each command that goes on with it."""
    limits: Limits
    """Of one row."""
    budgets: Sequence[Budget] = ()
    """That each call is charged to."""
    held: Held = field(default_factory=Held)
    """What is forgotten once results are stored."""

    @property
    def around(self) -> Around:
        """What bounds the run of each row besides its own limits."""
        return Around(budgets=self.budgets, hold=self.held.add if self.is_batch else None, line=self)

    @property
    def is_batch(self) -> bool:
        """Whether calls go through the batch lane, in which all rows are to be in flight at the same time."""
        return self.limits.lane == "batch"

    @property
    def has_budget(self) -> bool:
        """Whether a spent budget can end the work."""
        return bool(self.budgets)

    def asker(self, key: str) -> str:
        """Return what a row has in common with the same row of a later command, and with no other."""
        return f"{self.job}/{key}"


def limits_of_rows(limits: Limits | None) -> Limits:
    """Return the limits of single rows.

    Args:
        limits: of the whole map; None for those of the environment.
    """
    given = limits or Limits.model_construct()
    fields = {name: getattr(given, name) for name in given.model_fields_set if name not in _OF_ALL_ROWS}
    # Set to none where the environment sets them, or each run would take them as its own.
    of_environment = limits_from_environment().model_fields_set
    fields |= {name: None for name in _OF_ALL_ROWS if name in of_environment}
    return Limits.model_construct(**fields)  # validated where they were set


@cache
def worker_name() -> str:
    """Return the name of this process, as a person reads it: `host:1234`."""
    return f"{socket.gethostname()}:{os.getpid()}"
