"""Reading the outline of a run from its record."""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from statistics import median

from langgraph_parallel.records.run_record import (
    RecordedBranch,
    RecordedCall,
    RecordedGraph,
    RunRecord,
)
from langgraph_parallel.replays.changes import Changes
from langgraph_parallel.replays.client import read_prepared
from langgraph_parallel.replays.outline import Block, Request, Step, Work
from langgraph_parallel.replays.rules import VoteReader
from langgraph_parallel.replays.voters import make_poll

_MOMENT = 0.001
"""Seconds by which what follows may seem to begin before what it follows has ended: clocks are read twice."""


@dataclass(frozen=True)
class Item:
    """A part of a block, and when it was."""

    work: Work
    ready: float
    """When it could begin: a request, when it joined the line for a slot."""
    ended: float
    needs: tuple[str, ...] | None = None
    """Ids of the sections that it needs; None for what is not a section."""
    id: str = ""
    order: int = 0
    """Position in the plan, of a section."""


class Reading:
    """Reads the outlines of the graphs of a record.

    Args:
        record: of the run.
        changes: that the outline is replayed under.
        votes: reads how votes count.
    """

    def __init__(self, record: RunRecord, changes: Changes, votes: VoteReader) -> None:
        self._record, self._changes, self._votes = record, changes, votes
        self._ready = _line_joined(record)
        self._branches: dict[int, list[int]] = defaultdict(list)
        for place, branch in enumerate(record.branches):
            self._branches[branch.graph].append(place)
        self._inner: dict[tuple[int | None, int | None], list[int]] = defaultdict(list)
        for place, graph in enumerate(record.graphs):
            self._inner[graph.parent, graph.branch].append(place)
        self._own_calls: dict[int, list[RecordedCall]] = defaultdict(list)
        for call in record.calls_by_branch.get(None, ()):
            self._own_calls[call.graph].append(call)
        self._prepared = read_prepared(record, self._first_requests())
        self._shared: set[tuple[int, float]] = set()
        """Graphs and times at which a request for several answers has left."""

    def roots(self, invocation: int) -> list[Block]:
        """Return the outermost graphs of an invocation."""
        places = self._inner[None, None]
        return [self.graph(place) for place in places if self._record.graphs[place].invocation == invocation]

    def graph(self, place: int) -> Block:
        """Return the outline of a graph."""
        row = self._record.graphs[place]
        path = () if row.branch is None else tuple(self._record.branches[row.branch].path)
        items = [*self._requests(self._own_calls[place]), *map(self._graph_item, self._inner[place, None])]
        voters = [p for p in self._branches[place] if self._record.branches[p].kind == "voter"]
        if row.vote is not None and voters and self._votes.can_count(row, path):
            items.append(self._poll_item(row, path, voters))
            sections = [p for p in self._branches[place] if p not in voters]
        else:
            sections = self._branches[place]
        needs = {section.id: tuple(section.needs) for section in row.sections}
        items += [self._branch_item(p, needs) for p in sections]
        return _block(row, path, row.name, items)

    def branch(self, place: int) -> Block:
        """Return the outline of a branch."""
        row = self._record.branches[place]
        graph = self._record.graphs[row.graph]
        items = self._requests(self._record.calls_by_branch.get(place, ()))
        items += map(self._graph_item, self._inner[row.graph, place])
        return _block(row, tuple(row.path), graph.name, items)

    def _graph_item(self, place: int) -> Item:
        row = self._record.graphs[place]
        return Item(self.graph(place), row.started, row.ended)

    def _branch_item(self, place: int, needs: Mapping[str, tuple[str, ...]]) -> Item:
        row = self._record.branches[place]
        id = row.path[-1]
        return Item(self.branch(place), row.started, row.ended, needs.get(id, ()), id, row.order)

    def _poll_item(self, row: RecordedGraph, path: tuple[str, ...], places: Sequence[int]) -> Item:
        voters = {place: self._record.branches[place] for place in places}
        blocks = {voter.path[-1]: self.branch(place) for place, voter in voters.items()}
        first = {voter.path[-1]: self._prepared.get(place) for place, voter in voters.items()}
        prepare = {name: prepared.seconds for name, prepared in first.items() if prepared is not None}
        poll = make_poll(row, path, blocks, prepare, self._changes, self._votes)
        assert row.vote is not None
        ends = [voter.ended for voter in voters.values()] + [ballot.at for ballot in row.vote.ballots]
        return Item(poll, min(voter.started for voter in voters.values()), max(ends))

    def _first_requests(self) -> dict[int, float]:
        """Return when the first request of each voter joined the line, by the position of its branch."""
        first: dict[int, float] = {}
        for place, branch in enumerate(self._record.branches):
            if branch.kind == "voter":
                calls = self._record.calls_by_branch.get(place, ())
                begun = [self._ready.get(call.id, call.started) for call in calls if not call.hedge]
                begun += [self._record.graphs[p].started for p in self._inner[branch.graph, place]]
                if begun:
                    first[place] = min(begun)
        return first

    def _requests(self, calls: Sequence[RecordedCall]) -> list[Item]:
        """Return requests, each with its hedge."""
        firsts = [call for call in calls if not call.hedge]
        hedges: dict[str, RecordedCall] = {}
        for hedge in (call for call in calls if call.hedge):
            late = [call for call in firsts if call.started <= hedge.started <= call.ended + _MOMENT]
            if late := [call for call in late if call.attempt == hedge.attempt and call.id not in hedges]:
                hedges[late[-1].id] = hedge
        return [self._request(call, hedges.get(call.id)) for call in firsts]

    def _request(self, call: RecordedCall, hedge: RecordedCall | None) -> Item:
        holds_slot = call.kind == "model" and not call.kept and call.lane == "live"
        if call.samples > 1 and holds_slot:
            key = call.graph, round(call.started, 4)
            holds_slot = key not in self._shared
            self._shared.add(key)
        ended = call.ended if hedge is None else max(call.ended, hedge.ended)
        is_known = self._ended_by_itself(call, hedge)
        invocation = self._record.graphs[call.graph].invocation
        is_ended = self._record.invocations[invocation].status in ("cancelled", "running")
        branch = None if call.branch is None else self._record.branches[call.branch]
        ends_with_run = is_ended and not is_known and (branch is None or branch.status is None)
        prepared = None if call.branch is None else self._prepared.get(call.branch)
        held = prepared.held if prepared is not None and prepared.ready == call.started else None
        request = Request(call, hedge, holds_slot, is_known, ends_with_run, held=held)
        return Item(request, self._ready.get(call.id, call.started), ended)

    def _ended_by_itself(self, call: RecordedCall, hedge: RecordedCall | None) -> bool:
        """Return whether a call was answered or failed, and was not cut off."""
        if call.ok or call.throttled or call.cause is not None:
            return True
        branch = None if call.branch is None else self._record.branches[call.branch]
        return hedge is None and branch is not None and branch.status is not None and not branch.ended_by


