"""Synthesize: one result from the results of the sections.

A synthesizer gets a `Gathered`: what succeeded, in the order of the plan, and what is missing. Error
texts are not in it as results, so none can be passed on as an answer.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.prompts import Prompt, load
from langgraph_parallel.records import Branch, Section
from langgraph_parallel.reducers import canonical
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike


@dataclass(frozen=True)
class Gathered:
    """What came back from a fan-out."""

    results: list[tuple[Section, JsonValue]]
    """Sections whose branch ended ok, with its value, in the order of the plan."""
    missing: list[str]
    """Titles of the others, in the same order."""

    @classmethod
    def of(cls, sections: Sequence[Section], branches: Mapping[str, Branch]) -> "Gathered":
        """Match sections with their branches; skipped branches may have no section any more."""
        held = {section.id: section for section in sections}
        ok = {key for key, branch in branches.items() if branch.ok and key in held}
        others = [held[key].title for key in held if key not in ok]
        beyond = [branch.name for key, branch in branches.items() if key not in held]
        return cls([(s, branches[s.id].value) for s in sections if s.id in ok], others + beyond)


Synthesizer = Callable[[Gathered], JsonValue | Awaitable[JsonValue]]
"""From what was gathered to one JSON value; sync or async."""


def concatenate(*, headings: bool = True) -> Synthesizer:
    """One Markdown text: each result under its section's title, and a line about what is missing."""

    def synthesize_by_concatenation(gathered: Gathered) -> str:
        parts = [
            f"## {section.title}\n\n{_text(value)}" if headings else _text(value)
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
        results = "\n\n".join(f"### {section.title}\n\n{_text(value)}" for section, value in gathered.results)
        missing = ", ".join(gathered.missing) or "none"
        given = {"results": results, "missing": missing}
        text: str = await self.ask.ainvoke({name: given[name] for name in self.ask.variables})
        return text


def _text(value: JsonValue) -> str:
    if isinstance(value, dict) and isinstance(verdict := value.get("verdict"), dict):
        return _decision(verdict)
    return value if isinstance(value, str) else canonical(value)


def _decision(verdict: dict[str, Any]) -> str:
    """What a vote decided, as a text: `yes (4/5)`, and why not, where it is undecided."""
    support, choice = verdict.get("support") or {}, verdict.get("choice")
    shown = "no choice" if choice is None else _text(choice)
    status = "" if verdict.get("status") == "decided" else f", {str(verdict.get('status')).replace('_', ' ')}"
    return f"{shown} ({support.get('k', 0)}/{support.get('n', 0)}{status})"


def _merge(items: list[Any]) -> Any:
    if all(isinstance(item, list) for item in items):
        return _distinct(one for item in items for one in item)
    distinct = _distinct(items)
    return distinct[0] if len(distinct) == 1 else distinct


def _distinct(items: Iterable[Any]) -> list[Any]:
    """Each value once, in the order in which they are first seen."""
    return list({canonical(item): item for item in items}.values())
