"""The record of one worker on one section."""

from collections.abc import Mapping
from typing import Literal

from langgraph_parallel.records.base import JsonData, Record
from langgraph_parallel.records.call import Call
from langgraph_parallel.records.escalation import Escalation
from langgraph_parallel.records.section import Section
from langgraph_parallel.records.trial import Trial

Status = Literal["ok", "failed", "timed_out", "cancelled", "skipped"]
"""How a branch ended. `cancelled`: stopped after it had begun; `skipped`: never begun."""
STATUSES: tuple[Status, ...] = ("ok", "failed", "timed_out", "cancelled", "skipped")

EndedBy = Literal["completion", "stop", "deadline", "budget", "drain"]
"""What ended a branch early: the completion policy, a stop of the vote or a tripped check, the deadline, a
spent budget, or a graceful stop of the run."""
ENDED_BY_WORDS: Mapping[EndedBy, str] = {
    "completion": "enough other branches had ended",
    "stop": "its vote had ended",
    "deadline": "the run's deadline has passed",
    "budget": "the budget is spent",
    "drain": "the run was stopped",
}


class Below(Record):
    """The inner state of a graph that ran as a worker; a redrive resumes from it."""

    sections: list[Section] | None = None
    """The planned sections; None for a graph that plans none."""
    branches: "dict[str, Branch]"
    """The branches, by id."""


class Branch(Record):
    """The outcome of one worker on one section. A branch that fails is this record, not an exception."""

    id: str
    """Unique within the fan-out: the id of the section, or the name of the voter."""
    name: str
    """Display name in traces and progress, such as `review[security] app.py`."""
    order: int
    """Position in the plan, from 0. Results are joined in this order, not in order of arrival."""
    status: Status
    value: JsonData = None
    """What the worker returned, as JSON data. Records are dumped, so that a value is the same before and
    after a checkpoint."""
    error: str | None = None
    """What an endpoint refused and the way out, else `Type: message`, with secrets masked; None if the branch
    ended `ok`."""
    cause: str | None = None
    """Kind of the failure, if the worker raised: `key`, `quota`, `model`, `address`, `permission`,
    `throttled`, `overloaded`, `server`, `connection`, `timeout`, `context`, `filter`, `refused`, `cut`,
    `empty`, `invalid`, `option`, `request`, `handoff`, `other`."""
    notes: list[str] = []
    """What could not be read in the answers of its models, and was left out."""
    ended_by: EndedBy | None = None
    """What ended the branch early; None if the worker returned or raised."""
    attempt: int = 1
    """The run of the branch, from 1; a redrive adds 1. A later attempt replaces earlier ones."""
    started: float = 0.0
    """Start, in seconds since the epoch."""
    ended: float = 0.0
    """End, in seconds since the epoch."""
    calls: list[Call] = []
    """All calls below this branch, at any depth, of all attempts."""
    leaves: dict[str, int] = {}
    """Number of leaf branches below, by status; empty if the branch is itself a leaf."""
    failures: dict[str, str] = {}
    """Causes of the branches below that did not end `ok`, by name."""
    saved: int = 0
    """Number of voters below that were not asked, because their vote had ended."""
    trials: list[Trial] = []
    """Trials of the votes below, in shadow mode."""
    escalations: list[Escalation] = []
    """Votes below that wait for a person; their paths start below this branch."""
    below: Below | None = None
    """What a redrive resumes from; None if the worker is not a graph, or has nothing to redo."""

    @property
    def ok(self) -> bool:
        """Whether the worker returned."""
        return self.status == "ok"

    @property
    def answered_by(self) -> list[str]:
        """Names of the models that have answered calls below this branch, the earliest first."""
        return list(dict.fromkeys(call.target for call in self.calls if call.kind == "model" and call.ok))

    @property
    def last_answer(self) -> Call | None:
        """The latest call to a model that was answered, without branches below it; None if there is none."""
        if self.leaves:
            return None
        return next((call for call in reversed(self.calls) if call.kind == "model" and call.ok), None)

    @property
    def whole(self) -> bool:
        """Whether a redrive can skip the branch: all of it ended `ok`, or its vote ended without it."""
        return (self.ok and self.below is None) or self.ended_by == "stop"
