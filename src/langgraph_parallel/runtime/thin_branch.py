"""Trace runs of branches: what they say when a branch has ended, and those that are added only then."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from langgraph_parallel.runtime import trace_payload as payload
from langgraph_parallel.runtime.thinning import Place


def end_branch(tracer: Any, kind: Any, place: Place, run_id: UUID, result: Any) -> Any:
    """End the run of a branch; one that failed is shown as an error, for those who look for these."""
    record = payload.record_of(result)
    if record is None:
        return kind.on_chain_end(tracer, payload.outline(result), run_id=run_id)
    facts = payload.outcome(record, contents=place.contents)
    if record.status != "failed":
        return kind.on_chain_end(tracer, facts, run_id=run_id)
    if (run := tracer.run_map.get(str(run_id))) is not None:
        run.outputs = facts
    why = record.error if place.contents else record.cause
    return kind.on_chain_error(tracer, payload.BranchFailed(why or record.status), run_id=run_id)


def add_failure(tracer: Any, kind: Any, place: Place, run_id: UUID, result: Any) -> None:
    """Add a branch that did not succeed, if nothing below it is in the trace."""
    record = payload.record_of(result)
    if record is None or record.ok or place.told or not tracer.thinned.may_add_failure():
        return
    tracer.thinned.added(place)
    kind.on_chain_start(
        tracer,
        None,
        branch_input(place.given),
        run_id=run_id,
        parent_run_id=place.kept,
        name=record.name,
        metadata={"branch": record.id},
        defers_inputs=True,  # it is sent once, when it ends
    )
    end_branch(tracer, kind, place, run_id, result)


def branch_input(given: Any) -> dict[str, Any]:
    """Return what names a branch in what it was sent."""
    known = given if isinstance(given, Mapping) else {}
    return {key: known[key] for key in ("id", "name") if key in known}


def name_of(given: Any) -> str:
    """Return the name of a branch that was sent something; empty if it does not say."""
    return str(given.get("name") or "") if isinstance(given, Mapping) else ""
