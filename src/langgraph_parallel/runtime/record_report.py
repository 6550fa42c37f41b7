"""The run report, computed from the record of a run alone."""

import math
from collections import Counter
from collections.abc import Sequence

from langgraph_parallel.records import RunReport
from langgraph_parallel.records.recorded_vote import RecordedVote
from langgraph_parallel.records.run_record import RecordedBranch, RecordedGraph, RunRecord
from langgraph_parallel.runtime.run_report import numbers_of, with_calls_saved


def measure_record(record: RunRecord) -> RunReport:
    """Compute the run report of all invocations in a record.

    It is that of the run itself, except that escalations and trials of stops are not in a record, and that
    failures have the kind of their error in place of its message if the record is without contents.

    Args:
        record: of a run, which may not have ended.
    """
    status, last = record.status, latest_branches(record)
    report = RunReport(
        **numbers_of([*record.calls], record.wall_seconds),
        critical_path_seconds=_critical_path_seconds(record),
        status=status if status in ("ok", "failed") else "partial",
        branches=_leaves(last),
        failures=_failures(record, last),
        remarks=record.remarks,
        completion_reason=_roots(record)[-1].reason if record.graphs else "",
    )
    return with_calls_saved(report, record.saved)


def latest_branches(record: RunRecord) -> Sequence[RecordedBranch]:
    """Return the branches of the outermost graph, each from the last invocation that worked on it."""
    roots = {place for place, graph in enumerate(record.graphs) if graph.parent is None}
    latest = {branch.path[-1]: branch for branch in record.branches if branch.graph in roots}
    return sorted(latest.values(), key=lambda branch: (branch.order, branch.path))


def latest_votes(record: RunRecord) -> Sequence[RecordedVote]:
    """Return the votes, each from the last invocation that worked on it.

    A vote that a resume or a redrive goes on with is one vote.
    """
    votes: dict[tuple[str, ...], list[RecordedGraph]] = {}
    for graph in record.graphs:
        if graph.vote is not None:
            path = () if graph.branch is None else record.branches[graph.branch].path
            of_place = votes.setdefault((graph.node, graph.name, *path), [])
            if of_place and of_place[-1].invocation != graph.invocation:
                of_place.clear()
            of_place.append(graph)
    return [graph.vote for graphs in votes.values() for graph in graphs if graph.vote is not None]


def _roots(record: RunRecord) -> list[RecordedGraph]:
    return [graph for graph in record.graphs if graph.parent is None]


def _leaves(branches: Sequence[RecordedBranch]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for branch in branches:
        counts.update(branch.leaves or {branch.status or "cancelled": 1})
    return dict(sorted(counts.items()))


def _failures(record: RunRecord, branches: Sequence[RecordedBranch]) -> dict[str, str]:
    """Return the causes of the branches that did not end ok, by name, with the names of what is around."""
    lasts = {tuple(branch.path): branch for branch in record.branches}
    roots = {branch.path[0] for branch in branches}
    failures: dict[str, str] = {}
    for path, branch in lasts.items():
        if path[0] in roots and branch.status not in (None, "ok") and branch.ended_by != "stop":
            around = [path[:depth] for depth in range(len(path) - 1, 0, -1)]
            names = [branch.name, *(lasts[outer].name for outer in around if outer in lasts)]
            failures[" in ".join(names)] = branch.why
    return failures


def _critical_path_seconds(record: RunRecord) -> float:
    last = latest_branches(record)
    longest = max((branch.ended - branch.started for branch in last), default=0.0)
    roots = {place for place, graph in enumerate(record.graphs) if graph.parent is None}
    return longest + math.fsum(
        call.seconds for call in record.calls if call.branch is None and call.graph in roots
    )
