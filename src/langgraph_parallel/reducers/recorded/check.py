"""What the types of a record do not say: its positions are within its tables, and its times are times."""

from collections.abc import Iterator
from typing import Any

from langgraph_parallel.records.run_record import RunRecord

_LATEST = 1e11
"""Seconds that a time may be away from 0: 3,000 years."""
_TABLES = ("invocations", "graphs", "branches", "calls", "waits")


def fault_of(record: RunRecord) -> str | None:
    """Return what is wrong with a record that was read; None if nothing is."""
    if not _is_time(record.started):
        return f"started is no time: {record.started}"
    return next(_faults(record), None)


def _faults(record: RunRecord) -> Iterator[str]:
    for table in _TABLES:
        for place, row in enumerate(getattr(record, table)):
            where = f"{table}.{place}"
            yield from _wrong_times(where, row)
            yield from _wrong_positions(
                where, row, place if table == "graphs" else len(record.graphs), record
            )
    for place, graph in enumerate(record.graphs):
        for number, ballot in enumerate(graph.vote.ballots if graph.vote else ()):
            if not _is_time(ballot.at):
                yield f"graphs.{place}.vote.ballots.{number}.at is no time: {ballot.at}"
        if graph.vote and not _is_time(graph.vote.stopped_at or 0.0):
            yield f"graphs.{place}.vote.stopped_at is no time: {graph.vote.stopped_at}"


def _wrong_times(where: str, row: Any) -> Iterator[str]:
    for name in ("started", "ended"):
        if not _is_time(getattr(row, name)):
            yield f"{where}.{name} is no time: {getattr(row, name)}"


def _wrong_positions(where: str, row: Any, graphs: int, record: RunRecord) -> Iterator[str]:
    """Tell which positions of a row lead nowhere.

    Args:
        where: of the row.
        row: of any table.
        graphs: number of graphs that it may be in: those before it, if it is one, so that none is in itself.
        record: that it is in.
    """
    sizes = {
        "graph": graphs,
        "parent": graphs,
        "branch": len(record.branches),
        "invocation": len(record.invocations),
    }
    for name, size in sizes.items():
        position = getattr(row, name, None)
        if position is not None and not 0 <= position < size:
            yield f"{where}.{name} is {position}, and leads nowhere"
            return
    outer = getattr(row, "parent", None)
    if outer is not None and row.branch is not None and record.branches[row.branch].graph != outer:
        yield f"{where}.branch is {row.branch}, which is in another graph than its parent"
    if getattr(row, "path", None) == []:
        yield f"{where}.path is empty"


def _is_time(seconds: float) -> bool:
    return abs(seconds) <= _LATEST  # false for NaN
