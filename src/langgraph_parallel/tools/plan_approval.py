"""Put a plan before a person, in the form that agent UIs show, and read the decision."""

from collections.abc import Callable
from typing import Any, NamedTuple

from langgraph.types import interrupt

from langgraph_parallel.errors import PlanError
from langgraph_parallel.runtime.decided import Decision, decisions_on
from langgraph_parallel.runtime.people import refusing
from langgraph_parallel.runtime.text_form import for_older_uis
from langgraph_parallel.tools.plan import Plan, read_plan
from langgraph_parallel.tools.plan_check import refusal
from langgraph_parallel.tools.quoting import quote

_MESSAGE = 200
"""Most tokens of what a person says."""


class Decided(NamedTuple):
    """What a person decided."""

    plan: Plan | None
    """The plan to run, as it was or edited; None if it is rejected."""
    rejection: str = ""
    """What the calling model is told if it is rejected."""


def ask_person(
    plan: Plan, check: Callable[[Plan], list[str]], *, tool: str, description: str, schema: dict[str, Any]
) -> Decided:
    """Raise one interrupt for a plan, and return what the person decided.

    Args:
        plan: checked.
        check: returns the faults of an edited plan.
        tool: its name.
        description: what the plan may cost, and above what it is.
        schema: JSON schema of a plan.

    Raises:
        GraphInterrupt: there is no answer yet.
        InputError: the answer is not valid; the run can be resumed with another one.
    """
    asked = {
        "action_requests": [
            {"name": tool, "args": plan.model_dump(exclude_defaults=True), "description": description}
        ],
        "review_configs": [
            {
                "action_name": tool,
                "allowed_decisions": ["approve", "edit", "reject"],
                "args_schema": schema,
            }
        ],
    }
    with refusing(tool):
        expected = decisions_on(asked, lambda decisions: _check(check, decisions[0]))
        given = interrupt(for_older_uis(asked), response_schema=expected)
    decision = given.decisions[0]
    if decision.type == "reject":
        said = f" and says: {quote(decision.message, _MESSAGE)}" if decision.message else ""
        return Decided(None, f"A person rejected the plan{said}. Nothing was run.")
    return Decided(read_plan(dict(decision.edited)) if decision.type == "edit" else plan)


def _check(check: Callable[[Plan], list[str]], decision: Decision) -> None:
    """Hold an edited plan to the terms of one that a model writes.

    Raises:
        ValueError: there is something else than a whole plan; the message says what is wrong.
    """
    if (decision.type == "edit") != (decision.edited_action is not None):
        raise ValueError("an edit needs edited_action.args, the whole plan; other decisions have none")
    if decision.edited_action is None:
        return
    try:
        faults = check(read_plan(dict(decision.edited)))
    except PlanError as error:
        faults = [str(error)]
    if faults:
        raise ValueError(f"the edited plan: {refusal(faults)}")
