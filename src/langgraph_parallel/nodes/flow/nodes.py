"""The nodes of every graph over sections: plan -> workers -> gather -> (workers ...) -> close.

What one graph does differently is in its `Flow`. What all share is here, in `flow.rounds` and in
`flow.redrive`: needs between sections, limits, a person's answers, failures as data.
"""

import inspect
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from langgraph_parallel.errors import PlanError, PromptError, UsageError
from langgraph_parallel.nodes.fan_out.close import (
    ClosingStep,
    closing_step,
    nothing_succeeded,
    require_completion,
)
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.fan_out.handover import get_handover
from langgraph_parallel.nodes.fan_out.task import AssignmentsIn, SentTask, Task
from langgraph_parallel.nodes.flow.redrive import resume_update
from langgraph_parallel.nodes.flow.rounds import plan_next_round
from langgraph_parallel.nodes.flow.spec import Flow, NotedPlan, Sections
from langgraph_parallel.nodes.vote.escalate import escalate_all
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.records import Answer, Branch, Section
from langgraph_parallel.records.numbers import as_state
from langgraph_parallel.reducers.completion import check_completion
from langgraph_parallel.reducers.staging import Handed, check_plan, stage, start_order
from langgraph_parallel.runtime.context import Context, as_context
from langgraph_parallel.runtime.excerpts import texts_of
from langgraph_parallel.runtime.explain import is_bug
from langgraph_parallel.runtime.governor import governed_recording
from langgraph_parallel.runtime.models import require_model
from langgraph_parallel.runtime.prices import check_prices
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
        context, given = as_context(runtime.context, flow.context), flow.read_input(state)
        if handover and handover.below is not None:
            resumed = resume_update(given, handover.below.sections or [], handover.below.branches, handover)
            notes = (await make_plan(flow, given, context)).notes if flow.keeps_notes else {}
            return {"problems": {}, "notes": notes, **resumed, "calls": Overwrite(resumed["calls"])}
        _check_models(flow, run, context)
        problems: dict[str, str] = {}
        sections: Sections = []
        made: Mapping[str, Any] = {}
        with governed_recording() as calls:
            try:
                sections, made = await make_plan(flow, given, context)
            except (UsageError, GraphBubbleUp):
                raise
            except Exception as error:
                if is_bug(error):  # what models and endpoints do is data, as in a branch
                    raise
                problems["plan"] = describe(error)
        check_completion(run.completion, [section.id for section in sections])
        if flow.watch is not None:
            run.fan_out.race(flow.watch(run, sections))
        return {
            **({} if run.outer else {KEY: make_stamp(flow.built)}),
            "sections": plan_update(sections, given),
            "notes": made,
            "branches": Overwrite({}),
            "calls": Overwrite(dict(calls)),
            "problems": problems,
            "spare": {},
            "answers": [],
            "wave": start_order(sections, {}),
        }

    return plan


def _check_models(flow: Flow, run: Run, context: Context) -> None:
    for ask in flow.asks if flow.asks_models(context) else ():
        require_model(ask.chosen(context))
        check_prices(run.limits_for(ask.limits), [ask.chosen(context)])


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


def _skip(sections: Sections, reasons: Mapping[str, str], **fields: Any) -> dict[str, Branch]:
    """Build records of sections that are not worked on, so that nothing is dropped silently."""
    return {
        section.id: _skipped(section, order, reasons[section.id], **fields)
        for order, section in enumerate(sections)
        if section.id in reasons
    }


def _skipped(section: Section, order: int, why: str, **fields: Any) -> Branch:
    return Branch(id=section.id, name=section.title, order=order, status="skipped", error=why, **fields)


def section_tasks(flow: Flow) -> Callable[[Any, RunnableConfig], list[SentTask]]:
    """Build the function that returns one task for each section that is sent now.

    They are as many as one superstep may hold; the others are sent when these have ended. Where LangGraph may
    start one task after another (`max_concurrency`), a section that waits would take the place of one that
    could work, so that only sections are sent that need none of the others.
    """

    def tasks(state: Any, config: RunnableConfig) -> list[SentTask]:
        places = {section.id: place for place, section in enumerate(state["sections"])}
        wave: list[str] = state["wave"][: current_run().limits.max_sections]
        together = set(wave)
        sent: list[SentTask] = []
        for id in wave:
            section = state["sections"][places[id]]
            task = SentTask(id=id, name=flow.name_branch(section), order=places[id])
            if awaits := [need for need in section.needs if need in together]:
                task["awaits"] = awaits
            if not awaits or config.get("max_concurrency") is None:
                sent.append(task)
        return sent

    return tasks


class _SectionAssignments:
    """What the branches of sections do.

    Args:
        flow: that they are part of.
        state: of the graph.
    """

    def __init__(self, flow: Flow, state: Mapping[str, Any]) -> None:
        self._flow, self._branches = flow, state.get("branches") or {}
        self._answers = state.get("answers") or []
        self._sections = state["sections"]
        self._handed = Handed(self._sections, self._branches)

    def task(self, sent: SentTask, ended: Mapping[str, Branch]) -> Task:
        """Return what a branch does."""
        section = self._handed.section(sent["id"], ended)
        return Task(
            **sent,
            work=section,
            before=self._branches.get(sent["id"]),
            answers=Answer.below(self._answers, sent["id"]),
            timeout=self._flow.branch_timeout(section),
            metadata=self._flow.branch_metadata(section),
        )

    def texts(self) -> Mapping[str, str]:
        """Return the texts of the sections, if graphs work on them."""
        return texts_of(self._sections) if self._flow.workers.has_graphs else {}

    def unmet(self, sent: SentTask, need: Branch) -> Branch:
        """Return the record of a section that is skipped, since one that it needs has failed."""
        section = self._handed.planned(sent["id"])
        return _skipped(section, sent["order"], self._handed.unmet(need))


def assignments(flow: Flow) -> AssignmentsIn:
    """Return how the branches of a flow find in the state what they do."""
    return AssignmentsIn(["sections", "branches", "answers"], lambda state: _SectionAssignments(flow, state))


def first_round_ids(state: Any) -> set[str]:
    """Return the ids that the completion policy counts: the sections of the first round."""
    later = {section.id for section in state["sections"] if section.round > 0}
    planned = {section.id for section in state["sections"]}
    return (planned | (state.get("branches") or {}).keys()) - later


def gather_node(flow: Flow) -> Callable[..., Any]:
    """Build the node after each wave, which decides what is worked on next."""

    async def gather(state: Any) -> dict[str, Any]:
        """Start the next wave, or else the next round."""
        run, sections, branches = current_run(), state["sections"], state["branches"]
        ready, blocked = start_order(sections, branches), stage(sections, branches).blocked
        skipped = _skip(sections, blocked)
        for branch in skipped.values():
            run.fan_out.ended(branch)
        if run.fan_out.had_enough():
            counted = first_round_ids(state)
            unneeded = counted - branches.keys() - skipped.keys()
            reasons = dict.fromkeys(unneeded, f"not needed any more: {run.completion}")
            skipped |= _skip(sections, reasons, ended_by="completion")
            skipped |= _unasked(branches, counted, f"not needed any more: {run.completion}")
            branches = branches | skipped
            ready = [id for id in ready if id not in counted]
        update: dict[str, Any] = {"branches": skipped, "answers": [], "wave": ready}
        if ready or flow.next_round is None or _starts_no_round(run, branches):
            return update
        return update | await plan_next_round(flow, state, branches | skipped)

    return gather


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
        step.problems = {**state["problems"], **gathered.problems, **step.problems}
        return {**output, "run_report": step.report(state), "calls": step.calls}

    return close
