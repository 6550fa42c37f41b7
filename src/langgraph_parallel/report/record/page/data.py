"""What the script of the page reads: the record in columns, small enough for thousands of branches.

Times are tenths of milliseconds of the run. Texts that come again are in one list, and columns have their
positions in it, -1 for none; what few rows have is in mappings by row.
"""

import json
from collections.abc import Mapping
from typing import Any

from langgraph_parallel.counted import count
from langgraph_parallel.records.recorded_vote import RecordedVote
from langgraph_parallel.records.run_record import RecordedBranch, RecordedGraph
from langgraph_parallel.reducers.recorded.critical import CriticalStep
from langgraph_parallel.report.record.calls import outcome
from langgraph_parallel.report.record.numbers import Measured
from langgraph_parallel.report.record.tree import has_failed
from langgraph_parallel.report.record.wording import WAITS
from langgraph_parallel.report.wording import show, visible

_UNITS = 10_000
"""Of time in a second."""
_NAME = 120
"""Bytes of a name."""
_CONTENTS = 800_000
"""Bytes of all messages and values together; each gets as much as the others."""
_LEAST = 60
"""Bytes that each of them has in any case."""
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
"""What could end a script, or be read as a line's end, as JSON writes it in texts."""


def page_data(measured: Measured) -> str:
    """Return the data as JSON that is safe in a script element."""
    data = _Columns(measured).data()
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE)


