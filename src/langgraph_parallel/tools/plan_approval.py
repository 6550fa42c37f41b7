"""Put a plan before a person, in the form that agent UIs show, and read the decision."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from langgraph.types import interrupt
from pydantic import BaseModel, Field, create_model, model_validator

from langgraph_parallel.errors import PlanError
from langgraph_parallel.runtime.people import refusing
from langgraph_parallel.runtime.text_form import for_older_uis, read_answer
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


class _Edited(BaseModel):
    """The edited call."""

    name: str = ""
    args: dict[str, Any] = Field(description="The whole plan.")


class _Decision(BaseModel):
    """A person's decision on one plan."""

    type: Literal["approve", "edit", "reject"]
    edited_action: _Edited | None = Field(None, description="For edit: args is the whole plan.")
    message: str | None = Field(None, description="For reject: what the model is told.")


class PlanDecisions(BaseModel):
    """The decision on the plan."""

    decisions: list[_Decision] = Field(min_length=1, max_length=1)


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
        given = interrupt(for_older_uis(asked), response_schema=_expected(check, asked))
    decision = given.decisions[0]
    if decision.type == "reject":
        said = f" and says: {quote(decision.message, _MESSAGE)}" if decision.message else ""
        return Decided(None, f"A person rejected the plan{said}. Nothing was run.")
    return Decided(plan if decision.edited_action is None else read_plan(decision.edited_action.args))


def _expected(check: Callable[[Plan], list[str]], form: Mapping[str, Any]) -> type[PlanDecisions]:
    """Return the type of the answer, which holds an edited plan to the same terms."""

    class Checked(PlanDecisions):
        @model_validator(mode="before")
        @classmethod
        def read(cls, given: Any) -> Any:
            return read_answer(form, given)

        @model_validator(mode="after")
        def fits(self) -> "Checked":
            decision = self.decisions[0]
            if (decision.type == "edit") != (decision.edited_action is not None):
                raise ValueError(
                    "an edit needs edited_action.args, the whole plan; other decisions have none"
                )
            if decision.edited_action is not None:
                try:
                    faults = check(read_plan(decision.edited_action.args))
                except PlanError as error:
                    faults = [str(error)]
                if faults:
                    raise ValueError(f"the edited plan: {refusal(faults)}")
            return self

    return create_model("PlanDecisions", __base__=Checked, __doc__=PlanDecisions.__doc__)
