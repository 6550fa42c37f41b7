"""What every closing node does: ask the completion policy, survive its own failure, measure the run."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from langgraph.errors import GraphBubbleUp

from langgraph_parallel.errors import CompletionError
from langgraph_parallel.nodes.fan_out.gathered import in_order
from langgraph_parallel.records import Branch, Call, Escalation, RunReport, Trial
from langgraph_parallel.reducers.completion import Completion, Progress, State
from langgraph_parallel.runtime.recording import recording
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.run import current_run
from langgraph_parallel.runtime.run_report import measure


@dataclass
class ClosingStep:
    """The calls of one step outside of branches, and its failure, if it failed."""

    calls: dict[str, Call] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    saved: int = 0
    """Voters that were never asked."""
    trials: list[Trial] = field(default_factory=list)
    """What other stops would have made of the vote."""
    escalations: list[Escalation] = field(default_factory=list)
    """The vote itself, where it waits for a person."""
    over: str = ""
    """Why a vote was over before everybody was heard."""

    def report(self, state: Mapping[str, Any]) -> RunReport:
        """The run report of a graph that closes with this step."""
        run = current_run()
        branches = in_order(state["branches"])
        measured = measure(
            branches,
            started=run.started,
            ended=time.time(),
            closing={**state["calls"], **self.calls}.values(),
            reason=why_ended(branches, run.completion, self.over),
            saved=self.saved,
            trials=self.trials,
            escalations=self.escalations,
        )
        return measured.model_copy(update={"failures": measured.failures | self.problems})


@contextmanager
def closing_step(step: str) -> Iterator[ClosingStep]:
    """Run a step whose failure must not lose what the branches have brought, because that is paid for.

    Raises:
        GraphBubbleUp: the step interrupts; LangGraph has to see that.
    """
    held = ClosingStep()
    with recording() as held.calls:
        try:
            yield held
        except GraphBubbleUp:
            raise
        except Exception as error:
            held.problems[step] = describe(error)


def require_completion(state: Mapping[str, Any], among: Collection[str] | None = None) -> None:
    """Make sure that enough branches have succeeded to close the fan-out.

    Args:
        state: of the graph.
        among: ids of the branches that the policy speaks of; by default all.

    Raises:
        CompletionError: too few, by the policy of the run; it has everything that succeeded.
    """
    policy = current_run().completion
    held: Mapping[str, Branch] = state["branches"]
    spoken_of = {key: branch for key, branch in held.items() if among is None or key in among}
    if policy is None or policy.judge(Progress.of(spoken_of)) in {State.MET, State.ENOUGH}:
        return
    branches = in_order(held)
    causes = [f"{branch.name}: {branch.error or branch.status}" for branch in branches if not branch.ok]
    ended = f"{len(branches) - len(causes)} of {len(branches)} branches succeeded"
    raise CompletionError(
        f"{policy} is not met: {ended}; " + "; ".join(causes),
        {branch.id: branch for branch in branches},
        ClosingStep().report(state),
        state.get("sections"),
    )


def _with_those_below(branches: Iterable[Branch]) -> Iterator[Branch]:
    for branch in branches:
        yield branch
        if branch.below:
            yield from _with_those_below(branch.below.branches.values())


def why_ended(branches: list[Branch], policy: Completion | None, over: str = "") -> str:
    """Why a fan-out ended: that all branches finished, or what ended some of them, here or further down."""
    if over:
        return over
    if any(branch.ended_by == "completion" for branch in branches):
        return f"{policy} was reached"
    causes = {branch.ended_by: branch.error or "" for branch in _with_those_below(branches)}
    for by in ("drain", "budget", "deadline"):
        if by in causes:
            return causes[by]
    return f"all {len(branches)} branches finished" if len(branches) != 1 else "the branch finished"
