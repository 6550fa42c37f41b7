"""The record of a run as a trace for ui.perfetto.dev, in Chrome's trace event format.

Branches and calls overlap, so all spans are asynchronous: a `b` and an `e` event with the same category and
id, which no other span has at the same time. Times are microseconds since the start of the record.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from langgraph_parallel.records.run_record import RecordedBranch, RecordedCall, RunRecord
from langgraph_parallel.reducers.recorded.critical import critical_path
from langgraph_parallel.report.record.calls import outcome
from langgraph_parallel.report.record.tree import BranchTree
from langgraph_parallel.report.record.wording import WAITS, status_word

Event = dict[str, Any]
_PROCESS = 1
_BRANCHES, _PATH = 1, 2
"""Threads: of the branches, and of the critical path, whose steps do not overlap."""


def perfetto_trace(record: RunRecord) -> str:
    """Return the trace as JSON.

    A branch, its calls and its waits have the same id, in categories of their own. A counter shows the calls
    in flight, a thread the critical path.
    """
    events = [*_names(record), *_graphs(record), *_branches(record), *_calls(record), *_waits(record)]
    events += [*_critical(record), *_in_flight(record.calls), *_stops(record)]
    return json.dumps({"displayTimeUnit": "ms", "traceEvents": events}, ensure_ascii=True)


def _names(record: RunRecord) -> Iterator[Event]:
    for number, name in ((_BRANCHES, "branches"), (_PATH, "critical path")):
        yield {"ph": "M", "name": "thread_name", "pid": _PROCESS, "tid": number, "args": {"name": name}}
    name = record.name or "run"
    yield {"ph": "M", "name": "process_name", "pid": _PROCESS, "tid": 0, "args": {"name": name}}


def _graphs(record: RunRecord) -> Iterator[Event]:
    tree = BranchTree(record)
    spans = []
    for place, graph in enumerate(record.graphs):
        facts = {"kind": graph.kind, "status": graph.status, "reason": graph.reason}
        id = _id(place, tree.around_graph(place))
        spans.append(_Span(graph.started, graph.ended, id, graph.name, facts))
    return _events("graph", spans)


def _branches(record: RunRecord) -> Iterator[Event]:
    return _events(
        "branch",
        [
            _Span(branch.started, branch.ended, f"b{place}", branch.name, _branch_facts(branch))
            for place, branch in enumerate(record.branches)
        ],
    )


def _branch_facts(branch: RecordedBranch) -> Event:
    facts = {"status": status_word(branch.status), "path": "/".join(branch.path), "attempt": branch.attempt}
    causes = {name: getattr(branch, name) for name in ("cause", "error", "ended_by")}
    return facts | {name: value for name, value in causes.items() if value is not None}


def _calls(record: RunRecord) -> Iterator[Event]:
    spans = []
    for call in record.calls:
        facts = {
            "outcome": outcome(call),
            "attempt": call.attempt,
            "input_tokens": call.usage.input_tokens,
            "output_tokens": call.usage.output_tokens,
            "usd": call.usd,
        }
        spans.append(_Span(call.started, call.ended, _id(call.graph, call.branch), call.target, facts))
    return _events("call", spans)


def _waits(record: RunRecord) -> Iterator[Event]:
    spans = [
        _Span(wait.started, wait.ended, _id(wait.graph, wait.branch), f"waits for {WAITS[wait.on]}", {})
        for wait in record.waits
    ]
    return _events("wait", spans)


def _critical(record: RunRecord) -> Iterator[Event]:
    for step in critical_path(record):
        if step.branch is not None and step.kind == "branch":
            name = record.branches[step.branch].name
        else:
            name = record.graphs[step.graph].name
        yield {
            "ph": "X",
            "cat": "critical path",
            "name": name,
            "pid": _PROCESS,
            "tid": _PATH,
            "ts": _micro(step.started),
            "dur": _micro(step.ended) - _micro(step.started),
            "args": {"kind": step.kind, "waiting_ms": round(step.waiting * 1000, 3)},
        }


def _in_flight(calls: Iterable[RecordedCall]) -> Iterator[Event]:
    changes: dict[int, int] = {}
    for call in calls:
        if not call.kept:
            begin, end = _micro(call.started), max(_micro(call.started), _micro(call.ended))
            changes[begin] = changes.get(begin, 0) + 1
            changes[end] = changes.get(end, 0) - 1
    flying = 0
    for moment in sorted(changes):
        flying += changes[moment]
        facts = {"calls": flying}
        yield {"ph": "C", "name": "calls in flight", "pid": _PROCESS, "tid": 0, "ts": moment, "args": facts}


def _stops(record: RunRecord) -> Iterator[Event]:
    for graph in record.graphs:
        if graph.vote is not None and graph.vote.stopped_at is not None:
            name = f"{graph.name}: {graph.vote.stopped}"
            at = _micro(graph.vote.stopped_at)
            yield {
                "ph": "i",
                "s": "t",
                "name": name,
                "pid": _PROCESS,
                "tid": _BRANCHES,
                "ts": at,
                "cat": "stop",
            }


def _id(graph: int, branch: int | None) -> str:
    return f"g{graph}" if branch is None else f"b{branch}"


class _Span(NamedTuple):
    started: float
    ended: float
    id: str
    name: str
    facts: Event


def _events(category: str, spans: Iterable[_Span]) -> Iterator[Event]:
    """Yield a begin and an end for each span; those of one id that overlap get ids of their own."""
    lanes: dict[str, list[int]] = {}
    """By id, when the last span of each of its lanes ends."""
    for span in sorted(spans, key=lambda span: span.started):
        begin, end = _micro(span.started), max(_micro(span.started), _micro(span.ended))
        ends = lanes.setdefault(span.id, [])
        lane = next((number for number, until in enumerate(ends) if until <= begin), len(ends))
        ends[lane : lane + 1] = [end]
        shared = {
            "cat": category,
            "id": f"{span.id}.{lane + 1}" if lane else span.id,
            "name": span.name,
            "pid": _PROCESS,
            "tid": _BRANCHES,
        }
        yield {"ph": "b", "ts": begin, "args": span.facts, **shared}
        yield {"ph": "e", "ts": end, **shared}


def _micro(seconds: float) -> int:
    return round(seconds * 1_000_000)
