"""The nodes of every graph over sections: plan -> workers -> gather -> (workers ...) -> close.

What one graph does differently is in its `Flow`. What all share is here, in `flow.rounds` and in
`flow.redrive`: needs between sections, limits, a person's answers, failures as data.
"""

import inspect
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from langgraph_parallel.errors import PlanError, PromptError, UsageError
from langgraph_parallel.nodes.fan_out.close import (
    ClosingStep,
    closing_step,
    is_complete,
    nothing_succeeded,
    require_completion,
)
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.fan_out.handover import get_handover
from langgraph_parallel.nodes.fan_out.telling import listening, tell_ended, tell_verdict
from langgraph_parallel.nodes.flow.redrive import resume_update
from langgraph_parallel.nodes.flow.rounds import plan_next_round
from langgraph_parallel.nodes.flow.sending import first_round_ids, tell_resumed, told_sections
from langgraph_parallel.nodes.flow.spec import Flow, NotedPlan, Sections
from langgraph_parallel.nodes.vote.escalate import escalate_all
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.records import Branch, Section, Verdict
from langgraph_parallel.records.numbers import as_state
from langgraph_parallel.reducers.completion import check_completion
from langgraph_parallel.reducers.staging import check_plan, start_order, unmet_sections
from langgraph_parallel.runtime.batch.settings import sections_at_once
from langgraph_parallel.runtime.context import Context, as_context
from langgraph_parallel.runtime.explain import is_bug
from langgraph_parallel.runtime.governor import governed_recording
from langgraph_parallel.runtime.messages import derived, place_of
from langgraph_parallel.runtime.people import is_for_langgraph
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.run_report import escalated
from langgraph_parallel.runtime.stamp import KEY, make_stamp
from langgraph_parallel.runtime.stored_once import plan_update


def plan_node(flow: Flow) -> Callable[..., Any]:
    """Build the node that plans, after it has checked that every model and price is available."""

    async def plan(state: Any, runtime: Runtime[Context], config: RunnableConfig) -> dict[str, Any]:
        """Divide the work into sections, and reset what an earlier run on this thread left."""
        handover, run = get_handover(config), current_run()
        context = as_context(runtime.context, flow.context)
        read = derived(flow.from_messages, state, place_of(flow.name, config))
        given = flow.read_input({**state, **read})
        stamp = {} if run.outer else {KEY: make_stamp(flow.built)}
        if handover and handover.below is not None:
            resumed = resume_update(
                flow, given, handover.below.sections or [], handover.below.branches, handover
            )
            notes = (await make_plan(flow, given, context)).notes if flow.keeps_notes else {}
            tell_resumed(flow, handover.below, resumed)
            calls_before = {**handover.calls, **resumed["calls"]}
            return {**stamp, "problems": {}, "notes": notes, **resumed, "calls": Overwrite(calls_before)}
        _check_models(flow, run, context)
        problems: dict[str, str] = {}
        sections: Sections = []
        made: Mapping[str, Any] = {}
        with governed_recording() as calls:
            try:
                sections, made = await make_plan(flow, given, context)
            except UsageError:
                raise
            except Exception as error:
                if is_for_langgraph(error) or is_bug(error):
                    raise  # what models and endpoints do is data, as in a branch
                problems["plan"] = describe(error)
        check_completion(run.completion, [section.id for section in sections if section.round == 0])
        if flow.watch is not None:
            run.fan_out.race(flow.watch(run, sections))
        if (level := listening()) is not None:
            level.planned([section.id for section in sections], (), sections=told_sections(flow, sections))
        return {
            **read,  # before the sections, which refer to its texts
            **stamp,
            "sections": plan_update(sections, given),
            "notes": made,
            "branches": Overwrite({}),
            "calls": Overwrite(dict(calls)),
            "problems": problems,
            "spare": {},
            "answers": [],
            "wave": start_order(sections, {}, flow.joins),
        }

    return plan


def _check_models(flow: Flow, run: Run, context: Context) -> None:
    for ask in flow.asks if flow.asks_models(context) else ():
        ask.check(run, context)


async def make_plan(flow: Flow, given: Mapping[str, Any], context: Context) -> NotedPlan:
    """Make the plan of an input, and check that it can be carried out.

    Raises:
        InputError: the input cannot be planned.
        PlanError: the planner returned something else than sections, or sections that cannot be worked on.
    """
    made = flow.plan(given, context)
    result = await made if inspect.isawaitable(made) else made
    plan = result if isinstance(result, NotedPlan) else NotedPlan(result, {})
    if isinstance(plan.sections, str | Mapping) or not isinstance(plan.sections, Iterable):
        raise PlanError(f"planner returned {type(plan.sections).__name__}; expected list[Section]")
    sections = list(plan.sections)
    if foreign := [section for section in sections if not isinstance(section, Section)]:
        raise PlanError(f"planner returned a list with {type(foreign[0]).__name__}; expected list[Section]")
    check_plan(sections, flow.workers.names)
    _check_earlier(flow, sections)
    return NotedPlan(sections, plan.notes)


def _check_earlier(flow: Flow, sections: Sections) -> None:
    """Check that the prompt of every section with needs can show the results that it needs."""
    for section in sections:
        worker = flow.workers.select(section)[0] if section.needs else None
        if isinstance(worker, Ask) and "earlier" not in worker.variables:
            raise PromptError(
                f"section {section.id!r} needs results of other sections; add the variable {{earlier}} to "
                f"prompt {worker.prompt.name!r} to show them"
            )


