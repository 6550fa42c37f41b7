"""Entries of the ledger of batches."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

State = Literal["planned", "creating", "submitted", "read"]
"""Of a batch: nothing but its file may be at the endpoint; it may have been created, with or without us
knowing; it has been; its results are in the ledger."""


class Wanted(NamedTuple):
    """A request that a call waits for."""

    key: str
    """Digest of what is asked, and by whom."""
    owner: str
    """The run that waits: `lane.number`."""
    size: int
    """Bytes of its line."""
    thread: str = ""
    """Digest of the thread of the run; empty without one."""
    claimed: int | None = None
    """Its number, if the run has it already, and it has to be sent again."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A batch in the ledger."""

    id: str
    scope: str
    endpoint: str
    model: str
    state: State
    lane: str
    calls: int
    created: float
    file: str
    remote: str
    """Its id at the endpoint; empty until it is known."""
    submitted: float
    status: str
    """What the endpoint said last."""


@dataclass
class Planned:
    """What becomes of requests, each by its place among those that were wanted."""

    numbers: list[int] = field(default_factory=list)
    answers: dict[int, bytes] = field(default_factory=dict)
    attached: dict[str, list[int]] = field(default_factory=dict)
    """Those that a batch has already, by its id."""
    new: dict[str, list[int]] = field(default_factory=dict)
    """Those of new batches, by their ids."""
