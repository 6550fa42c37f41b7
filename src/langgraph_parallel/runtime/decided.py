"""A person's decisions as they come back: one for each request of a form, as UIs send them, and checked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field, JsonValue, create_model, model_validator

from langgraph_parallel.runtime.people import counted
from langgraph_parallel.runtime.text_form import read_answer


class Edited(BaseModel):
    """What is to be done instead."""

    name: str = ""
    args: dict[str, JsonValue]


class Decision(BaseModel):
    """A decision on one request."""

    type: Literal["approve", "edit", "reject"]
    edited_action: Edited | None = Field(None, description="For edit: all arguments of the request.")
    message: str | None = Field(None, description="Why.")

    @property
    def edited(self) -> Mapping[str, JsonValue]:
        """The arguments of an edit; empty for other decisions."""
        return self.edited_action.args if self.type == "edit" and self.edited_action else {}


class Decisions(BaseModel):
    """One decision for each action request, in the same order."""

    decisions: list[Decision]


def decisions_on(form: Mapping[str, Any], check: Callable[[Sequence[Decision]], object]) -> type[Decisions]:
    """Return the type of the answer to a form.

    Args:
        form: with the action requests, as it is shown.
        check: is called with one decision for each of them; raises ValueError for what is not possible.
    """
    asked = len(form["action_requests"])

    class Checked(Decisions):
        @model_validator(mode="before")
        @classmethod
        def read(cls, given: Any) -> Any:
            return read_answer(form, given)

        @model_validator(mode="after")
        def fits(self) -> "Checked":
            if len(self.decisions) != asked:
                raise ValueError(
                    f"{counted(len(self.decisions), 'decision')} for {counted(asked, 'action request')}; "
                    "pass one each, in order"
                )
            check(self.decisions)
            return self

    return create_model("Decisions", __base__=Checked, __doc__=Decisions.__doc__)
