"""Planners: from content to sections."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator
from typing_extensions import TypeAliasType

from langgraph_parallel.arguments import at_least, check_called, checked
from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.prompts import PromptLike, as_prompt, load_prompt
from langgraph_parallel.records import Section
from langgraph_parallel.reducers.staging import find_cycle
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike

Content = str | list[str] | dict[str, str]
"""What sectioning takes: a text, a list of texts, or texts by path."""
_KINDS: dict[Any, str] = {
    str: "a text",
    list[str]: "a list of texts",
    dict[str, str]: "a mapping of path to text",
}


@dataclass(frozen=True)
class Planner:
    """Divides content into sections, and declares the type of the content, which types the graph's input."""

    name: str
    accepts: Any
    """`str`, `list[str]`, `dict[str, str]`, or their union."""
    divide: Callable[[Any], Sequence[Section] | Awaitable[Sequence[Section]]]
    ask: Ask | None = None
    """The `Ask` of a planner that uses a model."""
    max_sections: int | None = None
    """The most sections that a planner with a model makes."""

    def from_text(self, title: str, text: str) -> dict[str, Content]:
        """Return the input of a graph with this planner for a title and a text."""
        kinds: dict[Any, Content] = {list[str]: [text], dict[str, str]: {title: text}}
        return {"content": kinds.get(self.accepts, text)}

    def __call__(self, content: Content) -> Sequence[Section] | Awaitable[Sequence[Section]]:
        """Divide the content.

        Raises:
            InputError: the content has another type.
        """
        try:
            TypeAdapter(self.accepts).validate_python(content, strict=True)
        except ValidationError:
            expected = _KINDS.get(self.accepts, "text")
            raise InputError(
                f"content is {type(content).__name__}; expected {expected}, which planner {self.name} divides"
            ) from None
        return self.divide(content)


PlannerLike = TypeAliasType(
    "PlannerLike", Planner | Callable[[Any], Sequence[Section] | Awaitable[Sequence[Section]]]
)


class _Brief(BaseModel):
    """One section of the plan."""

    title: str = Field(description="A few words; different from all other titles.")
    brief: str = Field(description="What to do, what belongs to it, and what does not.")
    needs: list[str] = Field([], description="Titles of the sections whose results it cannot do without.")


class _Plan(BaseModel):
    """Sections that together cover the request, independent wherever they can be."""

    sections: list[_Brief]

    @model_validator(mode="after")
    def _can_be_carried_out(self) -> "_Plan":
        titles = [section.title for section in self.sections]
        if repeated := [title for title in titles if titles.count(title) > 1]:
            raise ValueError(f"several sections have the title {repeated[0]!r}")
        for section in self.sections:
            if unknown := [need for need in section.needs if need not in titles]:
                raise ValueError(
                    f"{section.title!r} needs {unknown[0]!r}, which is not a section of the plan"
                )
        if circle := find_cycle({section.title: section.needs for section in self.sections}):
            raise ValueError(f"sections need each other in a circle: {' -> '.join(circle)}")
        return self


@checked
def by_model(
    model: ModelLike | None = None,
    *,
    max_sections: int = 8,
    prompt: PromptLike | None = None,
    limits: Limits | Mapping[str, Any] | None = None,
) -> Planner:
    """Let a model divide a request into sections that are independent wherever they can be.

    Each section holds the whole request as its content, and the model's brief as its instructions. A section
    that depends on the result of another one lists it in `needs`. Only the first `max_sections` sections of a
    longer plan are used.

    Args:
        model: by default the one that the environment names.
        max_sections: upper bound on the number of sections.
        prompt: with the variables `{content}` and `{most}`; by default the shipped one.
        limits: limits of its call, as `Limits` or a mapping.

    Raises:
        UsageError: `max_sections` is less than 1, or `limits` has an unknown key or a limit of runs.
        ModelError: the model is not valid.
        PromptError: the prompt has other variables.
    """
    at_least(max_sections, "max_sections")
    shipped = load_prompt("sectioning/plan")
    ask = Ask(
        as_prompt(prompt or shipped).sharing(shipped.shared),
        model=model,
        schema=_Plan,
        given={"most": str(max_sections)},
        limits=limits,
    )
    ask.prompt.check(["content", "most"], needs=["content"])

    async def divide(text: str) -> list[Section]:
        plan: _Plan = await ask.ainvoke({"content": text})
        ids = {brief.title: str(i) for i, brief in enumerate(plan.sections[:max_sections], 1)}
        return [
            Section(
                id=ids[brief.title],
                title=brief.title,
                content=text,
                instructions=brief.brief,
                needs=[ids[need] for need in brief.needs if need in ids],
            )
            for brief in plan.sections[:max_sections]
        ]

    return Planner("by_model", str, divide, ask, max_sections)


def as_planner(planner: PlannerLike) -> Planner:
    """Return a planner; wrap a function, whose annotation says what it divides.

    Raises:
        UsageError: it is not callable.
    """
    if isinstance(planner, Planner):
        return planner
    check_called(planner)
    if not callable(planner):
        raise UsageError(
            f"{planner!r} is not a planner; pass one of `split`, or a function from content to sections"
        )
    name = getattr(planner, "__name__", type(planner).__name__)
    hints = get_type_hints(planner) if inspect.isfunction(planner) else {}
    first = next(iter(hints.values()), None) if set(hints) - {"return"} else None
    return Planner(name, first if first in _KINDS else Content, planner)
