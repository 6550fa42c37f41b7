"""What is sent to the workers of a flow, and what their branches make of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.nodes.fan_out.task import AssignmentsIn, PlanIn, SentTask, Task, ToldPlan
from langgraph_parallel.nodes.fan_out.telling import listening
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.records import Answer, Below, Branch, Section
from langgraph_parallel.reducers.needs import inputs, passed_on, unmet_need
from langgraph_parallel.reducers.staging import Handed, fingerprint
from langgraph_parallel.runtime.batch.settings import sections_at_once
from langgraph_parallel.runtime.excerpts import texts_of
from langgraph_parallel.runtime.run import current_run


def section_tasks(flow: Flow) -> Callable[[Any, RunnableConfig], list[SentTask]]:
    """Build the function that returns one task for each section that is sent now.

    They are as many as one superstep may hold; the others are sent when these have ended. Where LangGraph may
    start one task after another (`max_concurrency`), a section that waits would take the place of one that
    could work, so that only sections are sent that need none of the others.
    """

    def tasks(state: Any, config: RunnableConfig) -> list[SentTask]:
        places = {section.id: place for place, section in enumerate(state["sections"])}
        wave: list[str] = state["wave"][: sections_at_once(current_run().limits)]
        together = set(wave)
        sent: list[SentTask] = []
        for id in wave:
            section = state["sections"][places[id]]
            task = SentTask(id=id, name=flow.name_branch(section), order=places[id])
            if awaits := [need for need in section.needs if need in together]:
                task["awaits"] = awaits
                if section.worker in flow.joins:
                    task["joins"] = True
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
        self._spare: Mapping[str, Branch] = state.get("spare") or {}
        self._sections = state["sections"]
        self._handed = Handed(self._sections, self._branches, flow.joins)

    def task(self, sent: SentTask, ended: Mapping[str, Branch]) -> Task | Branch:
        """Return what a branch does; its record, if there is nothing to do."""
        planned = self._handed.planned(sent["id"])
        if planned.worker in self._flow.joins:
            record = self._known(sent, planned, self._handed.needs(sent["id"], ended))
            if record is not None:
                return record
        section = self._handed.section(sent["id"], ended)
        return Task(
            **sent,
            work=section,
            before=self._branches.get(sent["id"]),
            answers=Answer.below(self._answers, sent["id"]),
            timeout=self._flow.branch_timeout(section),
            metadata=self._flow.branch_metadata(section),
        )

    def _known(self, sent: SentTask, section: Section, needs: Mapping[str, Branch]) -> Branch | None:
        """Return the record of a join that needs no work; None if it has to be worked on."""
        id, name, order, joins = sent["id"], sent["name"], sent["order"], self._flow.joins
        if (need := unmet_need(section, needs, joins)) is not None:
            return self._handed.unmet(id, order, need)
        if self._spare and (earlier := self._spare.get(fingerprint(section, needs, joins))) is not None:
            return earlier.model_copy(update={"id": id, "name": name, "order": order})
        given = list(inputs(section, needs, joins).values())
        if len(given) == 1 < len(section.needs) and not current_run().starts_no_more():
            return passed_on(given[0], section, name, order)
        return None

    def texts(self) -> Mapping[str, str]:
        """Return the texts of the sections, if graphs work on them."""
        return texts_of(self._sections) if self._flow.workers.has_graphs else {}

    def unmet(self, sent: SentTask, need: Branch) -> Branch:
        """Return the record of a section that is skipped, since one that it needs has failed."""
        return self._handed.unmet(sent["id"], sent["order"], need)


def assignments(flow: Flow) -> AssignmentsIn:
    """Return how the branches of a flow find in the state what they do."""
    channels = ["sections", "branches", "answers", *(["spare"] if flow.joins else [])]
    plan = PlanIn(["sections", "branches", "wave"], lambda state: told_plan(flow, state))
    return AssignmentsIn(channels, lambda state: _SectionAssignments(flow, state), first_round_ids, plan)


def told_plan(flow: Flow, state: Mapping[str, Any]) -> ToldPlan:
    """Return what events say of the plan in a state."""
    sections: Sequence[Section] = state["sections"]
    branches: Mapping[str, Branch] = state.get("branches") or {}
    wave = set(state["wave"])
    kept = [id for id, branch in branches.items() if id not in wave or branch.whole]
    return ToldPlan([s.id for s in sections], kept, {"sections": told_sections(flow, sections)})


def tell_resumed(flow: Flow, below: Below, resumed: Mapping[str, Any]) -> None:
    """Tell the plan of a graph that resumes what an earlier run of its branch has done.

    Args:
        flow: the graph.
        below: what it resumes from.
        resumed: the state that it begins with.
    """
    if (level := listening()) is not None:
        branches = {id: branch for id, branch in below.branches.items() if id in resumed["branches"].value}
        state = {"sections": below.sections or [], "branches": branches, "wave": resumed["wave"]}
        plan = told_plan(flow, state)
        level.planned(plan.ids, plan.kept, **plan.fields)


def told_sections(flow: Flow, sections: Sequence[Section]) -> list[dict[str, Any]]:
    """Return what events say of sections: nothing of what they hold."""
    return [
        {
            "id": section.id,
            "name": flow.name_branch(section),
            "needs": list(section.needs),
            "worker": section.worker,
            "round": section.round,
        }
        for section in sections
    ]


def first_round_ids(state: Any) -> set[str]:
    """Return the ids that the completion policy counts: the sections of the first round."""
    later = {section.id for section in state["sections"] if section.round > 0}
    planned = {section.id for section in state["sections"]}
    return (planned | (state.get("branches") or {}).keys()) - later