class _Columns:
    """The columns of one record.

    The first rows are the outermost graphs, one for each invocation; those of the branches follow, as in the
    record. Calls outside of branches belong to the row around their graph.
    """

    def __init__(self, measured: Measured) -> None:
        self._measured, record = measured, measured.record
        self._record, self._tree, self._clock = record, measured.tree, measured.clock
        self._roots = [graph for graph in record.graphs if graph.parent is None]
        self._first = len(self._roots)
        self._root_row: dict[int, int] = {}
        for place, graph in enumerate(record.graphs):
            known = self._root_row
            known[place] = len({*known.values()}) if graph.parent is None else known[graph.parent]
        self._texts: dict[str, int] = {}
        sizes = sum(text is not None for branch in record.branches for text in (branch.error, branch.value))
        self._limit = max(_LEAST, _CONTENTS // max(1, sizes))

    def data(self) -> dict[str, Any]:
        """Return all columns."""
        found = {
            "unit": _UNITS,
            "end": self._time(self._clock.end) if self._record.invocations else 0,
            "seams": [self._time(seam) for seam in self._clock.seams],
            "rows": self._rows(),
            "calls": self._calls(),
            "waits": self._waits(),
            "path": [self._step(step) for step in self._measured.path],
            "votes": [
                self._vote(place, graph.vote)
                for place, graph in enumerate(self._record.graphs)
                if graph.vote is not None
            ],
            "waitWords": WAITS,
        }
        return {**found, "texts": [*self._texts]}

    def _rows(self) -> dict[str, Any]:
        roots = self._roots
        parts: list[RecordedGraph | RecordedBranch] = [*roots, *self._record.branches]
        branches, tree = self._record.branches, self._tree
        parents = [tree.parent(place) for place in range(len(branches))]
        return {
            "roots": self._first,
            "parent": [-1] * len(roots)
            + [
                self._root_row[branch.graph] if parent is None else parent + self._first
                for branch, parent in zip(branches, parents, strict=True)
            ],
            "name": [_cut(visible(part.name), _NAME) for part in parts],
            "order": [0] * len(roots) + [branch.order for branch in branches],
            "status": [self._text(part.status or "running") for part in parts],
            "start": [self._at(part.started) for part in parts],
            "end": [self._at(part.ended) for part in parts],
            "waited": [0] * len(roots)
            + [self._time(self._record.waited_seconds(place)) for place in range(len(branches))],
            "more": {
                **{row: self._shown_error(graph.error) for row, graph in enumerate(roots) if graph.error},
                **{
                    place + self._first: more
                    for place, branch in enumerate(branches)
                    if (more := self._more(branch))
                },
            },
        }

    def _more(self, branch: RecordedBranch) -> dict[str, Any]:
        """Return what few branches have."""
        more: dict[str, Any] = {}
        if branch.attempt > 1:
            more["attempt"] = branch.attempt
        if branch.cause:
            more["cause"] = self._text(branch.cause)
        if branch.ended_by:
            more["by"] = self._text(branch.ended_by)
        if branch.saved:
            more["saved"] = branch.saved
        if branch.error:
            more |= self._shown_error(branch.error)
        if branch.value is not None:
            more["value"] = _cut(_lines(_written(branch.value)), self._limit)
        if has_failed(branch):
            more["bad"] = 1
        return more

    def _shown_error(self, error: str) -> dict[str, Any]:
        return {"error": _cut(_lines(error), self._limit)}

    def _calls(self) -> dict[str, Any]:
        calls = self._record.calls
        more: dict[int, dict[str, Any]] = {}
        for number, call in enumerate(calls):
            facts: Mapping[str, Any] = {
                "hedge": int(call.hedge),
                "cached": call.usage.cache_read_tokens,
                "step": call.step and self._text(call.step),
                "cause": call.cause and self._text(call.cause),
                "for": call.instead_of and self._text(call.instead_of),
                "lane": call.lane if call.lane != "live" else "",
            }
            if kept := {name: value for name, value in facts.items() if value not in ("", 0, None)}:
                more[number] = kept
        return {
            "row": [self._row(call.graph, call.branch) for call in calls],
            "target": [
                self._text("code of yours" if call.kind == "worker" else call.target) for call in calls
            ],
            "start": [self._at(call.started) for call in calls],
            "end": [self._at(call.ended) for call in calls],
            "state": [self._text(outcome(call)) for call in calls],
            "attempt": [call.attempt for call in calls],
            "in": [call.usage.input_tokens for call in calls],
            "out": [call.usage.output_tokens for call in calls],
            "usd": [None if call.usd is None else float(f"{call.usd:.6g}") for call in calls],
            "more": more,
        }

    def _waits(self) -> dict[str, Any]:
        waits = self._record.waits
        return {
            "row": [self._row(wait.graph, wait.branch) for wait in waits],
            "on": [self._text(wait.on) for wait in waits],
            "start": [self._at(wait.started) for wait in waits],
            "end": [self._at(wait.ended) for wait in waits],
        }

    def _step(self, step: CriticalStep) -> list[int]:
        row = self._row(step.graph, step.branch)
        kind = ("branch", "call", "between").index(step.kind)
        return [row, self._at(step.started), self._at(step.ended), self._time(step.waiting), kind]

    def _vote(self, graph: int, vote: RecordedVote) -> list[Any]:
        return [
            self._row(graph, None),
            self._text(vote.rule),
            self._text(vote.stopped or vote.stop),
            -1 if vote.stopped_at is None else self._at(vote.stopped_at),
            -1 if vote.status is None else self._text(vote.status),
            self._choice(vote.choice),
            vote.k,
            vote.n,
            len(vote.voters),
            vote.not_asked,
            [
                [
                    self._text(ballot.voter),
                    self._at(ballot.at),
                    self._text(ballot.status),
                    self._choice(ballot.choice),
                ]
                for ballot in vote.ballots
            ],
        ]

    def _choice(self, choice: Any) -> int:
        return -1 if choice is None else self._text(_cut(visible(show(choice)), _NAME))

    def _row(self, graph: int, branch: int | None) -> int:
        around = self._tree.around_graph(graph) if branch is None else branch
        return self._root_row[graph] if around is None else around + self._first

    def _text(self, text: str) -> int:
        return self._texts.setdefault(visible(text), len(self._texts))

    def _at(self, moment: float) -> int:
        return self._time(self._clock.shown(moment))

    def _time(self, moment: float) -> int:
        return round(moment * _UNITS)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def _lines(text: str) -> str:
    """Return a text whose lines stay, and whose control characters are visible."""
    return "\n".join(visible(line) for line in text.splitlines())


def _cut(text: str, limit: int) -> str:
    """Return what of a text fits into a number of bytes, and how much is left out."""
    data = text.encode(errors="replace")
    if len(data) <= limit:
        return text
    kept = data[:limit].decode(errors="ignore")
    return f"{kept}… ({count(len(text) - len(kept), 'more character')})"
