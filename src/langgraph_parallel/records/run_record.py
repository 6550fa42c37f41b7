"""The record of a run: what its branches did, waited for, called, voted and paid, as one JSON document.

Five flat tables refer to each other by position: a call has the position of its branch in `branches`, that
of its graph in `graphs`. Times are seconds since the start of the record. What has its default is left out
of the JSON.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

from langgraph_parallel.records.base import JsonData, Record
from langgraph_parallel.records.branch import ENDED_BY_WORDS, EndedBy, Status
from langgraph_parallel.records.branch_events import WaitsOn
from langgraph_parallel.records.call import Call
from langgraph_parallel.records.recorded_vote import RecordedVote
from langgraph_parallel.records.shown import ShownRun

RUN_RECORD_VERSION: Literal[1] = 1
"""Version of the schema. Within a version, fields are only added."""

_HALF = re.compile("[\ud800-\udfff]")

Outcome = Literal["ok", "partial", "failed", "interrupted", "cancelled", "running"]
"""How a run or a graph ended. `interrupted`: it waits for a person, or for whoever resumes it; `cancelled`:
its caller ended it; `running`: its process was killed, or it had not ended when it was read."""


class Invocation(Record):
    """One time that the run was started, resumed or redriven."""

    run: str
    """Id of the run tree."""
    started: float
    """Seconds since the start of the record."""
    ended: float
    """Seconds since the start of the record."""
    resumed: bool = False
    """Whether it went on with what an earlier one had stored."""
    status: Outcome = "running"


class RecordedSection(Record):
    """One section of a plan."""

    id: str
    """Last part of its branch's path."""
    name: str
    """Name of its branch."""
    needs: list[str] = []
    """Ids of the sections whose results it needs."""
    worker: str = ""
    """Name of its worker; empty if there is only one."""
    round: int = 0
    """The round that it belongs to, from 0."""


class RecordedGraph(Record):
    """One invocation of a graph: of the outermost one, or of one that ran as a branch."""

    id: str
    """Id of the invocation, as in events."""
    name: str
    """Name of the graph."""
    kind: str
    """The pattern: `voting`, `sectioning`."""
    invocation: int
    """Position in `invocations`."""
    parent: int | None = None
    """Position of the graph around it; None for the outermost."""
    branch: int | None = None
    """Position of the branch that it ran in; None for the outermost."""
    node: str = ""
    """The node of a graph of others that ran it; empty without one."""
    started: float
    """Seconds since the start of the record."""
    ended: float
    """Seconds since the start of the record."""
    status: Outcome = "running"
    reason: str = ""
    """Why its fan-out ended."""
    error: str | None = None
    """What it raised: with contents its message, with secrets masked, else the kind of error."""
    completion: str | None = None
    """The completion policy; None for all of its branches."""
    limits: dict[str, JsonData] = {}
    """The limits that were set; all others had their defaults."""
    sections: list[RecordedSection] = []
    """Its plan, if it plans sections."""
    kept: list[str] = []
    """Ids that an earlier invocation had worked on."""
    vote: RecordedVote | None = None
    """Its vote, if it is one."""


class RecordedBranch(Record):
    """One worker on one section, or one voter."""

    graph: int
    """Position of its graph."""
    path: list[str]
    """Ids of the branches around, from the outermost level on, and its own."""
    name: str
    """As in traces."""
    kind: Literal["section", "voter"] = "section"
    order: int
    """Position in the plan, from 0."""
    attempt: int = 1
    """1 at first; a redrive adds 1."""
    status: Status | None = None
    """None if it had not ended."""
    cause: str | None = None
    """Kind of the failure."""
    error: str | None = None
    """Why it did not end ok, with secrets masked; only with contents."""
    ended_by: EndedBy | None = None
    """What ended it early."""
    started: float
    """Seconds since the start of the record. A wait for what it needs comes before."""
    ended: float
    """Seconds since the start of the record."""
    leaves: dict[str, int] = {}
    """Number of leaf branches below, by status; empty if it is a leaf itself."""
    saved: int = 0
    """Voters below that were not asked, because their vote had ended."""
    value: JsonData = None
    """What the worker returned; only with contents."""

    @property
    def why(self) -> str:
        """Why it did not end ok: its message, else the kind of failure, what ended it, or its status."""
        ended_by = ENDED_BY_WORDS[self.ended_by] if self.ended_by else ""
        return self.error or self.cause or ended_by or self.status or ""


