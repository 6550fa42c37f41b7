"""Levels: the invocations of graphs whose events are heard, by `stream_mode="custom"`.

A graph whose stream nobody hears has no level: its calls are told by the branch around it.
"""

import sys
import threading
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp

from langgraph_parallel.records import Branch, Call, RunReport
from langgraph_parallel.records.events import VERSION
from langgraph_parallel.runtime.emitting import Emitter, current_emitter, emitting
from langgraph_parallel.runtime.node_stream import nodes_around, writer
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.share_done import ShareDone

if TYPE_CHECKING:
    from langgraph_parallel.runtime.run import Run

_RESUMING = "__pregel_resuming"
"""The config key under which LangGraph tells nested graphs that a run is resumed."""


class Costs:
    """What a run tree has cost so far. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = self._read = self._written = 0
        self._usd: float | None = 0.0

    def add(self, call: Call) -> dict[str, Any]:
        """Add a call, and return the sums."""
        with self._lock:
            if call.kind == "model" and not call.kept:
                self._calls += 1
                self._read += call.usage.input_tokens
                self._written += call.usage.output_tokens
                if call.usd is not None:
                    self._usd = None if self._usd is None else self._usd + call.usd
                elif call.usage.input_tokens or call.usage.output_tokens:
                    self._usd = None
            return self._sums()

    def sums(self) -> dict[str, Any]:
        """Return the sums."""
        with self._lock:
            return self._sums()

    def _sums(self) -> dict[str, Any]:
        sums = (self._calls, self._read, self._written, self._usd)
        return dict(zip(("calls", "input_tokens", "output_tokens", "usd"), sums, strict=True))


class Level:
    """One invocation of a graph whose events are heard.

    Args:
        run: of the graph.
        graph: its name.
        kind: the pattern.
        thread: of its checkpoints.
        own: whether the caller hears its stream itself, and not through that of a graph around it.
        heard: whether anybody hears its stream; if not, only who hears the whole run does.
    """

    def __init__(
        self, run: "Run", graph: str, kind: str, thread: object, *, own: bool, heard: bool = True
    ) -> None:
        around = current_emitter()
        self.around = around.level if around else None
        self.id = uuid.uuid4().hex
        self.tree: str = self.around.tree if self.around else self.id
        self.costs: Costs = self.around.costs if self.around else Costs()
        self.emitter = Emitter(self, around.branch if around else [])
        """Tells what happens outside of branches."""
        self.progress: ShareDone = ShareDone(
            self.around.progress if self.around else None, self.emitter.branch
        )
        self.report: RunReport | None = None
        """The report of the run, once it has closed."""
        self.waits_for_person = False
        self.has_plan = self.has_told_vote = False
        self._run, self._graph, self._kind, self._thread, self._own = run, graph, kind, thread, own
        self._heard, self._hearer = heard, run.root.hearer
        self._write: Any = None

    def begin(self, config: RunnableConfig) -> None:
        """Tell that the graph has begun, once, before anything else.

        Args:
            config: of one of its nodes.
        """
        if self._write is not None:
            return
        self._write = writer(config) if self._heard else _write_nowhere
        completion, thread = self._run.completion, self._thread
        # The first event tells when the run was called: from then its deadline and its report count.
        since = {} if self.around else {"at": self._run.started}
        self.emitter.emit(
            "run_started",
            **since,
            kind=self._kind,
            parent=self.around.id if self.around else None,
            node="" if self.around else nodes_around(config),
            thread=None if thread is None else str(thread),
            resumed=bool((config.get("configurable") or {}).get(_RESUMING)),
            limits=self._run.limits.model_dump(mode="json", exclude_unset=True),
            completion=None if completion is None else str(completion),
            versions=_versions(),
        )

    def emit(self, event: str, branch: list[str], fields: dict[str, Any]) -> None:
        """Emit an event; what comes after the end of the stream is lost."""
        if self._write is not None:
            made = self._made(event, branch, fields)
            if self._hearer is not None:
                self._hearer.add(made)
            self._write(made)

    def _made(self, event: str, branch: list[str], fields: dict[str, Any]) -> dict[str, Any]:
        return {
            "v": VERSION,
            "event": event,
            "at": time.time(),
            "run": self.tree,
            "graph_run": self.id,
            "graph": self._graph,
            "branch": [*branch],
            **fields,
        }

    def planned(self, ids: Collection[str], kept: Collection[str], **fields: Any) -> None:
        """Tell a plan.

        Args:
            ids: of what is planned.
            kept: ids of what is not worked on again.
            fields: of the event.
        """
        self.has_plan = True
        self.progress.plan(len(ids), kept, more=fields.get("more", False))
        self.emitter.emit("planned", **fields, kept=[*kept])

    def ended(self, branch: Branch, kind: str, *, quiet: bool = False) -> None:
        """Tell that a branch has ended, and how much is done.

        Args:
            branch: its record.
            kind: `section` or `voter`.
            quiet: whether to leave out the value.
        """
        emitter = self.emitter.below(branch.id)
        emitter.emit(
            "ended",
            kind=kind,
            name=branch.name,
            order=branch.order,
            status=branch.status,
            error=branch.error,
            cause=branch.cause,
            ended_by=branch.ended_by,
            attempt=branch.attempt,
            started=branch.started,
            ended=branch.ended,
            leaves=dict(branch.leaves),
            saved=branch.saved,
            asks_person=len(branch.escalations),
            **({} if quiet else {"value": branch.value}),
        )
        self.progress.ended(branch.id)
        self.emitter.emit("progress", **self.progress.fields())

    def close(self, error: Exception | None) -> list[dict[str, Any]]:
        """Tell that the graph has ended: return the events if the caller gets them, else emit them.

        Args:
            error: that it raises; None if it returns.
        """
        if self._write is None:  # it did not begin
            return []
        closing, told = self._closing(error), []
        if closing["status"] in ("ok", "partial") and self.progress.finish():
            told.append(self._made("progress", self.emitter.branch, self.progress.fields()))
        told.append(self._made("run_ended", self.emitter.branch, closing))
        if self._hearer is not None:
            for event in told:
                self._hearer.add(event)
        if self._own:  # LangGraph's own stream is over
            return told
        for event in told:
            self._write(event)
        return []

    def _closing(self, error: Exception | None) -> dict[str, Any]:
        asks = isinstance(error, GraphBubbleUp) or (
            error is None and (self.waits_for_person or self.report is None)
        )
        report: RunReport | None = getattr(error, "run_report", None) or self.report
        numbers = {} if report is None else _numbers(report)
        if asks:
            return {**numbers, "status": "interrupted"}
        if error is not None:
            return {**numbers, "status": "failed", "error": describe(error)}
        return numbers


@contextmanager
def emitting_outside(run: "Run | None", config: RunnableConfig) -> Iterator[None]:
    """Let a node outside of branches be told of by its graph.

    Args:
        run: of the graph; None outside of any.
        config: of the node.
    """
    level = None if run is None else run.level
    if level is not None:
        level.begin(config)
    with emitting(None if level is None else level.emitter):
        yield


def _write_nowhere(event: Mapping[str, Any]) -> None:
    """Do nothing: nobody hears the stream."""


_SHOWN = {"status", "wall_seconds", "sequential_seconds", "branches", "failures", "usd", "retries", "hedges"}


def _numbers(report: RunReport) -> dict[str, Any]:
    return {
        **report.model_dump(include={*_SHOWN, "usd_alone", "calls_saved", "remarks"}),
        "reason": report.completion_reason,
        "calls": len(report.calls),
        "input_tokens": report.usage.input_tokens,
        "output_tokens": report.usage.output_tokens,
        "cache_read_tokens": report.usage.cache_read_tokens,
    }


@cache
def _versions() -> dict[str, str]:
    packages = {name: version(name.replace("_", "-")) for name in ("langgraph_parallel", "langgraph")}
    return {**packages, "python": ".".join(map(str, sys.version_info[:3]))}
