"""Guarded: answer a message and check it at once, and release the answer only if every check passes."""

import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langgraph_parallel.nodes.catalogue.check_outcomes import read_check
from langgraph_parallel.nodes.catalogue.checks import check_worker_name
from langgraph_parallel.nodes.catalogue.gate import Gate, WithheldAnswer
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.inputs import require_text
from langgraph_parallel.nodes.work.workers import Worker, WorkerLike, as_worker
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Branch, CheckOutcome, EndedBy, Section
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.early_end import Watch
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.run import Run

ANSWER, LATE = "answer", "answer, after the checks"
"""Names of the workers that answer: beside the checks, and in a later round."""
Policy = Literal["closed", "open"]
"""Whether a check that fails to run withholds the answer, or releases it."""


class GuardedSteps:
    """The checks of a guarded answer, and the gates of its runs.

    Args:
        checks: names of the checks.
        policy: handling of a check that fails to run.
    """

    def __init__(self, checks: Sequence[str], policy: Policy) -> None:
        self._checks, self._policy = checks, policy
        self._gates: weakref.WeakKeyDictionary[Run, Gate] = weakref.WeakKeyDictionary()

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Return a section for each check, then one for the answer.

        The answer comes last because it waits for the checks: if few branches run at once, it must not take
        their place.
        """
        message = require_text(given, "message")
        names = (*map(check_worker_name, self._checks), ANSWER)
        return [Section(id=name, title=name, content=message, worker=name) for name in names]

    def watch(self, run: Run, sections: Sequence[Section]) -> Watch:
        """Return the function that opens the gate after the last check, and ends the answer if one trips."""
        checks = set(map(check_worker_name, self._checks))
        gate = self._gates[run] = Gate(checks)
        if missing := sorted(checks - {section.id for section in sections}):
            gate.close(f"{missing[0]} is beyond the limit of sections")

        def after(branch: Branch) -> str | tuple[EndedBy, str]:
            if branch.id == ANSWER and not branch.ok and branch.ended_by is None:
                # A redrive asks again, for the answer and what it needs.
                return "completion", "not needed any more: there is no answer to release"
            if branch.id not in checks:
                return ""
            outcome = read_check(branch.id, branch, "")
            if self._passes(outcome):
                gate.passed(branch.id)
                return ""
            tripped = outcome.status == "flagged"
            gate.close(f"{branch.id} has not passed", final=tripped)
            if tripped:
                return f"not needed any more: {branch.id} has tripped"
            # Not a stop: a redrive, or a person, may still decide the check, and then the answer is needed.
            return "completion", f"withheld: {branch.id} could not be decided"

        def asks_person(id: str) -> None:
            # The answer would wait for the check, and LangGraph for the answer before it asks the person. It
            # cannot be kept until then: no checkpoint may hold it. So it follows once the check has passed.
            if id in checks:
                gate.withhold_until_later(f"{id} waits for a person")

        return Watch(after, asks_person)

    def find_gate(self, run: Run) -> Gate | None:
        """Return the gate of a run; None if the run resumes the plan of another one."""
        return self._gates.get(run)

    def next_round(self, gathered: Gathered) -> Sequence[Section]:
        """Return the answer again, if it was withheld because of checks that have passed by now."""
        if gathered.last_round > 0 or ANSWER in gathered.by_id or ANSWER not in gathered.branches:
            return []
        withheld = gathered.branches[ANSWER].ended_by == "completion"
        if not withheld or not all(map(self._passes, self._outcomes(gathered))):
            return []
        message = str(gathered.given["message"])
        return [Section(id=LATE, title=ANSWER, content=message, worker=LATE)]

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Return the answer if every check has passed, else the reason."""
        outcomes = self._outcomes(gathered)
        answer = gathered.by_id.get(ANSWER, gathered.by_id.get(LATE))
        failing = [outcome for outcome in outcomes if not self._passes(outcome)]
        # What has tripped comes before what could not be decided, and has cancelled it, perhaps.
        failing.sort(key=lambda outcome: outcome.status != "flagged")
        reason = _explain(failing[0]) if failing else ""
        failed = gathered.branches.get(ANSWER)
        has_failed = failed is not None and not failed.ok and failed.ended_by is None
        if answer is None and (not reason or (has_failed and failing[0].status != "flagged")):
            reason = "there is no answer"
        released = not reason
        return {
            "answer": answer if released else None,
            "released": released,
            "reason": reason,
            "outcomes": outcomes,
        }

    def _outcomes(self, gathered: Gathered) -> list[CheckOutcome]:
        message = str(gathered.given.get("message", ""))
        return [
            read_check(check, gathered.branches.get(check_worker_name(check)), message)
            for check in self._checks
        ]

    def _passes(self, outcome: CheckOutcome) -> bool:
        return outcome.status == "clean" or (self._policy == "open" and outcome.status == "not_run")


def build_answer_workers(
    answer: WorkerLike | None, prompt: Prompt, model: ModelLike | None, guard: GuardedSteps, *, stream: bool
) -> dict[str, WorkerLike]:
    """Return the workers that answer: beside the checks, and after them.

    Args:
        answer: the caller's worker; None to ask a model with `prompt`.
        prompt: with the variable `{message}`.
        model: that answers.
        guard: has the gates.
        stream: whether the answer is streamed once it is released.
    """
    limits = Limits(hedge="off") if stream else None  # a hedge would stream a second answer
    worker: Worker = Ask(prompt, model=model, limits=limits)
    if answer is not None:
        worker = as_worker(answer, "guarded/answer", offers=())
    return {
        ANSWER: WithheldAnswer(worker, guard.find_gate, stream=stream),
        LATE: WithheldAnswer(worker, lambda _: Gate([]), stream=stream),  # the checks have passed already
    }


def _explain(outcome: CheckOutcome) -> str:
    """Return why a check withholds the answer, in words for the person who wrote the message."""
    if outcome.status == "flagged":
        return " ".join(outcome.reasons) or f"{outcome.check} has flagged it"
    return f"{outcome.check} could not be decided"
