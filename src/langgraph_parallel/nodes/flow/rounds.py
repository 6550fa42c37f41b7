"""Rounds of a flow: planning the next one from the results so far.

Later rounds are planned from the results of earlier ones, so a redrive that changes an earlier result has to
plan them again. What it plans may be the same work on the same results as before; then the earlier record is
reused (`spare`, keyed by `fingerprint`), because it is paid for.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from langgraph_parallel.nodes.fan_out.close import closing_step
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.fan_out.telling import listening
from langgraph_parallel.nodes.flow.sending import told_sections
from langgraph_parallel.nodes.flow.spec import Flow, Sections
from langgraph_parallel.records import Branch, Call, Section
from langgraph_parallel.reducers.staging import check_plan, fingerprint, start_order
from langgraph_parallel.runtime.run_report import escalated
from langgraph_parallel.runtime.stored_once import plan_update


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
        with closing_step("next round", state, makes_up=True) as step:
            gathered = Gathered.of(sections, records, flow.read_input(state), state.get("notes"))
            added = await _sections_of_round(flow, gathered)
        calls |= step.calls
        problems |= step.problems
        if step.problems or not added:
            break
        records |= _reuse(flow, added, records, spare, first=len(sections))
        if (level := listening()) is not None:
            ids = [section.id for section in added]
            kept = [id for id in ids if id in records]
            level.planned(ids, kept, sections=told_sections(flow, added), more=True)
        sections = [*sections, *added]
        ready = start_order(sections, records, flow.joins)
    return {
        "sections": plan_update(sections[len(state["sections"]) :], flow.read_input(state), more=True),
        "branches": {key: branch for key, branch in records.items() if key not in state["branches"]},
        "wave": ready,
        "calls": calls,
        "problems": problems,
    }


async def _sections_of_round(flow: Flow, gathered: Gathered) -> list[Section]:
    """Ask the flow for the sections of the next round, and check them against the whole plan."""
    assert flow.next_round is not None
    planned = flow.next_round(gathered)
    sections: Sections = await planned if inspect.isawaitable(planned) else planned
    number = gathered.last_round + 1
    added = [section.model_copy(update={"round": number}) for section in sections]
    check_plan([*gathered.sections, *added], flow.workers.names)
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
        earlier = spare.get(fingerprint(section, {**records, **reused}, flow.joins))
        if earlier is not None:
            fields = {"id": section.id, "name": flow.name_branch(section), "order": order}
            reused[section.id] = earlier.model_copy(update=fields)
    return reused
