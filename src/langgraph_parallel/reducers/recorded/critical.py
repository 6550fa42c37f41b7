"""The critical path of a run: at each moment, the one thing that its end waited for.

The path is walked from the end of a run back to its beginning. What ended last is on it; before that, the
branches that this one needed, or else what ended last before it began: the branches of an earlier wave or
round, the call of a planner. A branch in which a graph ran is walked in the same way.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from langgraph_parallel.records.run_record import RecordedCall, RecordedWait, RunRecord

_Timed = RecordedCall | RecordedWait
StepKind = Literal["branch", "call", "between"]
_LOSERS = ("stop", "completion")
"""What ends branches that nothing waits for any more."""


@dataclass(frozen=True)
class CriticalStep:
    """One stretch of the critical path.

    Attributes:
        kind: `branch`: in a branch; `call`: in a call outside of branches, such as a planner's; `between`:
            in neither, as in the steps of the graph itself.
        graph: position of the graph.
        branch: position of the branch; None outside of any.
        call: position of the call, for `call`.
        started: in seconds since the start of the record.
        ended: in seconds since the start of the record.
        waiting: how many of these seconds it waited for a slot, a pause, a retry and the like, while no call
            of it was under way.
    """

    kind: StepKind
    graph: int
    branch: int | None
    started: float
    ended: float
    call: int | None = None
    waiting: float = 0.0

    @property
    def seconds(self) -> float:
        """Duration in seconds, >= 0."""
        return self.ended - self.started

    @property
    def working(self) -> float:
        """Seconds without its waits, >= 0."""
        return max(0.0, self.seconds - self.waiting)


def critical_path(record: RunRecord) -> list[CriticalStep]:
    """Return the critical path of a run, the earliest step first.

    The steps of an invocation follow each other without gaps from its start to its end, so that their
    durations add up to its own.
    """
    walk = _Walk(record)
    roots = [place for place, graph in enumerate(record.graphs) if graph.parent is None]
    steps = [
        step
        for root in roots
        for step in reversed([*walk.graph(root, record.graphs[root].started, record.graphs[root].ended)])
    ]
    return [replace(step, waiting=walk.waiting(step)) for step in _joined(steps)]


class _Part(NamedTuple):
    """What took time in a graph or a branch, ordered by its end."""

    ended: float
    started: float
    kind: Literal["branch", "call", "graph"]
    place: int


class _Walk:
    """Walks back through a record; yields the steps of a span, the latest first."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._in_graph: dict[int, list[_Part]] = {}
        self._in_branch: dict[int, list[_Part]] = {}
        for place, branch in enumerate(record.branches):
            if branch.status != "skipped" and branch.ended_by not in _LOSERS:
                part = _Part(branch.ended, branch.started, "branch", place)
                self._in_graph.setdefault(branch.graph, []).append(part)
        for place, call in enumerate(record.calls):
            if call.branch is None:
                part = _Part(call.ended, call.started, "call", place)
                self._in_graph.setdefault(call.graph, []).append(part)
        for place, graph in enumerate(record.graphs):
            part = _Part(graph.ended, graph.started, "graph", place)
            if graph.branch is not None:
                self._in_branch.setdefault(graph.branch, []).append(part)
            elif graph.parent is not None:
                self._in_graph.setdefault(graph.parent, []).append(part)
        self._needs = _needs(record)
        self._waits = _by_place(record.waits)
        self._calls = _by_place(record.calls)

    def graph(self, place: int, start: float, end: float) -> Iterator[CriticalStep]:
        """Yield the steps of a graph within a span."""
        around = self._record.graphs[place].branch
        for part, begin, finish in _back(self._in_graph.get(place, ()), start, end, self._needs):
            if part is None:
                yield CriticalStep("between", place, around, begin, finish)
            elif part.kind == "graph":
                yield from self.graph(part.place, begin, finish)
            elif part.kind == "call":
                yield CriticalStep("call", place, around, begin, finish, part.place)
            else:
                yield from self._branch(part.place, place, begin, finish)

    def waiting(self, step: CriticalStep) -> float:
        """Return for how many seconds of a step its branch waited, or what is outside of branches."""
        place = (step.graph, step.branch if step.kind == "branch" else None)
        calls = self._calls.get(place, ())
        return max(0.0, _covered(step, [*calls, *self._waits.get(place, ())]) - _covered(step, calls))

    def _branch(self, place: int, graph: int, start: float, end: float) -> Iterator[CriticalStep]:
        for part, begin, finish in _back(self._in_branch.get(place, ()), start, end, {}):
            if part is None:
                yield CriticalStep("branch", graph, place, begin, finish)
            else:
                yield from self.graph(part.place, begin, finish)


def _by_place(parts: Iterable[_Timed]) -> dict[tuple[int, int | None], list[_Timed]]:
    found: dict[tuple[int, int | None], list[_Timed]] = {}
    for part in parts:
        found.setdefault((part.graph, part.branch), []).append(part)
    return found


def _covered(step: CriticalStep, parts: Iterable[_Timed]) -> float:
    """Return for how many seconds of a step there was any of some parts."""
    total, until = 0.0, step.started
    for begin, end in sorted((part.started, min(part.ended, step.ended)) for part in parts):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def _needs(record: RunRecord) -> dict[int, Set[int]]:
    """Return the positions of the branches that a branch needed, where it needed any that are recorded."""
    ids = {(branch.graph, branch.path[-1]): place for place, branch in enumerate(record.branches)}
    needs: dict[int, Set[int]] = {}
    for number, graph in enumerate(record.graphs):
        for section in graph.sections:
            place = ids.get((number, section.id))
            needed = {ids[number, id] for id in section.needs if (number, id) in ids}
            if place is not None and needed:
                needs[place] = needed
    return needs


def _back(
    parts: Iterable[_Part], start: float, end: float, needs: Mapping[int, Set[int]]
) -> Iterator[tuple[_Part | None, float, float]]:
    """Yield what a span waited for, with its begin and end, the latest first; None for the time between."""
    now = end
    needed: Set[int] = frozenset()
    for part in sorted(parts, reverse=True):
        finish = min(part.ended, end)
        if finish > now or finish <= start or part.started >= finish:
            continue
        if needed and not (part.kind == "branch" and part.place in needed):
            continue
        if finish < now:
            yield None, finish, now
        now = max(start, part.started)
        yield part, now, finish
        needed = needs.get(part.place, frozenset()) if part.kind == "branch" else frozenset()
    if now > start:
        yield None, start, now


def _joined(steps: Iterable[CriticalStep]) -> Iterator[CriticalStep]:
    """Join steps in the same place that follow each other."""
    last: CriticalStep | None = None
    for step in steps:
        if last is not None and _place(last) == _place(step) and last.ended == step.started:
            last = replace(last, ended=step.ended)
            continue
        if last is not None:
            yield last
        last = step
    if last is not None:
        yield last


def _place(step: CriticalStep) -> tuple[object, ...]:
    return step.kind, step.graph, step.branch, step.call
