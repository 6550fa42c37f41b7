"""Branch: one worker on one piece of work, whose failure is a record and not an exception."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphInterrupt, ParentCommand
from pydantic import BaseModel

from langgraph_parallel.nodes.fan_out import handover
from langgraph_parallel.nodes.fan_out.hand import Dispatcher, Hand
from langgraph_parallel.nodes.fan_out.handover import Handover
from langgraph_parallel.nodes.fan_out.outcome import Outcome, handoff_error
from langgraph_parallel.nodes.fan_out.state import PUT_OFF
from langgraph_parallel.nodes.fan_out.taken_up import TakeUp, is_stored, read_state, take_up
from langgraph_parallel.nodes.fan_out.task import (
    Assignments,
    AssignmentsIn,
    BranchUpdate,
    SentTask,
    Task,
)
from langgraph_parallel.nodes.fan_out.telling import (
    start_telling,
    tell_end,
    tell_held,
    tell_needs,
    tell_plan,
    tell_start,
)
from langgraph_parallel.nodes.work.agent_tools import tools_of
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Worker, invoke, is_of_package, takes_records
from langgraph_parallel.records import Branch
from langgraph_parallel.runtime.askers import sign
from langgraph_parallel.runtime.batch.claims import keep_claims
from langgraph_parallel.runtime.bound import Bound, BranchEnded
from langgraph_parallel.runtime.emitting import stop_emitting, tell
from langgraph_parallel.runtime.governor import governed_config
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.kept_answers import branch_path, in_branch
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.node_stream import control_of
from langgraph_parallel.runtime.people import is_for_langgraph, pass_on
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.run import Run, current_run, find_run
from langgraph_parallel.runtime.superstep import Place
from langgraph_parallel.runtime.timers import timeout


def branch_node(
    worker: Worker | Dispatcher,
    kind: str,
    *,
    assignments: AssignmentsIn,
    input_for: Callable[[Any], object] | None = None,
    quiet: bool = False,
    on_resume: TakeUp | None = None,
) -> Callable[..., Awaitable[Any]]:
    """Build the node that a fan-out sends its tasks to.

    Args:
        worker: gets the `work` of each task.
        kind: `section` or `voter`: a tag on every trace run below the branch.
        assignments: says what each branch does.
        input_for: builds the worker's input from the work, where the two differ.
        quiet: whether events leave out the result.
        on_resume: watches the branches again when a fan-out in progress is resumed; None if nothing does.
    """
    hand = Hand(worker)

    async def branch(sent: Any, config: RunnableConfig) -> Any:
        run = find_run(config) or current_run()
        run.root.control = control_of(config)
        told, place = start_telling(run, config, sent["id"]), None
        try:
            if run.fan_out.taken_up is None or not run.fan_out.taken_up.done():
                await _begin(run, sent, config, on_resume, assignments)
            place = run.fan_out.enter(sent["id"], _step_of(config), _siblings(sent, config))
            if sent.get("waits") and not await place.turn():
                return None
            task = await _find_task(run, sent, config, place, assignments)
            if task is None:
                return {PUT_OFF: sent["id"]}
            if isinstance(task, Branch):
                place.record = task
                tell_end(run, task, kind, quiet=quiet)
                run.fan_out.ended(task, planned=sent.get("planned", 0) > 0)
            else:
                if input_for:
                    task["work"] = input_for(task["work"])
                tell_start(run, task, kind)
                # LangGraph finds a graph that is the worker where this very function names it.
                place.record = await run_branch(worker, task, config, kind, place, hand, quiet=quiet)
        finally:
            if place is not None:
                place.leave()
            stop_emitting(told)
        update = BranchUpdate(branches={sent["id"]: place.record})
        if run.items is not None:
            await run.items.ended(update["branches"])
        return update

    return branch


async def _begin(
    run: Run, sent: SentTask, config: RunnableConfig, on_resume: TakeUp | None, assignments: AssignmentsIn
) -> None:
    """Begin a fan-out with its first branches: note what had ended of it before the run was resumed."""
    planned = sent.get("planned", 0)
    run.fan_out.open_policy(planned, sent.get("kept", 0))
    await take_up(run, config, on_resume, assignments, planned=planned > 0)
    tell_plan(run, config, assignments)


async def _find_task(
    run: Run, sent: SentTask, config: RunnableConfig, place: Place, assignments: AssignmentsIn
) -> Task | Branch | None:
    """Wait for what a branch needs; return what it does, its record if there is nothing to do.

    None if that is decided when all branches have ended.
    """
    assigned = place.shared(lambda: _read(assignments, run, config))
    joins, awaits = sent.get("joins", False), sent.get("awaits") or ()
    tell_needs(run, awaits)
    needs = await place.needs(awaits, joins=joins)
    if needs.put_off or (joins and run.fan_out.gave_up()):
        return None
    return assigned.task(sent, needs.ended) if needs.failed is None else assigned.unmet(sent, needs.failed)


def _step_of(config: RunnableConfig) -> object:
    return (config.get("metadata") or {}).get("langgraph_step")


def _read(assignments: AssignmentsIn, run: Run, config: RunnableConfig) -> Assignments:
    """Read what the branches of a superstep do."""
    assigned = assignments.read(read_state(config, assignments.channels))
    if is_stored(config):
        run.texts = assigned.texts() or run.texts
    return assigned


async def run_branch(
    worker: Worker | Dispatcher,
    task: Task,
    config: RunnableConfig,
    kind: str,
    place: Place | None = None,
    hand: Hand | None = None,
    *,
    quiet: bool = False,
) -> Branch:
    """Run a worker, and record how it ended.

    Args:
        worker: gets the `work` of the task.
        task: what it does.
        config: of the node.
        kind: a tag on every trace run below the branch.
        place: of the branch among its siblings; None if it has none.
        hand: of the worker; None to make one.
        quiet: whether events leave out the result.

    Raises:
        GraphBubbleUp: the worker asks a person, and no sibling has made the answer superfluous.
        ValueError: a person's answer is refused; another one may be given.
        asyncio.CancelledError: the run is being cancelled.
    """
    run, hand = find_run(config) or current_run(), hand or Hand(worker)
    outcome, started, chosen = Outcome(hand.reader(task["work"])), time.time(), cast("Worker | None", None)
    with in_branch(task["id"], config) as branch:
        try:
            chosen, work = hand.select(task["work"])
            bound = run.open_bound(
                planned=task.get("planned", 0),
                kept=task.get("kept", 0),
                closes_itself=isinstance(chosen, ParallelGraph),
            )
            inner = _configure(config, task, kind, chosen, run)
            try:
                given = _input(chosen, work)
                result = await _work(chosen, given, run, task, inner, bound, place or Place())
                outcome.returned(result, chosen)
            except BranchEnded:
                outcome.ended(bound, begun=bool(branch.calls) or not bound.was_in_line)
        except asyncio.CancelledError as failure:
            if _is_being_cancelled():
                raise
            outcome.status, outcome.error = "cancelled", describe(failure)  # the worker cancelled itself
        except Exception as failure:
            if is_for_langgraph(failure):
                await branch.keep()  # what it asks a person is asked again when the run is resumed
            pass_on(failure, task["name"])
            outcome.failed(failure, begun=bool(branch.calls))
    if outcome.status == "ok":
        await branch.keep()
    record = outcome.record(task, started, branch.calls, chosen, branch.notes)
    if place is not None:
        tell_end(run, record, kind, quiet=quiet)
    # Before the place is left: siblings that wait for a person may not be needed any more.
    run.fan_out.ended(record, planned=task.get("planned", 0) > 0)
    return record


def _siblings(task: SentTask, config: RunnableConfig) -> int | None:
    """Return how many branches start together; None where LangGraph may start one after another has ended."""
    return task.get("together") if config.get("max_concurrency") is None else None


async def _work(
    worker: Worker,
    work: object,
    run: Run,
    task: Task,
    config: RunnableConfig,
    bound: Bound,
    place: Place,
) -> object:
    """Invoke the worker within the deadline, the completion policy and its own time limit."""
    with bound:
        run.fan_out.admit(bound, planned=task.get("planned", 0) > 0)
        await bound.end_if_due()
        run.check()
        seconds = None if bound.closes_itself else task.get("timeout")
        try:
            if seconds is None:
                return await invoke(worker, work, config, task["name"])
            async with _time_limit(seconds):
                return await invoke(worker, work, config, task["name"])
        except ParentCommand as command:
            raise handoff_error(command.args[0]) from None
        except GraphInterrupt as asked:
            keep_claims(run)
            sign(asked, task["name"], task["order"], tools_of(worker))
            run.fan_out.held(task["id"])
            bound.hold()
            tell("waiting", on="person")
            await place.wait()
            await bound.end_if_due()
            tell_held(run)
            raise


@asynccontextmanager
async def _time_limit(seconds: float) -> AsyncIterator[None]:
    try:
        async with timeout(seconds) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise TimeoutError(f"no answer within {seconds:g} s") from None
        raise


def _is_being_cancelled() -> bool:
    """Return whether the cancellation comes from outside the branch."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _configure(config: RunnableConfig, task: Task, kind: str, worker: Worker, run: Run) -> RunnableConfig:
    """Return the branch's own config: readable in traces, with a handover; calls of others obey the run."""
    around: Mapping[str, Any] = config.get("metadata") or {}
    ours, seconds = isinstance(worker, ParallelGraph), task.get("timeout")
    if ours and seconds is not None:  # a deadline of its own, at which it closes on what it has
        config = Run(Limits(deadline=seconds), outer=run).within(config)
    named: RunnableConfig = {
        **config,
        "run_name": task["name"],
        "tags": [*(config.get("tags") or []), f"langgraph-parallel:{kind}"],
        "metadata": {
            **around,
            **task.get("metadata", {}),
            "branch": task["id"],
            "branch_path": list(branch_path()),
            "branch_kind": kind,
        },
        "configurable": {
            **(config.get("configurable") or {}),
            handover.KEY: Handover.of(task) if ours else None,
        },
    }
    return named if isinstance(worker, ParallelGraph | Ask) else governed_config(named)


def _input(worker: Worker, work: object) -> object:
    """Return what a worker gets: code of the caller's a copy of what it could change for others."""
    if isinstance(work, BaseModel):
        return work if takes_records(worker) else work.model_dump(mode="json")
    return deepcopy(work) if isinstance(work, list | dict) and not is_of_package(worker) else work
