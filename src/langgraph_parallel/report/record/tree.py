"""How the branches of a record lie in each other."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from langgraph_parallel.records.run_record import RecordedBranch, RecordedCall, RecordedGraph, RunRecord


class BranchTree:
    """The branches of a record, each with the branch around it and those below.

    Args:
        record: of the run.
    """

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self._around = [_outer(graph, record.graphs) for graph in record.graphs]

    def around_graph(self, graph: int) -> int | None:
        """Return the position of the branch that a graph ran in; None for the outermost."""
        return self._around[graph]

    def parent(self, branch: int) -> int | None:
        """Return the position of the branch around a branch; None for those of the outermost graph."""
        return self._around[self.record.branches[branch].graph]

    @cached_property
    def below(self) -> dict[int | None, list[int]]:
        """The branches directly below each one, in the order of the plan; those of earlier runs first."""
        found: dict[int | None, list[int]] = {}
        for place in range(len(self.record.branches)):
            found.setdefault(self.parent(place), []).append(place)
        for places in found.values():
            places.sort(key=self._order)
        return found

    @cached_property
    def latest(self) -> Sequence[int]:
        """Positions of the branches, without those that a later invocation has run again."""
        last = {tuple(branch.path): place for place, branch in enumerate(self.record.branches)}
        return sorted(last.values())

    def in_order(self) -> Iterator[tuple[int, int]]:
        """Yield the position and the depth, from 0, of each branch: those below right after it."""
        waiting = [(place, 0) for place in reversed(self.below.get(None, []))]
        while waiting:
            place, depth = waiting.pop()
            yield place, depth
            waiting += [(inner, depth + 1) for inner in reversed(self.below.get(place, []))]

    def top(self, branch: int) -> int:
        """Return the position of the outermost branch around a branch, or its own."""
        while (outer := self.parent(branch)) is not None:
            branch = outer
        return branch

    def branch_of(self, part: RecordedCall) -> int | None:
        """Return the position of the branch that a call belongs to, or whose graph made it."""
        return self._around[part.graph] if part.branch is None else part.branch

    def full_name(self, branch: int) -> str:
        """Return a name with those of the branches around: `vote[app#2] in review[app]`."""
        return " in ".join(self.record.branches[place].name for place in self._outward(branch))

    def _outward(self, branch: int) -> Iterator[int]:
        place: int | None = branch
        while place is not None:
            yield place
            place = self.parent(place)

    def _order(self, place: int) -> tuple[int, int, int]:
        branch = self.record.branches[place]
        return self.record.graphs[branch.graph].invocation, branch.graph, branch.order


def has_failed(branch: RecordedBranch) -> bool:
    """Return whether a branch did not end ok, for another reason than that its vote had ended."""
    return branch.status not in ("ok", None) and branch.ended_by != "stop"


def calls_made(calls: Iterable[RecordedCall]) -> list[RecordedCall]:
    """Return the calls that were sent, without those that the cache of answers had."""
    return [call for call in calls if not call.kept]


def _outer(graph: RecordedGraph, graphs: Sequence[RecordedGraph]) -> int | None:
    while graph.branch is None and graph.parent is not None:
        graph = graphs[graph.parent]
    return graph.branch
