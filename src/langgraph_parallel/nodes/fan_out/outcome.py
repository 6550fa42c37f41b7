"""How a branch ends: what its worker returned, raised, or was cut off from."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import BaseMessage
from pydantic import JsonValue, TypeAdapter

from langgraph_parallel.errors import BudgetSpent, CompletionError, DeadlineExceeded, KeptBack, NotStarted
from langgraph_parallel.records import Below, Branch, Call, EndedBy, RunReport, Status, Verdict
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.retry import is_timeout
from langgraph_parallel.runtime.run_report import collect_failures

_JSON: TypeAdapter[Any] = TypeAdapter(Any)


class Ending:
    """How a branch ends: what its worker returned, raised, or was cut off from."""

    def __init__(self) -> None:
        self.status: Status = "failed"
        self.value: JsonValue = None
        self.error: str | None = None
        self.by: EndedBy | None = None
        self.report: RunReport | None = None
        self.below: Below | None = None

    @property
    def calls(self) -> Sequence[Call]:
        """Calls that a graph of ours made below."""
        return self.report.calls if self.report else []

    def harvest(self, returned: object, ours: bool) -> None:
        """Take a worker's result as JSON data, and out of a graph of ours what is for us."""
        self.status = "ok"
        if isinstance(returned, BaseMessage):
            self.value = returned.text
        elif ours and isinstance(returned, Mapping):
            self.value = as_json({key: value for key, value in returned.items() if key not in _FOR_US})
            report, verdict = returned["report"], returned.get("verdict")
            vote = verdict if isinstance(verdict, Verdict) else None
            self._look_below(report, returned)
            if vote and (vote.decided_by != "rule" or (vote.decided and self._all_whole(returned))):
                self.below = None  # it is settled, whoever has failed before
            if not report.escalations and not (vote and vote.decided):
                self._nothing_below(report)
        else:
            self.value = as_json(returned)

    def failed(self, error: Exception, *, begun: bool) -> None:
        """Say what an exception means for the branch."""
        self.status, self.error = "timed_out" if is_timeout(error) else "failed", describe(error)
        if isinstance(error, NotStarted):
            self.status = "cancelled" if begun else "skipped"
            self.by = "budget" if isinstance(error, BudgetSpent) else "drain"
        elif isinstance(error, KeptBack):
            self.status, self.by = "cancelled", "stop" if error.final else "completion"
        elif isinstance(error, DeadlineExceeded):
            self.by = "deadline"
        elif isinstance(error, CompletionError):
            self._look_below(error.report, {"branches": error.branches, "sections": error.sections})

    def ended(self, bound: Bound, *, begun: bool) -> None:
        """A bound has ended it."""
        self.by, self.error = bound.ended_by, bound.why
        self.status = "timed_out" if self.by == "deadline" else "cancelled" if begun else "skipped"

    def own_call(self, branch: str, name: str, started: float) -> list[Call]:
        """The work of a function, as a call; none where it never began."""
        if self.status == "skipped":
            return []
        ok = self.status == "ok"
        return [
            Call(
                id=f"{branch}@{started}",
                kind="worker",
                target=name,
                started=started,
                ended=time.time(),
                ok=ok,
            )
        ]

    @staticmethod
    def _all_whole(inner: Mapping[str, Any]) -> bool:
        return all(branch.whole for branch in inner["branches"].values())

    def _nothing_below(self, report: RunReport) -> None:
        """A graph in which no branch ended ok has not done its work, though it has closed."""
        if not report.branches or "ok" in report.branches:
            return
        statuses = cast("list[Status]", list(report.branches))
        self.status = statuses[0] if len(statuses) == 1 else "failed"
        cause = next(iter(report.failures.values()), self.status)
        self.error = f"none of {sum(report.branches.values())} branches below ended ok: {cause}"

    def _look_below(self, report: RunReport, inner: Mapping[str, Any]) -> None:
        """Keep what a redrive needs, where not everything below ended ok."""
        self.report = report
        branches: Mapping[str, Branch] = inner["branches"]
        closed_badly = report.failures.keys() - collect_failures(branches.values()).keys()
        if report.escalations or closed_badly or not all(branch.whole for branch in branches.values()):
            self.below = Below(sections=inner.get("sections"), branches=dict(branches))


_FOR_US = frozenset({"report", "branches", "sections"})


def as_json(value: object) -> JsonValue:
    """Dump records; what JSON has no form for becomes its text, so that nothing paid for is lost."""
    data: JsonValue = _JSON.dump_python(value, mode="json", fallback=str)
    return _in_64_bits(data)


def _in_64_bits(value: JsonValue) -> JsonValue:
    """Integers that no checkpoint can hold become floats; those that no float can hold become a text."""
    if isinstance(value, dict):
        return {key: _in_64_bits(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_64_bits(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        try:
            return float(value)
        except OverflowError:
            return f"an integer of {value.bit_length()} bits"
    return value
