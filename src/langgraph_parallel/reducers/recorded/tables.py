"""The tables of a record while its run goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph_parallel.records.run_record import RunRecord
from langgraph_parallel.reducers.recorded.labels import AnswerLabels

Row = dict[str, Any]
Place = tuple[int, int | None, str | None]
"""Where something waits: graph, branch, call."""


@dataclass
class Tables:
    """Rows as mappings; a row that has not ended has `ended` None."""

    start: float | None = None
    """Seconds since the epoch; None before the first event."""
    now: float = 0.0
    """Time of the last event, in seconds since the start."""
    invocations: list[Row] = field(default_factory=list)
    last: dict[int, float] = field(default_factory=dict)
    """Time of the last event of each invocation."""
    graphs: list[Row] = field(default_factory=list)
    branches: list[Row] = field(default_factory=list)
    calls: dict[str, Row] = field(default_factory=dict)
    open_calls: dict[int | None, set[str]] = field(default_factory=dict)
    """Ids of the calls of each branch that have not ended."""
    waits: list[Row] = field(default_factory=list)
    graph_places: dict[str, int] = field(default_factory=dict)
    """Position of each graph by the id of its invocation."""
    graph_paths: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Path of the branch around each graph."""
    branch_places: dict[tuple[str, ...], int] = field(default_factory=dict)
    """Position of each branch by the id of its graph's invocation, and its path."""
    labels: dict[int, AnswerLabels] = field(default_factory=dict)
    """Of the vote of each graph."""
    waiting: dict[Place, Row] = field(default_factory=dict)
    """Waits that go on."""

    @classmethod
    def of(cls, record: RunRecord | None) -> "Tables":
        """Return the tables of a record that goes on; empty ones for None."""
        if record is None:
            return cls()
        return cls(
            start=record.started,
            invocations=[dict(row) for row in record.invocations],
            graphs=[dict(row) for row in record.graphs],
            branches=[dict(row) for row in record.branches],
            calls={row.id: dict(row) for row in record.calls},
            waits=[dict(row) for row in record.waits],
        )

    def time(self, epoch: float) -> float:
        """Return a time in seconds since the start, which the first one is."""
        if self.start is None:
            self.start = epoch
        return round(epoch - self.start, 6)

    def branch_place(self, event: Mapping[str, Any], graph: int) -> int | None:
        """Return the position of an event's branch, with a new row if there is none; None outside of any."""
        path: Sequence[str] = event["branch"]
        if len(path) <= len(self.graph_paths[graph]):
            return None
        key = (event["graph_run"], *path)
        if (place := self.branch_places.get(key)) is None:
            place = self.branch_places[key] = len(self.branches)
            row = {"graph": graph, "path": [*path], "name": path[-1], "order": 0}
            self.branches.append({**row, "started": self.now, "ended": None})
        return place

    def begin_wait(self, place: Place, on: str, seconds: float | None) -> None:
        """Note that something waits.

        Args:
            place: of what waits.
            on: what it waits for.
            seconds: that the wait takes, where that is known.
        """
        graph, branch, call = place
        row: Row = {"on": on, "graph": graph, "branch": branch, "call": call, "started": self.now}
        self.waits.append(row)
        if seconds is None:
            self.waiting[place] = row
            row["ended"] = None
        else:
            row["ended"] = self.now + seconds

    def end_wait(self, place: Place) -> None:
        """Note that something waits no more."""
        if (row := self.waiting.pop(place, None)) is not None:
            row["ended"] = self.now

    def begin_call(self, row: Row) -> None:
        """Note that a call has begun."""
        self.calls[row["id"]] = row
        if row["branch"] is not None:
            self.open_calls.setdefault(row["branch"], set()).add(row["id"])

    def end_call(self, row: Row) -> None:
        """Note that a call has ended."""
        self.calls[row["id"]] = row
        self.open_calls.get(row["branch"], set()).discard(row["id"])

    def forget_call(self, id: str) -> None:
        """Forget a call that is none of its own."""
        if (row := self.calls.pop(id, None)) is not None:
            self.open_calls.get(row["branch"], set()).discard(id)

    def forget_calls(self, branch: int) -> None:
        """Forget the calls of a branch that has ended without their end: they never left."""
        for id in self.open_calls.pop(branch, ()):
            del self.calls[id]

    def read(self) -> dict[str, Any]:
        """Return the rows of all tables. What has not ended ends with its invocation."""
        ends = [
            self.last.get(place, self.now) if row["ended"] is None else row["ended"]
            for place, row in enumerate(self.invocations)
        ]
        of_graph = [ends[row["invocation"]] for row in self.graphs]
        graphs = [_ended(row, end) for row, end in zip(self.graphs, of_graph, strict=True)]
        branches = [_ended(row, of_graph[row["graph"]]) for row in self.branches]
        calls = sorted(self.calls.values(), key=lambda row: (row["started"], row["id"]))
        return {
            "invocations": [_ended(row, end) for row, end in zip(self.invocations, ends, strict=True)],
            "graphs": graphs,
            "branches": branches,
            "calls": [_ended(row, self._end(row, branches, of_graph)) for row in calls],
            "waits": [self._cut(row, branches, of_graph) for row in self.waits],
        }

    def _end(self, row: Row, branches: Sequence[Row], of_graph: Sequence[float]) -> float:
        """Return when what a row is part of has ended."""
        if row["branch"] is None:
            return of_graph[row["graph"]]
        end: float = branches[row["branch"]]["ended"]
        return end

    def _cut(self, row: Row, branches: Sequence[Row], of_graph: Sequence[float]) -> Row:
        end = self._end(row, branches, of_graph)
        return {**row, "ended": end if row["ended"] is None else min(row["ended"], end)}


def _ended(row: Row, end: float) -> Row:
    return {**row, "ended": end} if row["ended"] is None else row
