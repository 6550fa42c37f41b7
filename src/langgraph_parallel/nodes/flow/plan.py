"""Plan: from content to sections."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.prompts import Prompt, load
from langgraph_parallel.records import Section
from langgraph_parallel.reducers.staging import find_cycle
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike

Content = str | list[str] | dict[str, str]
"""What sectioning works on: a text, a list of texts, or files by path."""
_KINDS: dict[Any, str] = {
    str: "a text",
    list[str]: "a list of texts",
    dict[str, str]: "a mapping of path to text",
}


@dataclass(frozen=True)
class Planner:
    """Divides content into sections; knows what it divides, so that a graph's input can be narrow."""

    name: str
    accepts: Any
    """`str`, `list[str]`, `dict[str, str]`, or their union."""
    divide: Callable[[Any], Sequence[Section] | Awaitable[Sequence[Section]]]
    ask: Ask | None = None
    """The model that it asks, if any."""
    most: int | None = None
    """How many sections it makes at most, where that can be said before it has asked."""

    def takes(self, title: str, text: str) -> dict[str, Content]:
        """The input of a graph with this planner, for one text under a title."""
        kinds: dict[Any, Content] = {list[str]: [text], dict[str, str]: {title: text}}
        return {"content": kinds.get(self.accepts, text)}

    def __call__(self, content: Content) -> Sequence[Section] | Awaitable[Sequence[Section]]:
        """Divide.

        Raises:
            InputError: the content is not what this planner divides.
        """
        try:
            TypeAdapter(self.accepts).validate_python(content, strict=True)
        except ValidationError:
            wanted = _KINDS.get(self.accepts, "text")
            raise InputError(f"planner {self.name} divides {wanted}, not {type(content).__name__}") from None
        return self.divide(content)


PlannerLike = Planner | Callable[[Any], Sequence[Section] | Awaitable[Sequence[Section]]]


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
            if strange := [need for need in section.needs if need not in titles]:
                raise ValueError(f"{section.title!r} needs {strange[0]!r}, which is no section of the plan")
        if circle := find_cycle({section.title: section.needs for section in self.sections}):
            raise ValueError(f"sections need each other in a circle: {' -> '.join(circle)}")
        return self


def by_model(
    model: ModelLike | None = None,
    *,
    most: int = 8,
    prompt: str | Path | Prompt | None = None,
    limits: Limits | None = None,
) -> Planner:
    """Have a model divide a request into sections, independent wherever they can be.

    Each section holds the whole request as its content, and the model's brief as its instructions. A section
    that cannot do without the result of another one says so in `needs`. Of a plan with more than `most`
    sections the first ones are taken.

    Args:
        model: by default, what the environment names.
        most: bound on the number of sections.
        prompt: with the variables `{content}` and `{most}`; by default the one that ships.
        limits: bounds of its call.

    Raises:
        UsageError: `most` is less than 1.
        PromptError: the prompt has other variables.
    """
    if most < 1:
        raise UsageError(f"most is {most}; it must be at least 1")
    ask = Ask(
        prompt or load("sectioning/plan"), model=model, schema=_Plan, given={"most": str(most)}, limits=limits
    )
    ask.prompt.check(["content", "most"], needs=["content"])

    async def divide(text: str) -> list[Section]:
        plan: _Plan = await ask.ainvoke({"content": text})
        ids = {brief.title: str(i) for i, brief in enumerate(plan.sections[:most], 1)}
        return [
            Section(
                id=ids[brief.title],
                title=brief.title,
                content=text,
                instructions=brief.brief,
                needs=[ids[need] for need in brief.needs if need in ids],
            )
            for brief in plan.sections[:most]
        ]

    return Planner("by_model", str, divide, ask, most)


def as_planner(planner: PlannerLike) -> Planner:
    """Make a planner of a function of the content; its annotation says what it divides.

    Raises:
        UsageError: it cannot be called.
    """
    if isinstance(planner, Planner):
        return planner
    if not callable(planner):
        raise UsageError(
            f"{planner!r} is no planner; pass one of `split`, or a function from content to sections"
        )
    name = getattr(planner, "__name__", type(planner).__name__)
    hints = get_type_hints(planner) if inspect.isfunction(planner) else {}
    first = next(iter(hints.values()), None) if set(hints) - {"return"} else None
    return Planner(name, first if first in _KINDS else Content, planner)
