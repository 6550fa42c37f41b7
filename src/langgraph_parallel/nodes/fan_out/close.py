"""Close a fan-out: check the completion policy, survive a failed step, measure the run."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from langgraph_parallel.counted import count
from langgraph_parallel.errors import CompletionError, JoinError
from langgraph_parallel.nodes.fan_out.gathered import in_order
from langgraph_parallel.records import Branch, Call, Escalation, RunReport, Trial
from langgraph_parallel.reducers.completion import Completion, Progress, State
from langgraph_parallel.reducers.votes.diversity import fallback_remarks, lost_diversity, taken_seats
from langgraph_parallel.runtime.batch.late import LateAnswers, late_answers
from langgraph_parallel.runtime.explain import is_bug
from langgraph_parallel.runtime.governor import governed_recording
from langgraph_parallel.runtime.people import is_for_langgraph
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.run_report import measure_run


@dataclass
class ClosingStep:
    """The calls of one step outside of branches, and the cause if it failed."""

    calls: dict[str, Call] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    saved: int = 0
    """Voters or sections that were never asked, because they could not matter any more."""
    trials: list[Trial] = field(default_factory=list)
    """Results of other stops on the ballots of the vote, in shadow mode."""
    escalations: list[Escalation] = field(default_factory=list)
    """The vote itself, if it waits for a person."""
    settled: bool = False
    """Whether there is a result although no branch succeeded: a person or a fallback has decided."""
    lost: bool = False
    """Whether the step has failed, so that there is no result."""
    stopped: str = ""
    """Why a vote ended before all voters were heard; empty if it did not."""

    def report(self, state: Mapping[str, Any]) -> RunReport:
        """Measure the run of a graph that closes with this step."""
        run = current_run()
        branches = in_order(state["branches"])
        late = late_answers(run) if run.outer is None else LateAnswers()
        report = measure_run(
            branches,
            started=run.started,
            ended=time.time(),
            closing={**state["calls"], **self.calls}.values(),
            late=late.calls.values(),
            reason=why_ended(branches, run.completion, self.stopped),
            saved=self.saved,
            trials=self.trials,
            escalations=self.escalations,
        )
        failures = report.failures | self.problems
        status = _status(branches, report, failures)
        if self.lost:
            status = "failed"
        elif status == "failed" and self.settled:
            status = "partial"
        remarks = [*run.root.remarks, *late.remarks(), *self._fallbacks(state, report, run)]
        update = {"failures": failures, "status": status, "remarks": list(dict.fromkeys(remarks))}
        report = report.model_copy(update=update)
        if run.level is not None:
            run.level.report = report
        return report

    def _fallbacks(self, state: Mapping[str, Any], report: RunReport, run: Run) -> list[str]:
        """Say which models answered in place of others, and where that took from the diversity of a panel."""
        remarks = fallback_remarks(report.calls, run.root.passed_over)
        rounds: dict[int, list[Branch]] = {}
        for section in (state.get("sections") or ()) if remarks else ():
            if (branch := state["branches"].get(section.id)) is not None:
                rounds.setdefault(section.round, []).append(branch)
        lost = (lost_diversity(taken_seats(members)) for members in rounds.values())
        return [*remarks, *filter(None, lost)]


def _status(
    branches: Sequence[Branch], report: RunReport, failures: Mapping[str, str]
) -> Literal["ok", "partial", "failed"]:
    """Return whether a run failed as a whole: what a limit of the caller's has ended did not fail."""
    asked = [call for call in report.calls if call.kind == "model"]
    unanswered = bool(asked) and not any(call.ok for call in asked)
    broken = [branch for branch in branches if not branch.ok and branch.ended_by is None]
    none_succeeded = not any(branch.ok for branch in branches)
    if broken and (none_succeeded or unanswered):
        return "failed"
    if not branches and failures:
        return "failed"
    return "partial" if failures else "ok"


def nothing_succeeded(branches: Mapping[str, Branch]) -> bool:
    """Return whether no branch of a fan-out succeeded, although there were some."""
    return bool(branches) and not any(branch.ok for branch in branches.values())


@contextmanager
def closing_step(name: str, state: Mapping[str, Any], *, makes_up: bool = False) -> Iterator[ClosingStep]:
    """Run a step whose failure must not lose the results of the branches, which are paid for.

    What models and endpoints do is data, as in a branch; a bug of the caller's function is none.

    Args:
        name: of the step.
        state: of the graph.
        makes_up: whether something else makes up for the step, whatever it raises.

    Raises:
        GraphBubbleUp: the step interrupts, which LangGraph has to see.
        JoinError: a function of the caller's has a bug; the error carries every branch.
    """
    step = ClosingStep()
    with governed_recording() as step.calls:
        try:
            yield step
        except Exception as error:
            if is_for_langgraph(error):
                raise
            step.problems[name] = describe(error)
            step.lost = not makes_up
            if is_bug(error) and not makes_up:
                raise JoinError(
                    f"{name} failed, and the results are in the branches of this error: {describe(error)}",
                    state["branches"],
                    step.report(state),
                    state.get("sections"),
                ) from error


def require_completion(state: Mapping[str, Any], among: Collection[str] | None = None) -> None:
    """Check that enough branches succeeded for the run's completion policy.

    Args:
        state: of the graph.
        among: ids of the branches that the policy counts; by default all.

    Raises:
        CompletionError: too few succeeded; the error carries every branch.
    """
    policy, branches_by_id = current_run().completion, state["branches"]
    if policy is None or is_complete(branches_by_id, among):
        return
    branches = in_order(branches_by_id)
    counted = [branch for branch in branches if among is None or branch.id in among]
    causes = [f"{branch.name}: {branch.error or branch.status}" for branch in counted if not branch.ok]
    succeeded = f"{len(counted) - len(causes)} of {count(len(counted), 'branch')} succeeded"
    raise CompletionError(
        f"{policy} is not met: {succeeded}; " + "; ".join(causes),
        {branch.id: branch for branch in branches},
        ClosingStep().report(state),
        state.get("sections"),
    )


def is_complete(branches: Mapping[str, Branch], among: Collection[str] | None = None) -> bool:
    """Return whether enough branches succeeded for the run's completion policy.

    Args:
        branches: all of them, by id.
        among: ids of the branches that the policy counts; None for all.
    """
    policy = current_run().completion
    counted = {key: branch for key, branch in branches.items() if among is None or key in among}
    return policy is None or policy.judge(Progress.of(counted)) in {State.MET, State.ENOUGH}


def why_ended(branches: list[Branch], policy: Completion | None, stopped: str = "") -> str:
    """Return why a fan-out ended: all branches finished, or what ended some of them at any level."""
    if stopped:
        return stopped
    early = [branch for branch in branches if branch.ended_by == "completion"]
    if early:  # without a policy it was a graph that ends its own branches, such as a guarded answer
        return early[0].error or "" if policy is None else f"{policy} was reached"
    causes = {branch.ended_by: branch.error or "" for branch in _at_all_levels(branches)}
    for cause in ("drain", "budget", "deadline"):
        if cause in causes:
            return causes[cause]
    return f"all {len(branches)} branches finished" if len(branches) != 1 else "the branch finished"


def _at_all_levels(branches: Iterable[Branch]) -> Iterator[Branch]:
    for branch in branches:
        yield branch
        if branch.below:
            yield from _at_all_levels(branch.below.branches.values())
