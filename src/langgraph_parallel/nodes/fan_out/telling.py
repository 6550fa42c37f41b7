"""What nodes tell of plans, branches and verdicts; nothing if nobody listens."""

from collections.abc import Iterable, Sequence

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config

from langgraph_parallel.nodes.fan_out.taken_up import read_state
from langgraph_parallel.nodes.fan_out.task import AssignmentsIn, Task
from langgraph_parallel.records import Branch, Verdict
from langgraph_parallel.runtime.emitting import Told, start_emitting, tell
from langgraph_parallel.runtime.levels import Level
from langgraph_parallel.runtime.run import Run, current_run


def start_telling(run: Run, config: RunnableConfig, id: str) -> Told:
    """Tell events of a branch from now on, if anybody listens; return what `stop_emitting` takes.

    Args:
        run: that it is part of.
        config: of the branch.
        id: of the branch.
    """
    if run.level is None:
        return None
    run.level.begin(config)
    return start_emitting(run.level.emitter.below(id))


def tell_plan(run: Run, config: RunnableConfig, assignments: AssignmentsIn) -> None:
    """Tell the plan of a run that is resumed: the node that made it belongs to an earlier run.

    Args:
        run: whose fan-out has taken up what had ended.
        config: of a branch.
        assignments: of the branches.
    """
    if run.level is None or run.level.has_plan or assignments.plan is None:
        return
    plan = assignments.plan.read(read_state(config, assignments.plan.channels))
    ended = {id for id, branch in run.fan_out.ended_before.items() if branch is not None}
    kept = [id for id in plan.ids if id in plan.kept or id in ended]
    run.level.planned(plan.ids, kept, **plan.fields)


def tell_needs(run: Run, awaits: Sequence[str]) -> None:
    """Tell that a branch waits for others, if it does."""
    if run.level is not None and awaits:
        tell("waiting", on="needs", needs=[*awaits])


def tell_start(run: Run, task: Task, kind: str) -> None:
    """Tell that a branch begins."""
    if run.level is not None:
        before = task.get("before")
        attempt = before.attempt + 1 if before else 1
        tell("started", kind=kind, name=task["name"], order=task["order"], attempt=attempt)


def tell_held(run: Run) -> None:
    """Note that the run is interrupted for a person."""
    if run.level is not None:
        run.level.waits_for_person = True


def tell_end(run: Run, branch: Branch, kind: str, *, quiet: bool = False) -> None:
    """Tell that a branch has ended.

    Args:
        run: that it is part of.
        branch: its record.
        kind: `section` or `voter`.
        quiet: whether to leave out the value.
    """
    if run.level is not None:
        run.level.ended(branch, kind, quiet=quiet)


def listening() -> Level | None:
    """Return what tells of the graph that this node is part of, which has begun; None if nobody listens."""
    level = current_run().level
    if level is not None:
        level.begin(get_config())
    return level


def tell_ended(branches: Iterable[Branch], *, quiet: bool = False) -> None:
    """Tell that sections have ended without a branch that tells it.

    Args:
        branches: their records.
        quiet: whether to leave out values.
    """
    if (level := listening()) is not None:
        for branch in branches:
            level.ended(branch, "section", quiet=quiet)


def tell_question() -> None:
    """Tell that the graph is interrupted for a person."""
    if (level := listening()) is not None:
        level.waits_for_person = True
        level.emitter.emit("waiting", on="person")


def tell_verdict(verdict: Verdict) -> None:
    """Tell what a vote has decided."""
    if (level := listening()) is not None:
        support, counts = verdict.support, verdict.model_dump(include=_COUNTS)
        fields = {"status": verdict.status, "choice": verdict.choice, "k": support.k, "n": support.n}
        level.emitter.emit("verdict", **fields, **counts)


_COUNTS = {
    "rule",
    "decided_by",
    "stopped",
    "not_asked",
    "asked",
    "cast",
    "abstained",
    "failed",
    "timed_out",
    "cancelled",
    "skipped",
}
