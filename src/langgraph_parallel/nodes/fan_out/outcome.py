"""Outcome: how a branch ended, by what its worker returned or raised, or what cut it off."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import BaseMessage
from langgraph.types import Command
from pydantic import JsonValue

from langgraph_parallel.answers.message import read_message
from langgraph_parallel.counted import count
from langgraph_parallel.errors import (
    BudgetSpent,
    DeadlineExceeded,
    EndpointResting,
    EndpointUnusable,
    FanOutError,
    Handoff,
    KeptBack,
    NotStarted,
)
from langgraph_parallel.nodes.fan_out.task import Task
from langgraph_parallel.nodes.work.json_data import as_json
from langgraph_parallel.nodes.work.render import GRAPH
from langgraph_parallel.nodes.work.workers import Worker, is_of_package
from langgraph_parallel.records import Below, Branch, Call, EndedBy, RunReport, Status, Verdict
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.emitting import current_emitter
from langgraph_parallel.runtime.explain import kind_of, mark
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.run_report import collect_failures

_INTERNAL = frozenset({"run_report", "branches", "sections"})
"""Output keys of a nested graph that go into other fields of the branch than its value."""


class Outcome:
    """How a branch ended; `failed` until something else is known.

    Args:
        read: reads what the worker returned; None to keep it as it is.
    """

    __slots__ = (
        "_is_refused",
        "_read",
        "below",
        "by",
        "cause",
        "error",
        "notes",
        "report",
        "status",
        "value",
    )

    def __init__(self, read: Callable[[Any], object] | None = None) -> None:
        self._read = read
        self.status: Status = "failed"
        self.value: JsonValue = None
        self.error: str | None = None
        self.by: EndedBy | None = None
        self.report: RunReport | None = None
        self.below: Below | None = None
        self.notes: Sequence[str] = ()
        self.cause: str | None = None
        self._is_refused = False
        """Whether it failed before any work, because the endpoint rests."""

    def returned(self, result: object, worker: Worker) -> None:
        """Keep a worker's result as JSON data, and a nested graph's run report and branches beside it.

        What is read from the result takes its place; what is read from that of a nested graph is added to it,
        unless the graph failed or waits for a person.

        Raises:
            AnswerError: it is a message of a model that is not a whole answer.
            Handoff: it is a command to LangGraph.
            Exception: it is one, or the function that reads it raises one.
        """
        if isinstance(result, Command):
            raise handoff_error(result)
        if isinstance(result, Exception):
            raise result  # as `asyncio.gather` returns them; no error is an answer
        if isinstance(worker, ParallelGraph) and isinstance(result, Mapping):
            answer = {key: value for key, value in result.items() if key not in _INTERNAL}
            self.value = self._as_json({GRAPH: worker.governing.kind, **answer})
            self.status = "ok"
            self._take_nested(result)
            if self._read is not None and self.status == "ok" and not result["run_report"].escalations:
                read: Any = self._read(self.value)
                self.value = as_json({**cast("dict[str, Any]", self.value), **dict(read)})
            return
        given = read_message(result).whole_text() if isinstance(result, BaseMessage) else result
        self.value = self._as_json(given if self._read is None else self._read(given))
        self.status = "ok"

    def _as_json(self, value: object) -> JsonValue:
        notes: list[str] = []
        data = as_json(value, notes)
        self.notes = notes
        return data

    def failed(self, error: Exception, *, begun: bool) -> None:
        """Set the status that an exception means.

        Args:
            error: that the worker raised.
            begun: whether any call was made before it.
        """
        self.value, self.cause = None, kind_of(error)
        self.status, self.error = "timed_out" if self.cause == "timeout" else "failed", describe(error)
        if isinstance(error, EndpointUnusable):
            # No branch of this run may have failed with the cause: a rest may have begun in another one.
            self._is_refused = isinstance(error, EndpointResting) and not begun
            self.status = "failed" if begun or self._is_refused else "skipped"
        elif isinstance(error, NotStarted):
            self.status, self.cause = "cancelled" if begun else "skipped", None  # nothing has failed
            self.by = "budget" if isinstance(error, BudgetSpent) else "drain"
        elif isinstance(error, KeptBack):
            self.status, self.cause = "cancelled", None
            self.by = "stop" if error.final else "completion"
            self.value = as_json(error.outcomes)
        elif isinstance(error, DeadlineExceeded):
            self.by = "deadline"
        elif isinstance(error, FanOutError):
            self._keep_below(error.run_report, {"branches": error.branches, "sections": error.sections})

    def ended(self, bound: Bound, *, begun: bool) -> None:
        """Set the status of a branch that its bound ended."""
        self.by, self.error = bound.ended_by, bound.why
        self.status = "timed_out" if self.by == "deadline" else "cancelled" if begun else "skipped"

    def record(
        self,
        task: Task,
        started: float,
        recorded: Mapping[str, Call],
        worker: Worker | None,
        notes: Sequence[str] = (),
    ) -> Branch:
        """Build the record of the branch.

        Args:
            task: what was sent to it.
            started: when, in seconds since the epoch.
            worker: that did it; None if there was none.
            recorded: the calls of this attempt; those of earlier attempts are added.
            notes: that were made while the worker worked.
        """
        before, report = task.get("before"), self.report
        nested = {call.id: call for call in report.calls} if report else {}
        calls: Sequence[Call] = list({**recorded, **nested}.values())
        if all(call.kind == "worker" for call in recorded.values()) and not nested:
            calls = [*calls, *self._own_call(task["id"], task["name"], started, worker, calls)]
        if before:
            calls = list({call.id: call for call in [*before.calls, *calls]}.values())
        return Branch(
            id=task["id"],
            name=task["name"],
            order=task["order"],
            status=self.status,
            value=self.value,
            error=self.error,
            cause=self.cause,
            notes=[*notes, *self.notes],
            ended_by=self.by,
            attempt=before.attempt + 1 if before else 1,
            started=started,
            ended=time.time(),
            calls=list(calls),
            below=self.below,
            **_nested_fields(report),
        )

    def _own_call(
        self, branch: str, name: str, started: float, worker: Worker | None, failed: Sequence[Call]
    ) -> list[Call]:
        """Count work in which no model call was seen as one call, after attempts that failed."""
        if self.status == "skipped" or self._is_refused or (failed and self.status != "ok"):
            return []
        call = Call(
            id=f"{branch}@{started}",
            kind="engine" if worker is not None and is_of_package(worker) else "worker",
            target=name,
            started=max([started, *(call.ended for call in failed)]),
            ended=time.time(),
            attempt=len(failed) + 1,
            ok=self.status == "ok",
        )
        if (emitter := current_emitter()) is not None:
            emitter.called(call, self.cause)
        return [call]

    def _take_nested(self, result: Mapping[str, Any]) -> None:
        """Read what a nested graph's output means for the branch."""
        report: RunReport = result["run_report"]
        verdict = result.get("verdict")
        vote = verdict if isinstance(verdict, Verdict) else None
        self._keep_below(report, result)
        if vote and (vote.decided_by != "rule" or (vote.decided and _all_whole(result))):
            self.below = None  # a settled vote stays settled, even if some voters failed
        if not report.escalations and not (vote and vote.decided):
            self._fail_if_nothing_succeeded(report, result["branches"])
        if self.status == "ok" and report.status == "failed" and vote is None:
            self.status, self.error = "failed", next(iter(report.failures.values()), "it has no result")

    def _fail_if_nothing_succeeded(self, report: RunReport, inner: Mapping[str, Branch]) -> None:
        """Fail the branch of a graph that closed without a single successful branch."""
        if not report.branches or "ok" in report.branches:
            return
        statuses = cast("list[Status]", list(report.branches))
        self.status = statuses[0] if len(statuses) == 1 else "failed"
        self.by = next(iter(causes)) if len(causes := {b.ended_by for b in inner.values()}) == 1 else None
        kinds = {branch.cause for branch in inner.values()}
        self.cause = next(iter(kinds)) if len(kinds) == 1 else None
        cause = next(iter(report.failures.values()), self.status)
        self.error = f"none of {count(sum(report.branches.values()), 'branch')} below ended ok: {cause}"

    def _keep_below(self, report: RunReport, inner: Mapping[str, Any]) -> None:
        """Keep the inner branches that a redrive needs, unless everything in them ended ok."""
        self.report = report
        branches: Mapping[str, Branch] = inner["branches"]
        failed_steps = report.failures.keys() - collect_failures(branches.values()).keys()
        if report.escalations or failed_steps or not _all_whole(inner):
            self.below = Below(sections=inner.get("sections"), branches=dict(branches))


def handoff_error(command: Any) -> Handoff:
    """Return the error of a worker that hands over to another agent.

    Args:
        command: of LangGraph, that the worker returned or raised.
    """
    goto = command.goto if isinstance(command.goto, list | tuple) else [command.goto]
    names = ", ".join(repr(getattr(one, "node", one)) for one in goto if one) or "nobody"
    error = Handoff(
        f"the worker hands over to {names}, and a branch has no other agents; let it answer, or receive the "
        "handoff: agents.adapt(worker, handoff=...)"
    )
    mark(error, str(error), "handoff")
    return error


def _all_whole(inner: Mapping[str, Any]) -> bool:
    return all(branch.whole for branch in inner["branches"].values())


def _nested_fields(report: RunReport | None) -> dict[str, Any]:
    """Return the fields of a branch that sum up the graph inside it."""
    if report is None:  # empty, and not left out: pydantic copies its defaults, which takes longer
        return {"leaves": {}, "failures": {}, "saved": 0, "trials": [], "escalations": []}
    return {
        "leaves": report.branches,
        "failures": report.failures,
        "saved": report.calls_saved,
        "trials": report.trials,
        "escalations": report.escalations,
    }
