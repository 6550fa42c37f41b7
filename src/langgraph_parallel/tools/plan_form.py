"""The form of a plan, as the calling model is told: it names the workers, rules and joins that there are."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, create_model

from langgraph_parallel.tools.plan import (
    Name,
    OptionalName,
    Plan,
    PlannedJoin,
    PlannedSection,
    as_join,
    as_list,
    show_plainly,
)
from langgraph_parallel.tools.plan_terms import Terms


def plan_type(terms: Terms) -> type[Plan]:
    """Return the form of a plan under these terms: it names the workers, rules and joins that there are."""
    who = "; ".join(
        f"{name} ({card.description.rstrip('.')})" if card.description else name
        for name, card in terms.workers.items()
    )
    several = len(terms.workers) > 1
    section = create_model(
        "PlannedSection",
        __base__=PlannedSection,
        __doc__=PlannedSection.__doc__,
        __cls_kwargs__={"json_schema_extra": _with_worker if several else show_plainly},
        worker=(OptionalName, _field(f"Who does it: {who}.", list(terms.workers))),
        voters=(int | None, _field(f"{_text(PlannedSection, 'voters')} 2 to {terms.max_voters}.", None)),
        rule=(
            OptionalName,
            _field(f"{_text(PlannedSection, 'rule')} Default majority. {terms.rules_text}", None),
        ),
        stop=(
            OptionalName,
            _field(f"{_text(PlannedSection, 'stop')} Default decided. {terms.stops_text}", None),
        ),
    )
    how = " ".join(f"{name}: {what}." for name, what in terms.joins.items())
    join = create_model(
        "PlannedJoin",
        __base__=PlannedJoin,
        __doc__=PlannedJoin.__doc__,
        how=(Name, Field("concat", description=how, json_schema_extra={"enum": list(terms.joins)})),
    )
    sections: Any = Annotated[list[section], BeforeValidator(as_list)]
    most = f"{_text(Plan, 'sections')} At most {terms.max_sections}."
    joined: Any = Annotated[join, BeforeValidator(as_join)]
    return create_model(
        "Plan",
        __base__=Plan,
        __doc__=Plan.__doc__,
        sections=(sections, Field(description=most)),
        join=(joined, Field(default_factory=join, description=_text(Plan, "join"))),
    )


def _with_worker(schema: dict[str, Any]) -> None:
    """Require the worker in the form alone: the check says in one line which there are."""
    show_plainly(schema)
    schema["required"] = [*schema.get("required", []), "worker"]


def _text(model: type[BaseModel], name: str) -> str:
    return str(model.model_fields[name].description)


def _field(description: str, names: list[str] | None) -> Any:
    # The names are in the form, and not in the type: the check says it in one line, with the way out.
    extra: dict[str, Any] | None = {"enum": names} if names else None
    return Field(None, description=description, json_schema_extra=extra)
