"""The nodes that every graph over sections is made of: plan -> workers -> gather -> (workers ...) -> close.

A `Flow` says what is special about one of them. What is not special is here, and in `nodes.rounds`: needs,
limits, people who are asked, failures that are data.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from langgraph_parallel.errors import PlanError, PromptError
from langgraph_parallel.nodes.fan_out.branch import Task, get_handover
from langgraph_parallel.nodes.fan_out.close import ClosingStep, closing_step, require_completion
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.flow.rounds import next_round, restage
from langgraph_parallel.nodes.flow.spec import Flow, Sections, known_input
from langgraph_parallel.nodes.vote.escalate import escalate_all
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.records import Branch, Section
from langgraph_parallel.reducers.completion import check_completion
from langgraph_parallel.reducers.staging import check_plan, handed, stage
from langgraph_parallel.runtime.context import Context, as_context
from langgraph_parallel.runtime.models import require_model
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.recording import recording
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.run_report import escalated


def plan_node(flow: Flow) -> Callable[..., Any]:
    """Make the node that divides the work, once it is sure that all models can be had."""

    async def plan(state: Any, runtime: Runtime[Context], config: RunnableConfig) -> dict[str, Any]:
        """Divide the work into sections, and forget what an earlier run on this thread has left."""
        inside, run = get_handover(config), current_run()
        if inside and inside.below is not None:
            held = restage(inside.below.sections or [], inside.below.branches, inside)
            return {"problems": {}, **held, "calls": Overwrite(held["calls"])}
        context = as_context(runtime.context, Context)
        for ask in flow.all_asks if flow.needs_model(context) else ():
            require_model(ask.chosen(context))
            check_prices(run.limits_for(ask.limits), [ask.chosen(context)])
        with recording() as calls:
            sections = await planned(flow, known_input(flow, state), context)
        kept, left = sections[: run.limits.sections], sections[run.limits.sections :]
        check_completion(run.completion, [section.id for section in kept])
        if flow.watch is not None:
            run.race(flow.watch(run, kept))
        skipped = _skipped(left, f"beyond the limit of {run.limits.sections} sections", len(kept))
        return {
            "sections": kept,
            "branches": Overwrite(skipped),
            "calls": Overwrite(dict(calls)),
            "problems": {},
            "spare": {},
            "answers": [],
            "wave": stage(kept, skipped).ready,
        }

    return plan


async def planned(flow: Flow, given: Mapping[str, Any], context: Context) -> list[Section]:
    """What the planner makes of an input, once it is sure that it can be worked on.

    Raises:
        InputError: the input is not what it divides.
        PlanError: the sections cannot be worked on.
    """
    made = flow.plan(given, context)
    given_back = await made if inspect.isawaitable(made) else made
    if isinstance(given_back, str) or not isinstance(given_back, Sequence):
        raise PlanError(f"the planner gave {type(given_back).__name__} where a list of sections is due")
    sections = list(given_back)
    check_plan(sections, flow.workers.names)
    _check_earlier(flow, sections)
    return sections


def _check_earlier(flow: Flow, sections: Sections) -> None:
    """What a section needs has to reach its worker."""
    for section in sections:
        worker = flow.workers.select(section)[0] if section.needs else None
        if isinstance(worker, Ask) and "earlier" not in worker.variables:
            raise PromptError(
                f"section {section.id!r} needs results of others, and prompt {worker.prompt.name!r} has no "
                "{earlier} to show them in"
            )


def _skipped(sections: Sections, why: str, first: int, **more: Any) -> dict[str, Branch]:
    """Records of sections that are not worked on: nothing is dropped in silence."""
    return {
        section.id: Branch(
            id=section.id, name=section.title, order=order, status="skipped", error=why, **more
        )
        for order, section in enumerate(sections, first)
    }


def section_tasks(flow: Flow) -> Callable[[Any], list[Task]]:
    """Make the function that gives one task for each section of the wave: `name[Introduction]`."""

    def tasks(state: Any) -> list[Task]:
        order = {section.id: place for place, section in enumerate(state["sections"])}
        return [
            Task(
                id=section.id,
                name=f"{flow.name}[{section.title}]",
                order=order[section.id],
                work=section,
                timeout=flow.timeout(section),
                metadata=flow.metadata(section),
            )
            for section in handed(state["sections"], state.get("branches") or {}, state["wave"])
        ]

    return tasks


def of_first_round(state: Any) -> set[str]:
    """Ids of all that the completion policy speaks of: what was planned at first."""
    later = {section.id for section in state["sections"] if section.round > 0}
    planned = {section.id for section in state["sections"]}
    return (planned | (state.get("branches") or {}).keys()) - later


def gather_node(flow: Flow) -> Callable[..., Any]:
    """Make the node behind each wave: it says what is worked on next, if anything."""

    async def gather(state: Any) -> dict[str, Any]:
        """Go on with what is ready now, else with the next round."""
        run, sections, branches = current_run(), state["sections"], state["branches"]
        ready, blocked = stage(sections, branches)
        lost: dict[str, Branch] = {}
        for order, section in enumerate(sections):
            if section.id in blocked:
                lost |= _skipped([section], blocked[section.id], order)
                run.ended(lost[section.id])
        if run.had_enough():
            why = f"not needed any more: {run.completion}"
            for order, section in enumerate(sections):
                if section.id not in branches and section.id not in lost:
                    lost |= _skipped([section], why, order, ended_by="completion")
            ready = []
        update: dict[str, Any] = {"branches": lost, "answers": [], "wave": ready}
        if ready or flow.further is None or _is_over(run, branches):
            return update
        return update | await next_round(flow, state, branches | lost)

    return gather


def _is_over(run: Run, branches: Mapping[str, Branch]) -> bool:
    """Whether no further round begins: a person is waited for, or nobody answers any more."""
    if run.starts_no_more() or escalated(branches.values()):
        return True
    return any(branch.ended_by in {"budget", "drain"} for branch in branches.values())


async def asking(state: Any, config: RunnableConfig) -> dict[str, Any]:
    """Put all undecided votes before a person at once, then go on with the sections that they are in."""
    update = await escalate_all(state, config)
    asked = {answer.path[0] for answer in update["answers"]}
    return {**update, "wave": [section.id for section in state["sections"] if section.id in asked]}


def close_node(flow: Flow) -> Callable[..., Any]:
    """Make the closing node; when it fails, the sections come back without a result."""

    async def close(state: Any) -> dict[str, Any]:
        """Join what succeeded, and say what is missing."""
        require_completion(state, among=of_first_round(state))
        nothing = dict.fromkeys(flow.gives)
        if escalated(state["branches"].values()):  # a graph around asks a person, and then comes back
            return {**nothing, "report": ClosingStep(problems=dict(state["problems"])).report(state)}
        made: Mapping[str, Any] = {}
        gathered = Gathered.of(state["sections"], state["branches"], known_input(flow, state))
        with closing_step(flow.closes_with) as closed:
            joined = flow.close(gathered)
            made = await joined if inspect.isawaitable(joined) else joined
        closed.problems = {**state["problems"], **gathered.problems, **closed.problems}
        return {**nothing, **made, "report": closed.report(state), "calls": closed.calls}

    return close
