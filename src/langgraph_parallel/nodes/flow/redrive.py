"""Redrive of a flow: which sections of a finished run are worked on again, and what is dropped with them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

from langgraph.types import Overwrite

from langgraph_parallel.nodes.fan_out.handover import Handover
from langgraph_parallel.nodes.fan_out.taken_up import TakeUp
from langgraph_parallel.nodes.flow.spec import Flow, Sections
from langgraph_parallel.records import Answer, Branch, Call
from langgraph_parallel.reducers.needs import above
from langgraph_parallel.reducers.staging import earliest_round, fingerprint, stage, start_order
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.run import Run
from langgraph_parallel.runtime.stored_once import plan_update


def resume_update(
    flow: Flow,
    given: Mapping[str, Any],
    sections: Sections,
    branches: Mapping[str, Branch],
    handover: Handover | None = None,
) -> dict[str, Any]:
    """Return the state update that takes a finished run back to its fan-out.

    Args:
        flow: the graph.
        given: its input.
        sections: the plan with all its rounds.
        branches: the records of the sections.
        handover: of an enclosing branch, with a person's answers.
    """
    answers = list(handover.answers) if handover else []
    update = _resume_answered(sections, branches, answers) if answers else _redrive(flow, sections, branches)
    return {**update, "sections": plan_update(update["sections"], given)}


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


def _redrive(flow: Flow, sections: Sections, branches: Mapping[str, Branch]) -> dict[str, Any]:
    """Work again on what did not end ok, and drop everything that was made of it.

    Dropped are the rounds that were planned from results, after the first one with a failure; of the others,
    the joins above a section that is worked on again, and the records of sections that failed only because
    they need one that failed. Calls of what is dropped stay in the run report, and its ok records become
    spare.
    """
    last = math.inf if flow.next_round is None else earliest_round(sections, branches)
    kept = [section for section in sections if section.round <= last]
    whole = {key: branch for key, branch in branches.items() if branch.whole}
    changed = above(kept, [section.id for section in kept if section.id not in whole])
    remade = {s.id: s for s in sections if s.round > last or (s.id in changed and s.worker in flow.joins)}
    spare = {fingerprint(s, branches, flow.joins): whole[id] for id, s in remade.items() if id in whole}
    whole = {key: branch for key, branch in whole.items() if key not in remade}
    dropped = remade.keys() | _blocked_sections(
        kept, branches.keys() - whole.keys(), stage(kept, whole, flow.joins).ready
    )
    return {
        "sections": kept,
        "branches": Overwrite({key: branch for key, branch in branches.items() if key not in dropped}),
        "calls": _calls_of(dropped, branches),
        "answers": [],
        "wave": start_order(kept, whole, flow.joins),
        "spare": spare,
    }


def _blocked_sections(kept: Sections, unfinished: Set[str], ready: Sequence[str]) -> set[str]:
    """Return the unfinished sections that cannot run yet, because they need one that must run first."""
    return {section.id for section in kept if section.id in unfinished} - set(ready)


def _calls_of(ids: Iterable[str], branches: Mapping[str, Branch]) -> dict[str, Call]:
    return {call.id: call for id in ids if id in branches for call in branches[id].calls}


def watch_again(flow: Flow) -> TakeUp | None:
    """Return what watches the branches of a fan-out that is resumed; None if nothing does."""
    watch = flow.watch
    if watch is None:
        return None

    def on_resume(run: Run, state: Mapping[str, Any]) -> None:
        run.fan_out.race(watch(run, state["sections"]))
        for branch in state["branches"].values():
            run.fan_out.ended(branch, planned=False)

    return TakeUp(["sections", "branches"], on_resume)


def redrive_update(flow: Flow) -> Callable[[Any, Context], dict[str, Any]]:
    """Build the function that returns what a redrive writes to the state before it resumes."""

    def redrive(state: Any, context: Context) -> dict[str, Any]:
        resumed = resume_update(flow, flow.read_input(state), state["sections"], state["branches"])
        return {**resumed, "problems": {}}

    return redrive
