"""The KPIs of a run as feedback on its trace, and undecided votes in an annotation queue."""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache, lru_cache
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client
from langsmith.utils import get_tracer_project

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.run_record import Outcome
from langgraph_parallel.runtime.limits import PREFIX
from langgraph_parallel.runtime.redact import describe

if TYPE_CHECKING:
    from langsmith.types.annotation_queues.item_create_params import Item

    from langgraph_parallel.runtime.run import Run

FEEDBACK = f"{PREFIX}TRACE_FEEDBACK"
"""The variable that says whether the KPIs of runs go to their traces: true or false."""
_LOG = logging.getLogger(__name__)


def annotation_queue(built: str | None) -> str:
    """Return the name of the queue for votes that a person has to decide; empty for none."""
    return built or os.environ.get(f"{PREFIX}ANNOTATION_QUEUE", "").strip()


class TraceFeedback:
    """Hears a run, and tells LangSmith at its end what it was worth.

    Requests go out in a thread of their own; a failure is logged, and harms no run.

    Args:
        run: the outermost one.
        scores: whether KPIs are sent.
        queue: name of the annotation queue for a run that asks a person; empty for none.
    """

    def __init__(self, run: "Run", *, scores: bool, queue: str) -> None:
        self._run, self._sends, self._queue = run, scores, queue
        self._calls = self._throttled = 0
        self._shares: list[float] = []
        self._end: Mapping[str, Any] = {}
        self._asks_person = False

    def add(self, event: Mapping[str, Any]) -> None:
        """Hear an event."""
        kind = event["event"]
        if kind == "called" and event["kind"] == "model" and event["counted"] and not event["kept"]:
            self._calls += 1
            self._throttled += event["throttled"]
        elif kind == "verdict" and event["n"]:
            self._shares.append(event["k"] / event["n"])
        elif kind == "waiting" and event["on"] == "person":
            self._asks_person = True
        elif kind == "run_ended" and event["graph_run"] == event["run"]:
            self._end = event

    def close(self, status: Outcome) -> None:
        """Send what there is to be sent."""
        tracing = self._run.tracing
        if tracing is None or not tracing.graphs:
            return
        run_id = next(iter(tracing.graphs))
        for tracer in tracing.tracers:
            if self._sends and self._end.get("wall_seconds"):
                _in_thread(_send_scores, tracer, run_id, self.scores())
            if self._queue and self._asks_person:
                _in_thread(_add_to_queue, tracer, run_id, self._queue)

    def scores(self) -> dict[str, float]:
        """Return the KPIs by their key; one without a value is left out.

        `latency_reduction`: share of the sequential time that was not needed, 0 to 1.
        `aggregation_quality`: mean share of ballots for the choice, over all votes, 0 to 1.
        `concurrency_cost`: US dollars. `throttle_rate`: share of calls answered 429, 0 to 1.
        `failed_branches`, `calls_saved`: numbers.
        """
        end, scores = self._end, {}
        if end["sequential_seconds"]:
            scores["latency_reduction"] = max(0.0, 1 - end["wall_seconds"] / end["sequential_seconds"])
        if self._shares:
            scores["aggregation_quality"] = fmean(self._shares)
        if end["usd"] is not None:
            scores["concurrency_cost"] = end["usd"]
        if self._calls:
            scores["throttle_rate"] = self._throttled / self._calls
        branches = end["branches"]
        scores["failed_branches"] = branches.get("failed", 0) + branches.get("timed_out", 0)
        scores["calls_saved"] = end["calls_saved"]
        return scores


class _TracedRun(NamedTuple):
    """Where LangSmith finds a run."""

    run_id: UUID
    trace_id: UUID
    session_id: UUID
    """Of the project."""
    start_time: datetime

    @classmethod
    def of(cls, tracer: LangChainTracer, run_id: UUID) -> "_TracedRun":
        """Look up a run that a tracer has followed."""
        trace_id, dotted_order = tracer.order_map[run_id]
        begun = dotted_order.rpartition(".")[2].partition("Z")[0]
        name = tracer.project_name or get_tracer_project()
        moment = datetime.strptime(begun, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
        return cls(run_id, trace_id, _project_id(tracer.client, name), moment)


@lru_cache(maxsize=64)
def _project_id(client: Client, name: str) -> UUID:
    client.flush()  # the first run of a project makes it
    id: UUID = client.read_project(project_name=name).id
    return id


def _send_scores(tracer: LangChainTracer, run_id: UUID, scores: Mapping[str, float]) -> None:
    run = _TracedRun.of(tracer, run_id)
    for key, score in scores.items():
        tracer.client.create_feedback(
            run_id,
            key,
            score=score,
            trace_id=run.trace_id,
            session_id=run.session_id,
            start_time=run.start_time,
            extend_trace_retention=False,  # LangSmith would else keep the trace for longer, at a higher price
            stop_after_attempt=3,
        )


def _add_to_queue(tracer: LangChainTracer, run_id: UUID, name: str) -> None:
    client, run = tracer.client, _TracedRun.of(tracer, run_id)
    queues = list(client.list_annotation_queues(name=name, limit=1))
    if not queues:
        raise UsageError(f"there is no annotation queue {name!r}; create it in LangSmith")
    client.flush()  # the run has to be there before it is put into the queue
    item: Item = {
        "item_type": "RUN",
        "run_id": str(run_id),
        "session_id": str(run.session_id),
        "start_time": run.start_time,
    }
    asyncio.run(client.annotation_queues.items.create(str(queues[0].id), items=[item]))


def _in_thread(send: Callable[..., None], *given: Any) -> None:
    _threads().submit(send, *given).add_done_callback(_log_failure)


@cache
def _threads() -> ThreadPoolExecutor:
    """One thread, whose work is done before the process ends."""
    return ThreadPoolExecutor(1, thread_name_prefix="langgraph-parallel-feedback")


def _log_failure(sent: "Future[None]") -> None:
    if (error := sent.exception()) is not None:
        _LOG.warning("LangSmith did not take the feedback of a run: %s", describe(error))
