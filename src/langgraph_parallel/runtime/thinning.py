"""Which runs a trace holds: those that say something, and fewer of them when it grows too large.

A run that is left out hands its children to the nearest run above it that is kept. In a graph of this package
the node of a branch and what it runs have the same thing to say, and so do the nodes that open, count and
close a nested graph: `full` keeps what runs in a branch and names it, `branches` keeps the nodes of branches.
LangSmith takes 25,000 runs for a trace. Before that, only branches are traced, and then only those that fail.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal
from uuid import UUID

from langchain_core.tracers.langchain import LangChainTracer

from langgraph_parallel.runtime.trace_options import TraceLevel

ONLY_BRANCHES, ONLY_FAILURES, NO_MORE = 20_000, 24_000, 24_900
"""Runs in a trace, from which on fewer are added."""
_MOST_STEPS = 15
"""Most steps of its own that the outermost graph adds to a trace."""
_MOST_TRACES = 256
_AGENT_STEPS = frozenset({"model", "tools"})
"""Nodes of LangChain's agents; the calls in them have runs of their own."""
Role = Literal["graph", "step", "branch", "router", "other"]


@dataclass
class Count:
    """How many runs a trace has."""

    runs: int = 0


_counts: "OrderedDict[object, Count]" = OrderedDict()


def count_of(trace: object) -> Count:
    """Return the count of a trace, which several graphs may add to, one after another."""
    count = _counts.setdefault(trace, Count())
    _counts.move_to_end(trace)
    while len(_counts) > _MOST_TRACES:
        _counts.popitem(last=False)
    return count


@dataclass(frozen=True)
class GraphRun:
    """A run of a graph of this package."""

    steps: frozenset[str]
    """Names of its nodes that are worth a run of their own, if it is the outermost."""
    contents: bool
    """Whether its traces may hold contents."""


@dataclass
class Tracing:
    """How one invocation of the outermost graph is traced."""

    level: TraceLevel
    contents: bool
    count: Count
    note: Callable[[str], None]
    """Says in the run report that runs are left out."""
    allowed: Collection[str] = ()
    """Metadata that the caller has chosen."""
    tracers: Sequence[LangChainTracer] = ()
    """Those of LangSmith that follow the run."""
    graphs: dict[UUID, GraphRun] = field(default_factory=dict)
    steps: int = 0

    def level_now(self) -> TraceLevel | Literal["failures"]:
        """Return the level at which the next run is added."""
        if self.count.runs < ONLY_BRANCHES or self.level == "graph":
            return self.level
        if self.level == "full":
            self.note(
                f"the trace has {ONLY_BRANCHES:,} runs, of the 25,000 that LangSmith takes: from there on it "
                "holds only branches; trace='branches' traces all of them alike"
            )
        if self.count.runs < ONLY_FAILURES:
            return "branches"
        self.note(
            f"the trace has {ONLY_FAILURES:,} runs, of the 25,000 that LangSmith takes: from there on it "
            "holds only branches that failed"
        )
        return "failures"


@dataclass(slots=True)
class Place:
    """A run in progress, and where it stands."""

    role: Role
    kept: UUID | None
    """The run itself if it is in the trace, else the nearest one above that is."""
    is_kept: bool
    contents: bool
    above: "Place | None"
    name: str = ""
    graph: GraphRun | None = None
    told: bool = False
    """Whether something below is in the trace."""
    given: Any = None
    """What the branch was sent, if it may have to be added later."""


class Thinned:
    """The runs of one tracer that are in progress.

    Args:
        tracing: shared by all tracers of an invocation.
        counts: whether its runs are those of LangSmith.
    """

    def __init__(self, tracing: Tracing, *, counts: bool) -> None:
        self.tracing, self._counts = tracing, counts
        self._open: dict[UUID, Place] = {}

    def begin(
        self,
        run_id: UUID,
        parent_id: UUID | None,
        name: str,
        tags: Sequence[str] | None,
        metadata: Mapping[str, Any] | None,
    ) -> Place:
        """Find the place of a run that begins."""
        tracing = self.tracing
        above = self._open.get(parent_id) if parent_id is not None else None
        graph = tracing.graphs.get(run_id)
        role: Role = "graph" if graph is not None else _role(above, tags or (), metadata or {})
        is_kept = self._keeps(role, above, name, tags or (), metadata or {})
        contents = (tracing.contents if above is None else above.contents) and (
            graph is None or graph.contents
        )
        kept = run_id if is_kept else (parent_id if above is None else above.kept)
        place = self._open[run_id] = Place(role, kept, is_kept, contents, above, name, graph)
        if is_kept:
            self.added(place)
        return place

    def added(self, place: Place) -> None:
        """Count a run, and note it for the runs above that are left out."""
        if self._counts:
            self.tracing.count.runs += 1
        above = place.above
        while above is not None and not above.told:
            above.told, above = True, above.above

    def parent(self, place: Place, parent_id: UUID | None) -> UUID | None:
        """Return the run below which a run is put."""
        return parent_id if place.above is None else place.above.kept

    def get(self, run_id: UUID) -> Place | None:
        """Return the place of a run in progress; None if it began elsewhere."""
        return self._open.get(run_id)

    def end(self, run_id: UUID) -> Place | None:
        """Return the place of a run, and forget it."""
        return self._open.pop(run_id, None)

    def may_add_failure(self) -> bool:
        """Return whether a branch that failed can be added when it has ended."""
        return self.tracing.level != "graph" and self.tracing.count.runs < NO_MORE

    def _keeps(
        self,
        role: Role,
        above: Place | None,
        name: str,
        tags: Sequence[str],
        metadata: Mapping[str, Any],
    ) -> bool:
        level = self.tracing.level_now()
        if above is None:  # the outermost graph, or something beside it
            return True
        if role == "graph":
            return level == "full"
        if role == "branch":
            return level == "branches"
        if role == "step":
            return self._keeps_step(above, name)
        return level == "full" and role == "other" and not _is_agent_step(name, tags, metadata)

    def _keeps_step(self, above: Place, name: str) -> bool:
        if above.above is not None or above.graph is None or name not in above.graph.steps:
            return False
        self.tracing.steps += 1
        return self.tracing.steps <= _MOST_STEPS and self.tracing.count.runs < NO_MORE


def _role(above: Place | None, tags: Sequence[str], metadata: Mapping[str, Any]) -> Role:
    if above is None:
        return "other"
    if above.graph is not None and _is_node(tags):
        path = metadata.get("langgraph_path") or ("",)
        return "branch" if str(path[0]).endswith("push") else "step"
    if above.role in ("branch", "step") and _is_router(tags):
        return "router"
    return "other"


def _is_node(tags: Sequence[str]) -> bool:
    return any(tag.startswith("graph:step:") for tag in tags)


def _is_router(tags: Sequence[str]) -> bool:
    """Return whether a run is a later step of a node than its function: what writes, or chooses the next."""
    return any(tag.startswith("seq:step:") and tag != "seq:step:1" for tag in tags)


def _is_agent_step(name: str, tags: Sequence[str], metadata: Mapping[str, Any]) -> bool:
    is_agent = metadata.get("ls_integration") == "langchain_create_agent"
    return is_agent and name in _AGENT_STEPS and _is_node(tags)


assert all(one < other for one, other in pairwise((ONLY_BRANCHES, ONLY_FAILURES, NO_MORE, 25_000)))
