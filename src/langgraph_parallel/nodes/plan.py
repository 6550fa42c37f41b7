"""Plan: from content to sections."""

import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from langgraph.types import Overwrite
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.prompts import Prompt, load
from langgraph_parallel.records import Below, Branch, Section
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.recording import recording

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

    title: str = Field(description="A few words.")
    brief: str = Field(description="What to do, what belongs to it, and what does not.")


class _Plan(BaseModel):
    """Independent sections that together cover the request."""

    sections: list[_Brief]


def by_model(
    model: ModelLike | None = None,
    *,
    most: int = 8,
    prompt: str | Path | Prompt | None = None,
    limits: Limits | None = None,
) -> Planner:
    """Have a model divide a request into independent sections.

    Each section holds the whole request as its content, and the model's brief as its instructions. Of a
    plan with more than `most` sections the first ones are taken.

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
    ask = Ask(prompt or load("plan"), model=model, schema=_Plan, given={"most": str(most)}, limits=limits)
    ask.prompt.check(["content", "most"], needs=["content"])

    async def divide(text: str) -> list[Section]:
        plan: _Plan = await ask.ainvoke({"content": text})
        return [
            Section(id=str(i), title=brief.title, content=text, instructions=brief.brief)
            for i, brief in enumerate(plan.sections[:most], 1)
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


class PlanUpdate(TypedDict):
    """What a plan writes. It resets what an earlier run on the same thread has left."""

    sections: list[Section]
    branches: Any
    calls: Any


async def make_plan(planner: Planner, content: Content, most: int) -> PlanUpdate:
    """Run a planner, and open the run.

    Sections beyond `most` become branches of status `skipped`: nothing is dropped in silence.

    Raises:
        InputError: the content is not what the planner divides.
        UsageError: two sections have one id.
    """
    with recording() as calls:
        sections = await divided(planner, content)
    kept, left = sections[:most], sections[most:]
    skipped = {
        section.id: Branch(
            id=section.id,
            name=section.title,
            order=order,
            status="skipped",
            error=f"beyond the limit of {most} sections",
        )
        for order, section in enumerate(left, len(kept))
    }
    return PlanUpdate(sections=kept, branches=Overwrite(skipped), calls=Overwrite(dict(calls)))


async def divided(planner: Planner, content: Content) -> list[Section]:
    """What a planner makes of content, once it is sure that it can be worked on.

    Raises:
        InputError, UsageError: as in `make_plan`.
    """
    planned = planner(content)
    sections = list(await planned if inspect.isawaitable(planned) else planned)
    if strange := [section for section in sections if not isinstance(section, Section)]:
        raise UsageError(f"planner {planner.name} gave {type(strange[0]).__name__} where a Section is due")
    counts = Counter(section.id for section in sections)
    if repeated := sorted(name for name, number in counts.items() if number > 1):
        raise UsageError(
            f"planner {planner.name} gave several sections the id {repeated[0]!r}; ids must differ"
        )
    return sections


def resumed_plan(below: Below) -> PlanUpdate:
    """The plan of a graph that goes on from where it ended, as the worker of a branch that is run again."""
    return PlanUpdate(sections=below.sections or [], branches=Overwrite(below.branches), calls=Overwrite({}))
