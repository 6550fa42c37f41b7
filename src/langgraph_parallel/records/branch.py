"""The record of one worker on one section."""

from typing import Literal

from pydantic import JsonValue

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.call import Call
from langgraph_parallel.records.escalation import Escalation
from langgraph_parallel.records.section import Section
from langgraph_parallel.records.trial import Trial

Status = Literal["ok", "failed", "timed_out", "cancelled", "skipped"]
STATUSES: tuple[Status, ...] = ("ok", "failed", "timed_out", "cancelled", "skipped")

EndedBy = Literal["completion", "stop", "deadline", "budget", "drain"]
"""`completion`, `stop`: it was not needed any more; `drain`: the run was stopped gracefully."""


class Below(Record):
    """The inside of a graph that was a worker: its plan, where it had one, and its branches."""

    sections: list[Section] | None = None
    branches: "dict[str, Branch]"


class Branch(Record):
    """What came of one worker on one section. A branch that fails is this record, not an exception."""

    id: str
    name: str
    """What traces and progress call it: `review[security] app.py`."""
    order: int
    """Its place in the plan, from 0. Results are read in this order, whichever finished first."""
    status: Status
    value: JsonValue = None
    """What the worker returned, as JSON data: a pydantic record is dumped, so that a value is the
    same before and after a checkpoint."""
    error: str | None = None
    """`Type: message`, with secrets masked, of a branch that did not end `ok`."""
    ended_by: EndedBy | None = None
    """What ended it before its worker did, if anything."""
    attempt: int = 1
    """Which run of this branch the record is from; a later attempt replaces an earlier one."""
    started: float = 0.0
    ended: float = 0.0
    calls: list[Call] = []
    """Every call made below this branch, at any depth."""
    leaves: dict[str, int] = {}
    """Statuses of the branches below this one, counted; empty where the branch is itself a leaf."""

    failures: dict[str, str] = {}
    """Causes by name of the branches below this one that did not end ok."""
    saved: int = 0
    """Voters below this one that were never asked, because their vote had ended."""
    trials: list[Trial] = []
    """What other stops would have made of votes below this one, where they were tried."""
    escalations: list[Escalation] = []
    """Votes below this one that wait for a person, seen from within it."""
    below: Below | None = None
    """What a redrive of this branch goes on from, where its worker is a graph and not all in it ended ok."""

    @property
    def ok(self) -> bool:
        """Whether the worker returned."""
        return self.status == "ok"

    @property
    def whole(self) -> bool:
        """Whether a redrive has nothing to do here: all of it ended ok, or its vote was over without it."""
        return (self.ok and self.below is None) or self.ended_by == "stop"
