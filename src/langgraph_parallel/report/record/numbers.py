"""The numbers that views of a record show."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from langgraph_parallel.records import RunReport, Usage
from langgraph_parallel.records.run_record import RecordedCall, RecordedGraph, RunRecord
from langgraph_parallel.reducers.recorded.critical import CriticalStep, critical_path
from langgraph_parallel.report.record.clock import Clock
from langgraph_parallel.report.record.tree import BranchTree, calls_made, has_failed
from langgraph_parallel.runtime.record_report import measure_record
from langgraph_parallel.runtime.run_report import cost

Key = TypeVar("Key")


class Measured:
    """A record with what its views count, each of it once.

    Args:
        record: of the run.
    """

    def __init__(self, record: RunRecord) -> None:
        self.record = record

    @cached_property
    def tree(self) -> BranchTree:
        """How its branches lie in each other."""
        return BranchTree(self.record)

    @cached_property
    def clock(self) -> Clock:
        """Its time."""
        return Clock(self.record)

    @cached_property
    def path(self) -> Sequence[CriticalStep]:
        """Its critical path."""
        return critical_path(self.record)

    @cached_property
    def report(self) -> RunReport:
        """Its run report, with its critical path as walked, and failures where they began."""
        path = math.fsum(step.seconds for step in self.path if step.kind != "between")
        update = {"critical_path_seconds": path, "failures": failures(self.tree)}
        return measure_record(self.record).model_copy(update=update)


def last_root(record: RunRecord) -> RecordedGraph | None:
    """Return the outermost graph of the last invocation; None before its first event."""
    return next((graph for graph in reversed(record.graphs) if graph.parent is None), None)


def failures(tree: BranchTree) -> dict[str, str]:
    """Return why branches failed, by name; of one that failed because those below it did, only those below.

    What the graph itself raised is under its name.
    """
    failed = {place for place in tree.latest if has_failed(tree.record.branches[place])}
    above = set()
    for place in failed:
        outer = tree.parent(place)
        while outer is not None and outer not in above:
            above.add(outer)
            outer = tree.parent(outer)
    lowest = sorted(failed - above)
    causes = {tree.full_name(place): tree.record.branches[place].why for place in lowest}
    last = last_root(tree.record)
    if last is not None and last.error and not causes:
        causes[last.name] = last.error
    return causes


@dataclass(frozen=True)
class Share:
    """Calls of one model, or of one branch.

    Attributes:
        name: of the model or branch.
        calls: that were sent.
        failed: calls that were not answered, cut off ones included.
        cut: calls that were cut off, because nobody needed their answer any more.
        seconds: sum of their durations.
        usage: tokens of all.
        usd: cost of all in US dollars; None if a price is unknown.
        wasted_usd: cost of those that were not answered; None if a price is unknown.
        place: position of the branch; None for a model, or outside of branches.
    """

    name: str
    calls: int
    failed: int
    cut: int
    seconds: float
    usage: Usage
    usd: float | None
    wasted_usd: float | None
    place: int | None = None


def by_model(record: RunRecord) -> list[Share]:
    """Return what each model and engine took, the dearest first; all code of the caller's is one."""
    groups = _grouped(calls_made(record.calls), _model)
    return _ordered(_share(name, None, calls) for name, calls in groups.items())


def by_branch(tree: BranchTree) -> list[Share]:
    """Return what each outermost branch took, with all below it; the dearest and longest first."""
    groups = _grouped(calls_made(tree.record.calls), lambda call: _top(tree, call))
    branches = tree.record.branches
    return _ordered(
        _share("outside of branches" if place is None else branches[place].name, place, calls)
        for place, calls in groups.items()
    )


def waited(record: RunRecord) -> Mapping[str, float]:
    """Return the seconds that branches and calls waited, by what for, the longest first; without `needs`."""
    sums: dict[str, float] = {}
    for wait in record.waits:
        if wait.on != "needs":
            sums[wait.on] = sums.get(wait.on, 0.0) + wait.seconds
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def is_cut(call: RecordedCall) -> bool:
    """Return whether a call was cut off: the loser of a race or a hedge, or one that a limit has ended."""
    return not (call.ok or call.cause or call.throttled)


def _model(call: RecordedCall) -> str:
    return "code of yours" if call.kind == "worker" else call.target


def _top(tree: BranchTree, call: RecordedCall) -> int | None:
    place = tree.branch_of(call)
    return None if place is None else tree.top(place)


def _grouped(
    calls: Iterable[RecordedCall], key: Callable[[RecordedCall], Key]
) -> dict[Key, list[RecordedCall]]:
    groups: dict[Key, list[RecordedCall]] = {}
    for call in calls:
        groups.setdefault(key(call), []).append(call)
    return groups


def _share(name: str, place: int | None, calls: list[RecordedCall]) -> Share:
    failed = [call for call in calls if not call.ok]
    return Share(
        name=name,
        calls=len(calls),
        failed=len(failed),
        cut=sum(map(is_cut, failed)),
        seconds=math.fsum(call.seconds for call in calls),
        usage=Usage.total(call.usage for call in calls),
        usd=cost(calls),
        wasted_usd=cost(failed),
        place=place,
    )


def _ordered(shares: Iterable[Share]) -> list[Share]:
    return sorted(shares, key=lambda share: (-(share.usd or 0.0), -share.seconds, share.name))
