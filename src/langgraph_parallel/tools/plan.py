"""The plan that an agent writes: its parts, how it is read, and what is said of one of another form."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from typing_extensions import TypeIs

from langgraph_parallel.errors import PlanError
from langgraph_parallel.tools.plan_terms import quoted

MOST_INSTRUCTIONS = 20_000
"""Characters of the instructions of a section, or of the join."""
MOST_CONTEXT = 100_000
"""Characters of the common context."""
_MOST_NAME = 100
"""Characters of an id, a title, a choice."""


_INJECTED = {"callbacks", "config", "run_manager", "runtime"}
"""Arguments of tools that LangChain and LangGraph fill."""


def _is_dict(value: Any) -> TypeIs[dict[str, Any]]:
    return isinstance(value, dict)


def _as_text(value: Any) -> Any:
    """Return a number as a text: small models write `"id": 1`."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def as_list(value: Any) -> Any:
    """Return nothing as an empty list, and one name as a list of it; read a list that comes as JSON text."""
    if value is None:
        return []
    if isinstance(value, str):
        read = _parsed(value)
        return read if isinstance(read, list) else [value]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else value


def as_join(value: Any) -> Any:
    """Return the name of a join as a join, and nothing as the default."""
    if value is None:
        return {}
    if isinstance(value, str):
        read = _parsed(value)
        return read if isinstance(read, dict) else {"how": value}
    return value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip()[:1] in ("[", "{") else None
    except (ValueError, RecursionError):
        return None


Name = Annotated[str, BeforeValidator(_as_text), Field(max_length=_MOST_NAME)]
Names = Annotated[list[Name], BeforeValidator(as_list)]
OptionalName = Name | None


def show_plainly(schema: dict[str, Any]) -> None:
    """Describe optional fields by their type alone: some providers refuse `null`, and words cost tokens."""
    schema.pop("title", None)
    for field in schema.get("properties", {}).values():
        kinds = [kind for kind in field.pop("anyOf", []) if kind.get("type") != "null"]
        field.update({key: value for kind in kinds for key, value in kind.items()})
        for about in (field, field.get("items", {})):
            for key in ("default", "maxLength", "title"):
                about.pop(key, None)


class _Strict(BaseModel):
    """A part of a plan; what it has no field for is refused, so that nothing asked for is lost in silence."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=show_plainly)


class PlannedSection(_Strict):
    """One piece of work."""

    id: Name = Field(description="Short name, different from all others; `needs` refers to it.")
    instructions: str = Field(
        max_length=MOST_INSTRUCTIONS,
        description="What to do, complete in itself: whoever does it sees this text, `context` and the "
        "results of `needs`, and nothing else.",
    )
    title: OptionalName = Field(None, description="Heading of its result; the id if left out.")
    needs: Names = Field(
        [], description="Ids of sections whose results it cannot do without. Leave it out to run at once."
    )
    worker: OptionalName = Field(None, description="Who does it.")
    voters: int | None = Field(
        None, description="How often it is answered independently, for a vote. Leave it out for one answer."
    )
    rule: OptionalName = Field(None, description="How the vote is decided; only with `voters`.")
    stop: OptionalName = Field(None, description="When the vote needs no further voter; only with `voters`.")
    choices: Annotated[list[Name] | None, BeforeValidator(lambda v: None if v is None else as_list(v))] = (
        Field(None, description="The valid answers of the vote; only with `voters`.")
    )


class PlannedJoin(_Strict):
    """How the results become one."""

    how: Name = Field("concat", description="concat: one after another.")
    instructions: str = Field(
        "", max_length=MOST_INSTRUCTIONS, description="What the text should be like; only for summarise."
    )


class Plan(_Strict):
    """Work that is done at the same time, by workers that do not see each other."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_injected(cls, given: Any) -> Any:
        # LangGraph adds what it injects before LangChain validates.
        return (
            {key: value for key, value in given.items() if key not in _INJECTED} if _is_dict(given) else given
        )

    sections: Annotated[list[PlannedSection], BeforeValidator(as_list)] = Field(
        description="The pieces of work. They all run at once, except those that need others."
    )
    context: str = Field("", max_length=MOST_CONTEXT, description="Text that every section gets.")
    join: Annotated[PlannedJoin, BeforeValidator(as_join)] = Field(
        default_factory=PlannedJoin, description="How the results become one."
    )