def _skip(sections: Sections, ids: Collection[str], why: str) -> dict[str, Branch]:
    """Build records of sections that are not needed any more, so that nothing is dropped silently."""
    return {
        section.id: Branch(
            id=section.id, name=section.title, order=order, status="skipped", error=why, ended_by="completion"
        )
        for order, section in enumerate(sections)
        if section.id in ids
    }


def gather_node(flow: Flow) -> Callable[..., Any]:
    """Build the node after each wave, which decides what is worked on next."""

    async def gather(state: Any) -> dict[str, Any]:
        """Start the next wave, or else the next round."""
        run, sections, counted = current_run(), state["sections"], first_round_ids(state)
        listening()
        ended = _without_unsent(state, run)
        skipped = unmet_sections(sections, ended, flow.joins)
        for branch in skipped.values():
            run.fan_out.ended(branch, planned=branch.id in counted)
        branches = ended | skipped
        if run.fan_out.had_enough():
            why = f"not needed any more: {run.completion}"
            skipped |= _skip(sections, counted - branches.keys(), why) | _unasked(branches, counted, why)
            branches |= skipped
            skipped |= unmet_sections(sections, branches, flow.joins)
            branches |= skipped
        ready = start_order(sections, branches, flow.joins)
        if counted <= branches.keys() and not is_complete(branches, counted):
            ready = []  # the close raises, so that joins would be paid for in vain
        tell_ended(skipped.values(), quiet=flow.quiet)
        update: dict[str, Any] = {"branches": skipped, "answers": [], "wave": ready}
        if ready or flow.next_round is None or _starts_no_round(run, branches):
            return update
        return update | await plan_next_round(flow, state, branches)

    return gather


def _without_unsent(state: Any, run: Run) -> dict[str, Branch]:
    """Return the branches without what a redrive has still to work on again, in a later superstep."""
    branches: dict[str, Branch] = state["branches"]
    unsent = [] if state["answers"] else state["wave"][sections_at_once(run.limits) :]
    again = {id for id in unsent if id in branches and not branches[id].whole}
    return {id: branch for id, branch in branches.items() if id not in again} if again else branches


def _unasked(branches: Mapping[str, Branch], counted: Collection[str], why: str) -> dict[str, Branch]:
    """Return branches whose votes waited for a person, without the question: the rest is enough."""
    return {
        id: branch.model_copy(
            update={
                "escalations": [],
                "notes": [*branch.notes, f"no person was asked: {why}"],
                "ended": time.time(),  # the later record of an attempt replaces the earlier one
            }
        )
        for id, branch in branches.items()
        if branch.escalations and id in counted
    }


def _starts_no_round(run: Run, branches: Mapping[str, Branch]) -> bool:
    """Return whether the rounds end here: a person is waited for, or no further call would start."""
    if run.starts_no_more() or escalated(branches.values()):
        return True
    return any(branch.ended_by in {"budget", "drain"} for branch in branches.values())


async def ask_person_node(state: Any, config: RunnableConfig) -> dict[str, Any]:
    """Put all undecided votes before a person in one interrupt, then resume the sections that hold them."""
    update = await escalate_all(state, config)
    answered = {answer.path[0] for answer in update["answers"]}
    return {**update, "wave": [section.id for section in state["sections"] if section.id in answered]}


def close_node(flow: Flow) -> Callable[..., Any]:
    """Build the closing node. If it fails, the sections and branches still come back, without a result."""

    async def close(state: Any) -> dict[str, Any]:
        """Join the results, and name what is missing."""
        require_completion(state, among=first_round_ids(state))
        gathered = Gathered.of(
            state["sections"], state["branches"], flow.read_input(state), state.get("notes")
        )
        output: dict[str, Any] = {**dict.fromkeys(flow.output_keys), "missing": gathered.missing}
        if flow.joins:  # what a join lacks is named by those that it needs
            output["missing"] = [
                s.title
                for s in gathered.sections
                if s.worker not in flow.joins and s.id not in gathered.by_id
            ]
        if escalated(state["branches"].values()):
            # An enclosing graph asks the person, and runs this one again.
            return {**output, "run_report": ClosingStep(problems=dict(state["problems"])).report(state)}
        if "plan" in state["problems"] or (flow.needs_results and nothing_succeeded(state["branches"])):
            # What a close makes of nothing would look like a result.
            return {**output, "run_report": ClosingStep(problems=dict(state["problems"])).report(state)}
        joined: Mapping[str, Any] = {}
        with closing_step(flow.close_name, state) as step:
            made = flow.close(gathered)
            joined = as_state(await made if inspect.isawaitable(made) else made)
            step.saved = flow.not_asked(gathered)
            step.lost = bool(gathered.lost)
        if step.lost:
            output["missing"] = gathered.titles  # nothing of it is in the result: there is none
        output |= joined
        if isinstance(verdict := joined.get("verdict"), Verdict):
            tell_verdict(verdict)
        step.problems = {**state["problems"], **gathered.problems, **step.problems}
        return {**output, "run_report": step.report(state), "calls": step.calls}

    return close
