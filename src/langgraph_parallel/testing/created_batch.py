"""Batches that a model server has created."""

import time
from dataclasses import dataclass, field
from typing import Any

_FINAL = ("completed", "failed", "expired", "cancelled")


@dataclass
class CreatedBatch:
    """A batch that the server has created."""

    id: str
    file: str
    metadata: dict[str, str]
    lines: list[dict[str, Any]]
    """The lines of its input file."""
    status: str = "validating"
    answered: list[dict[str, Any]] = field(default_factory=list)
    """Lines that the endpoint has worked on, and bills."""
    output: str = ""
    error: str = ""
    errors: list[dict[str, Any]] = field(default_factory=list)
    created: float = field(default_factory=time.time)

    @property
    def has_ended(self) -> bool:
        """Whether its status is final."""
        return self.status in _FINAL