def read_plan(given: Mapping[str, Any]) -> Plan:
    """Return a plan from what a model or a person gave.

    Raises:
        PlanError: it has another form; one line says where.
    """
    fields = {
        key: value.model_dump() if isinstance(value, BaseModel) else _dumped(value)
        for key, value in given.items()
    }
    try:
        return Plan.model_validate(fields)
    except ValidationError as error:
        raise PlanError(explain_form(error)) from None


def _dumped(value: Any) -> Any:
    if isinstance(value, list):
        return [item.model_dump() if isinstance(item, BaseModel) else item for item in value]
    return value


_EXPECTED = {
    "missing": "is missing; add it",
    "string_type": "is {found}; expected a text",
    "string_unicode": "has characters that are no valid text; leave them out",
    "string_too_long": "has {length:,} characters; expected at most {max_length:,}: shorten it",
    "too_long": "has {length:,} characters; expected at most {max_length:,}: shorten it",
    "int_type": "is {found}; expected a whole number",
    "int_parsing": "is {found}; expected a whole number",
    "int_parsing_size": "is too large; expected a small whole number",
    "int_from_float": "is {found}; expected a whole number",
    "list_type": "is {found}; expected a list",
    "model_type": "is {found}; expected an object",
    "model_attributes_type": "is {found}; expected an object",
    "dict_type": "is {found}; expected an object",
}
"""What to say of each kind of misfit."""


def explain_form(error: ValidationError, most: int = 3) -> str:
    """Say in one line what of a plan has a form that it cannot have, and what it should be.

    Args:
        error: of pydantic, whose own text quotes the whole plan.
        most: number of faults that are told; the others are counted.
    """
    problems = error.errors(include_url=False)
    told = list(dict.fromkeys(_problem(problem) for problem in problems))
    more = f"; and {len(told) - most} more" if len(told) > most else ""
    return "; ".join(told[:most]) + more


def _problem(problem: Mapping[str, Any]) -> str:
    place = "".join(
        f"[{part}]" if isinstance(part, int) else f".{_name(part)}" for part in problem["loc"]
    ).lstrip(".")
    given = problem.get("input")
    if problem["type"] == "extra_forbidden":
        owner = place.rpartition(".")[0]
        known = ", ".join(_fields_at(owner))
        return f"{owner or 'the plan'} has no field {quoted(problem['loc'][-1])}; its fields are {known}"
    about = problem.get("ctx") or {}
    length = len(given) if isinstance(given, str) else 0
    how = _EXPECTED.get(problem["type"], "is {found}, which does not fit; see the form of the tool")
    return f"{place or 'the plan'} " + how.format(
        found=_found(given), length=length, max_length=about.get("max_length", 0)
    )


def _name(part: object) -> str:
    text = str(part)
    return text if text.isidentifier() and len(text) <= _MOST_NAME else quoted(text)


def _fields_at(owner: str) -> list[str]:
    if owner.startswith("sections["):
        return list(PlannedSection.model_fields)
    return list((PlannedJoin if owner == "join" else Plan).model_fields)


def _found(value: Any) -> str:
    """Name what stands in the wrong place."""
    kinds = [
        (bool, "a truth value"),
        (int | float, "a number"),
        (str, "a text"),
        (list, "a list"),
        (dict, "an object"),
    ]
    if value is None:
        return "null"
    found = next((name for kind, name in kinds if isinstance(value, kind)), "something else")
    return f"the text {quoted(value)}" if found == "a text" else found
