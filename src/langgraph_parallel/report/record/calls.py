"""The calls of a record as a table."""

from pydantic import JsonValue

from langgraph_parallel.records.run_record import RecordedCall, RunRecord
from langgraph_parallel.report.record.numbers import is_cut
from langgraph_parallel.report.record.tree import BranchTree
from langgraph_parallel.report.tables import as_csv

COLUMNS = (
    "id",
    "graph",
    "branch",
    "path",
    "kind",
    "target",
    "step",
    "started",
    "seconds",
    "outcome",
    "cause",
    "attempt",
    "hedge",
    "lane",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "reasoning_tokens",
    "usd",
    "saved_usd",
    "instead_of",
)
"""Of the table, in their order. `started` is in seconds since the start of the record."""


def calls_csv(record: RunRecord) -> str:
    """Return one row for each call, in the order in which they began.

    Text that a spreadsheet would read as a formula gets a leading apostrophe.
    """
    tree = BranchTree(record)
    return as_csv((_row(tree, call) for call in record.calls), COLUMNS)


def outcome(call: RecordedCall) -> str:
    """Return how a call ended: `ok`, `kept`, `throttled`, `cancelled` or `failed`."""
    if call.kept:
        return "kept"
    if call.ok:
        return "ok"
    if call.throttled:
        return "throttled"
    return "cancelled" if is_cut(call) else "failed"


def _row(tree: BranchTree, call: RecordedCall) -> dict[str, JsonValue]:
    place = tree.branch_of(call)
    branch = None if place is None else tree.record.branches[place]
    return {
        **{name: getattr(call, name) for name in ("id", "kind", "target", "step", "started", "cause")},
        **{name: getattr(call, name) for name in ("attempt", "hedge", "lane", "usd", "instead_of")},
        **call.usage.model_dump(include={name for name in COLUMNS if name.endswith("_tokens")}),
        "graph": tree.record.graphs[call.graph].name,
        "branch": branch and branch.name,
        "path": branch and "/".join(branch.path),
        "seconds": round(call.seconds, 6),
        "outcome": outcome(call),
        "saved_usd": call.saved and call.saved.total,
    }
