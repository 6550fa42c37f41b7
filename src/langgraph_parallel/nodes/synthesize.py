"""Synthesize: one result from the results of the sections.

A synthesizer gets a `Gathered`: what succeeded, in the order of the plan, and what is missing. Error
texts are not in it as results, so none can be passed on as an answer.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.nodes.gather import Gathered as Gathered
from langgraph_parallel.nodes.words import as_text, titled
from langgraph_parallel.prompts import Prompt, load
from langgraph_parallel.reducers import canonical
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike

Synthesizer = Callable[[Gathered], JsonValue | Awaitable[JsonValue]]
"""From what was gathered to one JSON value; sync or async."""


def concatenate(*, headings: bool = True) -> Synthesizer:
    """One Markdown text: each result under its section's title, and a line about what is missing."""

    def synthesize_by_concatenation(gathered: Gathered) -> str:
        parts = [
            f"## {section.title}\n\n{as_text(value)}" if headings else as_text(value)
            for section, value in gathered.results
        ]
        if gathered.missing:
            parts.append(f"Missing: {', '.join(gathered.missing)}.")
        return "\n\n".join(parts)

    return synthesize_by_concatenation


def merge_fields(how: Mapping[str, Callable[[list[Any]], Any]] | None = None) -> Synthesizer:
    """One object from objects: field by field, in the order of the plan.

    Args:
        how: for a field, a function of the list of its values: `{"amount": sum}`. Without one, lists
            are united (equal items once), a value on which all agree stays, and values that differ are
            listed. The field `missing` lists sections without a result, where there are any.

    A result that is no object ends the join, not the run: there is no result then, and the run report
    says why. Give the worker a schema.
    """
    chosen = dict(how or {})

    def synthesize_by_merging(gathered: Gathered) -> JsonValue:
        values: dict[str, list[Any]] = {}
        for section, value in gathered.results:
            if not isinstance(value, dict):
                raise UsageError(
                    f"section {section.title!r} gave {type(value).__name__}, not an object with fields"
                )
            for field, item in value.items():
                values.setdefault(field, []).append(item)
        merged: dict[str, JsonValue] = {
            field: chosen.get(field, _merge)(items) for field, items in values.items()
        }
        return merged | ({"missing": list(gathered.missing)} if gathered.missing else {})

    return synthesize_by_merging


class by_model:  # noqa: N801 - made like the other synthesizers
    """Have a model write one coherent text; it is told what is missing, and not to fill it in.

    Args:
        model: by default, what the environment names.
        prompt: with the variables `{results}` and `{missing}`; by default the one that ships.
        limits: bounds of its call.

    Raises:
        PromptError: the prompt has other variables, or lacks `{results}`.
    """

    def __init__(
        self,
        model: ModelLike | None = None,
        *,
        prompt: str | Path | Prompt | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.ask = Ask(prompt or load("synthesize"), model=model, limits=limits)
        self.ask.prompt.check(["results", "missing"], needs=["results"])

    async def __call__(self, gathered: Gathered) -> JsonValue:
        """Write."""
        given = {
            "results": titled((section.title, value) for section, value in gathered.results),
            "missing": ", ".join(gathered.missing) or "none",
        }
        text: str = await self.ask.ainvoke({name: given[name] for name in self.ask.variables})
        return text


def _merge(items: list[Any]) -> Any:
    if all(isinstance(item, list) for item in items):
        return _distinct(one for item in items for one in item)
    distinct = _distinct(items)
    return distinct[0] if len(distinct) == 1 else distinct


def _distinct(items: Iterable[Any]) -> list[Any]:
    """Each value once, in the order in which they are first seen."""
    return list({canonical(item): item for item in items}.values())
