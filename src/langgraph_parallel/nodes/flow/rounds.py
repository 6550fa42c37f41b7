"""Rounds of a flow: what comes after one, and where a run goes on that has ended before."""

import inspect
from collections.abc import Mapping
from typing import Any

from langgraph.types import Overwrite

from langgraph_parallel.errors import PlanError
from langgraph_parallel.nodes.fan_out.branch import Handover
from langgraph_parallel.nodes.fan_out.close import closing_step
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.flow.spec import Flow, Sections, known_input
from langgraph_parallel.records import Branch, Call, Section
from langgraph_parallel.reducers.staging import check_plan, earliest_round, fingerprint, stage
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.run import current_run
from langgraph_parallel.runtime.run_report import escalated


async def next_round(flow: Flow, state: Any, branches: Mapping[str, Branch]) -> dict[str, Any]:
    """Plan the next round; when that fails, the graph closes on what there is.

    What a run before has done of it is not done again, and the round behind it is planned then.
    """
    assert flow.further is not None
    sections: list[Section] = state["sections"]
    held, spare = dict(branches), dict(state.get("spare") or {})
    calls: dict[str, Call] = {}
    problems: dict[str, str] = dict(state["problems"])
    ready: list[str] = []
    while not ready and not escalated(held.values()):
        new: list[Section] = []
        with closing_step("next round") as closed:
            made = flow.further(Gathered.of(sections, held, known_input(flow, state)))
            new = _of_next_round(sections, await made if inspect.isawaitable(made) else made)
            check_plan([*sections, *new], flow.workers.names)
            if len(new) > (most := current_run().limits.sections):
                raise PlanError(f"the next round has {len(new)} sections; the limit is {most}")
        calls |= closed.calls
        problems |= closed.problems
        if closed.problems or not new:
            break
        for order, section in enumerate(new, len(sections)):
            done = spare.get(fingerprint(section, held))
            if done is not None:
                named = f"{flow.name}[{section.title}]"
                held[section.id] = done.model_copy(update={"id": section.id, "name": named, "order": order})
        sections = [*sections, *new]
        ready = stage(sections, held).ready
    reused = {key: branch for key, branch in held.items() if key not in branches}
    return {
        "sections": sections,
        "branches": {**{key: held[key] for key in branches if key not in state["branches"]}, **reused},
        "wave": ready,
        "calls": calls,
        "problems": problems,
    }


def _of_next_round(sections: Sections, made: Sections) -> list[Section]:
    number = max((section.round for section in sections), default=0) + 1
    return [section.model_copy(update={"round": number}) for section in made]


def restage(
    sections: Sections, branches: Mapping[str, Branch], inside: Handover | None = None
) -> dict[str, Any]:
    """Where a run goes on that has ended before: with what is not done, and nothing that followed from it.

    Later rounds were planned by what came of the earlier ones, so they are planned anew; what they have
    called stays in the report, and what is the same work on the same results as before is not done again
    (`spare`).

    Args:
        sections: the plan, with all its rounds.
        branches: what has come of them.
        inside: what a person has decided; then only the sections that have waited for it are worked on.
    """
    answers = list(inside.answers) if inside else []
    if answers:
        asked = {answer.path[0] for answer in answers}
        return {
            "sections": list(sections),
            "branches": Overwrite(dict(branches)),
            "calls": {},
            "spare": {},
            "answers": answers,
            "wave": [section.id for section in sections if section.id in asked],
        }
    last = earliest_round(sections, branches)
    later = [s for s in sections if s.round > last and s.id in branches and branches[s.id].whole]
    kept = [section for section in sections if section.round <= last]
    wave = stage(kept, {key: branch for key, branch in branches.items() if branch.whole}).ready
    dropped = {section.id for section in sections} - {section.id for section in kept}
    dropped |= {s.id for s in kept if s.id in branches and not branches[s.id].whole and s.id not in wave}
    calls: dict[str, Call] = {c.id: c for key in dropped if key in branches for c in branches[key].calls}
    return {
        "sections": kept,
        "branches": Overwrite({key: branch for key, branch in branches.items() if key not in dropped}),
        "calls": calls,
        "answers": [],
        "wave": wave,
        "spare": {fingerprint(section, branches): branches[section.id] for section in later},
    }


def again(state: Any, context: Context) -> dict[str, Any]:
    """What a redrive writes to the state before it goes on."""
    return {**restage(state["sections"], state["branches"]), "problems": {}}
