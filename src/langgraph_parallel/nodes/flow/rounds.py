"""Rounds of a flow: planning the next one, and resuming a run that has ended.

Later rounds are planned from the results of earlier ones, so a redrive that changes an earlier result has to
plan them again. What it plans may be the same work on the same results as before; then the earlier record is
reused (`spare`, keyed by `fingerprint`), because it is paid for.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from langgraph.types import Overwrite

from langgraph_parallel.errors import PlanError
from langgraph_parallel.nodes.fan_out.close import closing_step
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.fan_out.handover import Handover
from langgraph_parallel.nodes.flow.spec import Flow, Sections
from langgraph_parallel.records import Answer, Branch, Call, Section
from langgraph_parallel.reducers.staging import check_plan, earliest_round, fingerprint, stage
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.run import current_run
from langgraph_parallel.runtime.run_report import escalated


async def plan_next_round(flow: Flow, state: Any, branches: Mapping[str, Branch]) -> dict[str, Any]:
    """Plan the next round; if that fails, the graph closes on the results so far.

    A round of which an earlier run did everything needs no work, so the round after it is planned at once.

    Args:
        flow: with a `next_round`.
        state: of the graph.
        branches: all records so far, those of this step included.
    """
    sections: list[Section] = state["sections"]
    records, spare = dict(branches), dict(state.get("spare") or {})
    calls: dict[str, Call] = {}
    problems: dict[str, str] = dict(state["problems"])
    ready: list[str] = []
    while not ready and not escalated(records.values()):
        added: list[Section] = []
        with closing_step("next round") as step:
            gathered = Gathered.of(sections, records, flow.read_input(state), state.get("notes"))
            added = await _sections_of_round(flow, gathered)
        calls |= step.calls
        problems |= step.problems
        if step.problems or not added:
            break
        records |= _reuse(flow, added, records, spare, first=len(sections))
        sections = [*sections, *added]
        ready = stage(sections, records).ready
    return {
        "sections": sections,
        "branches": {key: branch for key, branch in records.items() if key not in state["branches"]},
        "wave": ready,
        "calls": calls,
        "problems": problems,
    }


async def _sections_of_round(flow: Flow, gathered: Gathered) -> list[Section]:
    """Ask the flow for the sections of the next round, and check them against the whole plan."""
    assert flow.next_round is not None
    made = flow.next_round(gathered)
    planned: Sections = await made if inspect.isawaitable(made) else made
    number = gathered.last_round + 1
    added = [section.model_copy(update={"round": number}) for section in planned]
    check_plan([*gathered.sections, *added], flow.workers.names)
    if len(added) > (limit := current_run().limits.sections):
        raise PlanError(f"the next round has {len(added)} sections; the limit is {limit}")
    return added


def _reuse(
    flow: Flow,
    sections: Sections,
    records: Mapping[str, Branch],
    spare: Mapping[str, Branch],
    *,
    first: int,
) -> dict[str, Branch]:
    """Return the earlier records of sections that are the same work on the same results."""
    reused: dict[str, Branch] = {}
    for order, section in enumerate(sections, first):
        earlier = spare.get(fingerprint(section, {**records, **reused}))
        if earlier is not None:
            fields = {"id": section.id, "name": flow.name_branch(section), "order": order}
            reused[section.id] = earlier.model_copy(update=fields)
    return reused


def restage(
    sections: Sections, branches: Mapping[str, Branch], handover: Handover | None = None
) -> dict[str, Any]:
    """Return the state update that takes a finished run back to its fan-out.

    Args:
        sections: the plan with all its rounds.
        branches: the records of the sections.
        handover: of an enclosing branch, with a person's answers.
    """
    answers = list(handover.answers) if handover else []
    return _resume_answered(sections, branches, answers) if answers else _redrive(sections, branches)


def _resume_answered(
    sections: Sections, branches: Mapping[str, Branch], answers: list[Answer]
) -> dict[str, Any]:
    """Work only on the sections whose votes a person has answered."""
    answered = {answer.path[0] for answer in answers}
    return {
        "sections": list(sections),
        "branches": Overwrite(dict(branches)),
        "calls": {},
        "spare": {},
        "answers": answers,
        "wave": [section.id for section in sections if section.id in answered],
    }


def _redrive(sections: Sections, branches: Mapping[str, Branch]) -> dict[str, Any]:
    """Work again on what did not end ok, and drop everything that was planned from it.

    Dropped are the rounds after the first one with a failure, and within it the sections that failed only
    because they need one that failed. Their calls stay in the run report, their ok records become spare.
    """
    round_to_repeat = earliest_round(sections, branches)
    kept = [section for section in sections if section.round <= round_to_repeat]
    later = [section for section in sections if section.round > round_to_repeat]
    whole = {key: branch for key, branch in branches.items() if branch.whole}
    wave = stage(kept, whole).ready
    dropped = {section.id for section in later} | _waiting(kept, branches.keys() - whole.keys(), wave)
    return {
        "sections": kept,
        "branches": Overwrite({key: branch for key, branch in branches.items() if key not in dropped}),
        "calls": _calls_of(dropped, branches),
        "answers": [],
        "wave": wave,
        "spare": {fingerprint(s, branches): branches[s.id] for s in later if s.id in whole},
    }


def _waiting(kept: Sections, unfinished: Set[str], wave: Sequence[str]) -> set[str]:
    """Return the unfinished sections that cannot run yet, because they need one that must run first."""
    return {section.id for section in kept if section.id in unfinished} - set(wave)


def _calls_of(ids: Iterable[str], branches: Mapping[str, Branch]) -> dict[str, Call]:
    return {call.id: call for id in ids if id in branches for call in branches[id].calls}


def redrive_update(state: Any, context: Context) -> dict[str, Any]:
    """Return what a redrive writes to the state before it resumes."""
    return {**restage(state["sections"], state["branches"]), "problems": {}}
