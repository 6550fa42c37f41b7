"""Guarded: answer a message and check it at once, and release the answer only if every check passes."""

import weakref
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from langgraph_parallel.nodes.catalogue.answer_checks import AnswerChecks
from langgraph_parallel.nodes.catalogue.check_outcomes import read_check
from langgraph_parallel.nodes.catalogue.checks import Check, check_worker_name
from langgraph_parallel.nodes.catalogue.gate import Gate
from langgraph_parallel.nodes.catalogue.withheld_answer import WithheldAnswer
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
        checks: of the message, by name.
        policy: handling of a check that fails to run.
        answer_checks: names of the checks of the answer.
    """

    def __init__(
        self, checks: Mapping[str, Check], policy: Policy, answer_checks: Sequence[str] = ()
    ) -> None:
        self._checks, self._policy, self._answer_checks = list(checks), policy, list(answer_checks)
        blocking = [name for name in checks if checks[name].blocking]
        self._blocking = set(map(check_worker_name, blocking))
        self._gates: weakref.WeakKeyDictionary[Run, Gate] = weakref.WeakKeyDictionary()

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Return the sections of the blocking checks; if there are none, of all checks and the answer."""
        message = require_text(given, "message")
        return self._sections(message, self._blocking) if self._blocking else self._beside(message)

    def _beside(self, message: str) -> list[Section]:
        """Return a section for each check that does not block, then one for the answer.

        The answer comes last because it waits for the checks: if few branches run at once, it must not take
        their place.
        """
        names = set(map(check_worker_name, self._checks)) - self._blocking
        answer = Section(id=ANSWER, title=ANSWER, content=message, worker=ANSWER)
        return [*self._sections(message, names), answer]

    def _sections(self, message: str, names: Collection[str]) -> list[Section]:
        ordered = [name for name in map(check_worker_name, self._checks) if name in names]
        return [Section(id=name, title=name, content=message, worker=name) for name in ordered]

    def gate(self, checks: Collection[str]) -> Gate:
        """Return a gate that waits for checks of the message, and for those of the answer."""
        return Gate(checks, checks_answer=bool(self._answer_checks))

    def watch(self, run: Run, sections: Sequence[Section]) -> Watch:
        """Return the function that opens the gate after the last check, and ends the answer if one trips."""
        checks = set(map(check_worker_name, self._checks))
        planned = {section.id for section in sections}
        # The answer, and the checks beside it, begin after those that block have passed.
        gate = self._gates[run] = self.gate(checks - self._blocking)
        is_first = bool(self._blocking) and ANSWER not in planned
        if missing := sorted((self._blocking if is_first else checks) - planned):
            gate.close(f"{missing[0]} is beyond the limit of sections")

        def after(branch: Branch) -> str | tuple[EndedBy, str]:
            if branch.id == ANSWER and not branch.ok and branch.ended_by is None:
                # A redrive asks again, for the answer and what it needs.
                return "completion", "not needed any more: there is no answer to release"
            if branch.id not in checks:
                return ""
            outcome = read_check(branch.id, branch, "")
            if self.passes(outcome):
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
            if id in checks - self._blocking:
                gate.withhold_until_later(f"{id} waits for a person")

        return Watch(after, asks_person)

    def find_gate(self, run: Run) -> Gate | None:
        """Return the gate of a run; None if the run resumes the plan of another one."""
        return self._gates.get(run)

    def next_round(self, gathered: Gathered) -> Sequence[Section]:
        """Return what follows the blocking checks, or the answer again if its checks have passed by now.

        Not after a check that has not passed.
        """
        message = str(gathered.given["message"])
        if ANSWER not in gathered.branches:
            blocking = [o for o in self._outcomes(gathered) if check_worker_name(o.check) in self._blocking]
            return self._beside(message) if blocking and all(map(self.passes, blocking)) else []
        if ANSWER in gathered.by_id or LATE in gathered.branches:
            return []
        answer = gathered.branches[ANSWER]
        by_its_own = bool(_answer_outcomes(answer))
        if (
            answer.ended_by != "completion"
            or by_its_own
            or not all(map(self.passes, self._outcomes(gathered)))
        ):
            return []
        return [Section(id=LATE, title=ANSWER, content=message, worker=LATE)]

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Return the answer if every check has passed, else the reason."""
        given = gathered.branches.get(LATE) or gathered.branches.get(ANSWER)
        of_message, of_answer = self._outcomes(gathered), _answer_outcomes(given)
        answer = gathered.by_id.get(LATE, gathered.by_id.get(ANSWER))
        if self._answer_checks and isinstance(answer, dict):
            answer = answer["answer"]
        failing = [outcome for outcome in [*of_message, *of_answer] if not self.passes(outcome)]
        # What has tripped comes before what could not be decided, and has cancelled it, perhaps.
        failing.sort(key=lambda o: (o.status != "flagged", check_worker_name(o.check) not in self._blocking))
        reason = _explain(failing[0], self._answer_checks) if failing else ""
        has_failed = given is not None and not given.ok and given.ended_by is None
        if answer is None and (not reason or (has_failed and failing[0].status != "flagged")):
            reason = "there is no answer"
        released = not reason
        return {
            "answer": answer if released else None,
            "released": released,
            "reason": reason,
            "outcomes": [*of_message, *(of_answer or self._unseen())],
        }

    def _unseen(self) -> list[CheckOutcome]:
        """Return the outcomes of the checks of an answer that there is not."""
        return [read_check(check, None, "") for check in self._answer_checks]

    def _outcomes(self, gathered: Gathered) -> list[CheckOutcome]:
        message = str(gathered.given.get("message", ""))
        return [
            read_check(check, gathered.branches.get(check_worker_name(check)), message)
            for check in self._checks
        ]

    def passes(self, outcome: CheckOutcome) -> bool:
        """Return whether an outcome lets the answer pass."""
        return lets_pass(outcome, self._policy)


def build_answer_workers(
    answer: WorkerLike | None,
    prompt: Prompt,
    model: ModelLike | None,
    guard: GuardedSteps,
    *,
    stream: bool,
    checks: AnswerChecks | None,
) -> dict[str, WorkerLike]:
    """Return the workers that answer: beside the checks, and after them.

    Args:
        answer: the caller's worker; None to ask a model with `prompt`.
        prompt: with the variable `{message}`.
        model: that answers.
        guard: has the gates.
        stream: whether the answer is streamed once it is released.
        checks: of the answer; None if it is not checked.
    """
    limits = Limits(hedge="off") if stream else None  # a hedge would stream a second answer
    worker: Worker = Ask(prompt, model=model, limits=limits)
    if answer is not None:
        worker = as_worker(answer, "guarded/answer", offers=())
    return {
        ANSWER: WithheldAnswer(worker, guard.find_gate, stream=stream, checks=checks),
        # The checks of the message have passed already.
        LATE: WithheldAnswer(worker, lambda _: guard.gate([]), stream=stream, checks=checks),
    }


def lets_pass(outcome: CheckOutcome, policy: Policy) -> bool:
    """Return whether a check lets pass what it checked: one that is undecided never does."""
    return outcome.status == "clean" or (policy == "open" and outcome.status == "not_run")


def _answer_outcomes(branch: Branch | None) -> list[CheckOutcome]:
    """Return the outcomes of the checks of an answer; empty if they have not run."""
    value = branch.value if branch is not None else None
    # A list is what a withheld answer leaves behind.
    said = value.get("outcomes") if isinstance(value, dict) else value if branch and not branch.ok else None
    return [CheckOutcome.model_validate(outcome) for outcome in said] if isinstance(said, list) else []


def _explain(outcome: CheckOutcome, of_answer: Collection[str]) -> str:
    """Return why a check withholds the answer, in words for the person who wrote the message."""
    if outcome.check in of_answer:
        what = "has flagged the answer" if outcome.status == "flagged" else "could not be decided"
        return f"{outcome.check} {what}"
    if outcome.status == "flagged":
        return " ".join(outcome.reasons) or f"{outcome.check} has flagged it"
    return f"{outcome.check} could not be decided"