class RecordedCall(Call):
    """One request to a model, or one run of an engine or of code of the caller's, with its place.

    `started` and `ended` are seconds since the start of the record.
    """

    graph: int
    """Position of the graph that it belongs to."""
    branch: int | None = None
    """Position of the branch; None for a call outside of branches: of a planner, a judge, a synthesizer."""
    cause: str | None = None
    """Kind of the failure; None if it was answered or cut off."""
    prompt_tokens: int = 0
    """Tokens of its prompt, estimated before it was sent: what it counts if it is cut off; 0 if unknown."""
    prompt_usd: float | None = None
    """What these cost in US dollars; None if the price is unknown."""


class RecordedWait(Record):
    """A time in which a branch, or a call in it, waited."""

    on: WaitsOn
    """What it waited for."""
    graph: int
    """Position of the graph."""
    branch: int | None = None
    """Position of the branch; None outside of branches."""
    call: str | None = None
    """Id of the call that waited; None if the branch did, or before a retry, which is a call of its own."""
    started: float
    """Seconds since the start of the record."""
    ended: float
    """Seconds since the start of the record."""

    @property
    def seconds(self) -> float:
        """Duration in seconds, >= 0."""
        return max(0.0, self.ended - self.started)


class RunRecord(ShownRun):
    """What a run did, by itself enough for every view, replay and evaluation."""

    v: Literal[1] = RUN_RECORD_VERSION
    """Version of the schema."""
    started: float
    """Start, in seconds since the epoch; all other times count from here."""
    thread: str | None = None
    """Thread of its checkpoints; None without one."""
    contents: bool = False
    """Whether answers, values and messages of errors are in it."""
    versions: dict[str, str] = {}
    """Versions of `langgraph_parallel`, `langgraph` and `python`."""
    invocations: list[Invocation] = []
    graphs: list[RecordedGraph] = []
    """In the order in which they began; the first is the outermost."""
    branches: list[RecordedBranch] = []
    calls: list[RecordedCall] = []
    """In the order in which they began."""
    waits: list[RecordedWait] = []
    remarks: list[str] = []
    """What endpoints do not take of a request; which models answered in place of others."""
    saved: int = 0
    """Voters and drafters that were not asked, because their vote had ended or a draft was good enough."""

    @property
    def name(self) -> str:
        """Name of the outermost graph."""
        return self.graphs[0].name if self.graphs else ""

    @property
    def status(self) -> Outcome:
        """How the last invocation ended."""
        return self.invocations[-1].status if self.invocations else "running"

    @property
    def wall_seconds(self) -> float:
        """Sum of the durations of all invocations, in seconds."""
        return sum(max(0.0, each.ended - each.started) for each in self.invocations)

    @cached_property
    def calls_by_branch(self) -> Mapping[int | None, Sequence[RecordedCall]]:
        """The calls of each branch by its position, without those of branches below it."""
        return _group(self.calls)

    @cached_property
    def waits_by_branch(self) -> Mapping[int | None, Sequence[RecordedWait]]:
        """The waits of each branch by its position, without those of branches below it."""
        return _group(self.waits)

    def waited_seconds(self, branch: int) -> float:
        """Return the seconds in which a branch waited, and no call of it was under way.

        Waits of branches below it are not its own; before it has started, it waits for what it needs, which
        is no part of its time.

        Args:
            branch: position of the branch.
        """
        start = self.branches[branch].started
        called = [(call.started, call.ended) for call in self.calls_by_branch.get(branch, ())]
        waited = [
            (max(start, wait.started), wait.ended)
            for wait in self.waits_by_branch.get(branch, ())
            if wait.ended > start
        ]
        return max(0.0, _covered([*called, *waited]) - _covered(called))

    def worked_seconds(self, branch: int) -> float:
        """Return the rest of a branch's time: its calls, its own code, and what runs below it.

        Args:
            branch: position of the branch.
        """
        whole = self.branches[branch]
        return max(0.0, whole.ended - whole.started) - self.waited_seconds(branch)

    def to_json(self) -> str:
        """Return the document, without what has its default; U+FFFD stands for half of a character."""
        try:
            return self.model_dump_json(exclude_defaults=True)
        except ValueError:  # a text has half of a character, as names of files do
            text = json.dumps(self.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False)
            return _HALF.sub("\ufffd", text)


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return the length of the union of spans."""
    total, until = 0.0, -math.inf
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def _group(rows: Sequence[Any]) -> dict[int | None, list[Any]]:
    grouped: dict[int | None, list[Any]] = {}
    for row in rows:
        grouped.setdefault(row.branch, []).append(row)
    return grouped


def run_record_schema() -> dict[str, Any]:
    """Return the JSON schema of the record of a run."""
    schema = RunRecord.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