def _line_joined(record: RunRecord) -> dict[str, float]:
    """Return when calls joined the line for a slot or a rate, of those whose wait is replayed.

    Once an endpoint has refused a request, what waits does so for a pace that the record does not tell.
    """
    refused: dict[str, float] = {}
    for call in record.calls:
        if call.throttled:
            refused[call.target] = min(refused.get(call.target, call.ended), call.ended)
    is_free = {call.id: call.started < refused.get(call.target, math.inf) for call in record.calls}
    joined: dict[str, float] = {}
    for wait in record.waits:
        if wait.call is not None and wait.on in ("slot", "rate") and is_free.get(wait.call):
            joined[wait.call] = min(joined.get(wait.call, wait.started), wait.started)
    return joined


def _block(
    row: RecordedGraph | RecordedBranch, path: tuple[str, ...], graph: str, items: list[Item]
) -> Block:
    if not items:
        return Block(row, path, graph, (), max(0.0, row.ended - row.started))
    items.sort(key=lambda item: (item.ready, item.order, item.ended))
    tail = max(0.0, row.ended - max(item.ended for item in items))
    return Block(row, path, graph, tuple(_steps(items, row.started)), tail)


def _steps(items: Sequence[Item], started: float) -> Iterator[Step]:
    """Yield the steps of a block.

    Args:
        items: its parts, in the order in which they could begin.
        started: when the block began.
    """
    places = {item.id: number for number, item in enumerate(items) if item.id}
    causes = sorted((item.ended, number) for number, item in enumerate(items) if not _is_cut(item.work))
    before = cache(partial(_before, items))
    first, reached = 0, items[0].ended
    for number, item in enumerate(items):
        if item.ready >= reached - _MOMENT:  # all before it had ended: a new stage
            first = number
        reached = max(reached, item.ended)
        if item.needs:
            after = tuple(places[need] for need in item.needs if places.get(need, number) < number)
        else:
            after = before(first if item.needs is not None else number)
        since = max((items[other].ended for other in after), default=started)
        yield Step(item.work, after, max(0.0, item.ready - since), _cut_by(number, item, causes))


def _before(items: Sequence[Item], place: int) -> tuple[int, ...]:
    """Return the items that had ended before the one at a place could begin."""
    latest = items[place].ready + _MOMENT
    return tuple(number for number, item in enumerate(items[:place]) if item.ended <= latest)


def _cut_by(place: int, item: Item, causes: Sequence[tuple[float, int]]) -> int | None:
    """Return the item whose end cut this one off; None if that was nothing of the kind."""
    row = item.work.row if isinstance(item.work, Block) else None
    if not isinstance(row, RecordedBranch) or row.ended_by not in ("completion", "stop"):
        return None
    before = bisect_right(causes, (item.ended + _MOMENT, len(causes) + place))
    return causes[before - 1][1] if before else None


def _is_cut(work: Work) -> bool:
    return isinstance(work, Block) and isinstance(work.row, RecordedBranch) and bool(work.row.ended_by)


def turnaround(record: RunRecord) -> float:
    """Return the seconds from when a request gives back its slot to when the next one has left, usually."""
    ends = sorted(call.ended for call in record.calls)
    for_slots = {wait.call for wait in record.waits if wait.on == "slot"} & _line_joined(record).keys()
    starts = [call.started for call in record.calls if call.id in for_slots and call.started >= ends[0]]
    return median([start - ends[bisect_right(ends, start) - 1] for start in starts] or [0.0])
