"""Synthesize: one result from the results of the sections.

A synthesizer gets a `Gathered`: what succeeded, in the order of the plan, and what is missing. Error
texts are not in it as results, so none can be passed on as an answer.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.fan_out.gathered import Gathered as Gathered
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.render import as_text, titled
from langgraph_parallel.prompts import Prompt, load
from langgraph_parallel.reducers.joins.merge import merge_objects, merge_rows
from langgraph_parallel.reducers.joins.rank import K, fuse
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


def merge_fields(
    how: Mapping[str, Callable[[list[Any]], Any]] | None = None, *, schema: type[BaseModel] | None = None
) -> Synthesizer:
    """One object from objects: field by field, in the order of the plan.

    Args:
        how: for a field, a function of the list of its values: `{"amount": sum}`. Without one, lists
            are united (equal items once), a value on which all agree stays, and values that differ are
            listed, and said under `contradictions` with the sections that they come from. The field `missing`
            lists sections without a result. Both are left out where there is nothing to say.
        schema: what the merged fields have to fit.

    A result that is no object, or a merged one that does not fit, ends the join, not the run: there is no
    result then, and the run report says why. Give the worker a schema.
    """

    def synthesize_by_merging(gathered: Gathered) -> JsonValue:
        named: list[tuple[str, Mapping[str, JsonValue]]] = []
        for section, value in gathered.results:
            if not isinstance(value, dict):
                raise UsageError(
                    f"section {section.title!r} gave {type(value).__name__}, not an object with fields"
                )
            named.append((section.title, value))
        fields, conflicts = merge_objects(named, how)
        _fit(fields, schema)
        said: dict[str, JsonValue] = {
            **({"contradictions": conflicts} if conflicts else {}),
            **({"missing": list(gathered.missing)} if gathered.missing else {}),
        }
        return _beside(fields, said)

    return synthesize_by_merging


def merge_tables(
    *key: str,
    how: Mapping[str, Callable[[list[Any]], Any]] | None = None,
    schema: type[BaseModel] | None = None,
) -> Synthesizer:
    """One table from rows: those of several sections with equal keys are one row, which names its `sources`.

    A result is a list of objects, or one object. What two sections report of the same thing is counted once.

    Args:
        key: the fields that say what a row is about.
        how: as in `merge_fields`.
        schema: what each row has to fit.

    The result is `{"rows": [...]}`, and `contradictions` and `missing` as in `merge_fields`.

    Raises:
        UsageError: there is no key.
    """
    if not key:
        raise UsageError("merge_tables needs the fields that say what a row is about: merge_tables('name')")

    def synthesize_by_table(gathered: Gathered) -> JsonValue:
        rows = []
        for section, value in gathered.results:
            for row in value if isinstance(value, list) else [value]:
                if not isinstance(row, dict) or not row.keys() >= set(key):
                    raise UsageError(
                        f"section {section.title!r} gave a row without {', '.join(key)}; give the worker a "
                        "schema"
                    )
                rows.append((section.title, row))
        merged, conflicts = merge_rows(rows, key, how)
        for row in merged:
            _fit({name: value for name, value in row.items() if name != "sources"}, schema)
        return {
            "rows": list(merged),
            **({"contradictions": conflicts} if conflicts else {}),
            **({"missing": list(gathered.missing)} if gathered.missing else {}),
        }

    return synthesize_by_table


def rank(key: str | None = None, *, k: int = K, most: int | None = None) -> Synthesizer:
    """One ranking from several, each a list with the best first: reciprocal rank fusion (`reducers.ranking`).

    Args:
        key: the field that says what an item is, where items are objects; `url`, say.
        k: the constant of the fusion.
        most: how many are kept.

    The result is a list of `{"item", "score", "sources"}`, the best first.

    Raises:
        UsageError: a number that is out of range.
    """
    if k < 0 or (most is not None and most < 1):
        raise UsageError(f"k is {k} and most is {most}; pass k from 0, and most from 1")

    def synthesize_by_rank(gathered: Gathered) -> JsonValue:
        if strange := [s.title for s, value in gathered.results if not isinstance(value, list)]:
            raise UsageError(f"{strange[0]!r} gave no list, which a ranking is")
        counts = Counter(section.title for section, _ in gathered.results)
        lists = {
            section.title if counts[section.title] == 1 else section.id: value
            for section, value in gathered.results
            if isinstance(value, list)
        }
        return list(fuse(lists, key=key, k=k)[:most])

    return synthesize_by_rank


def best_by(key: str, *, highest: bool = False) -> Synthesizer:
    """Of offers, each an object or a list of them, the one with the lowest number under a key: the cheapest.

    Args:
        key: the field; offers without a number there are left out.
        highest: take the highest instead.

    The result is the offer, with its `source` (one of its own becomes `own_source`); of equals the earliest
    source's. None where there is none.
    """

    def synthesize_by_best(gathered: Gathered) -> JsonValue:
        offers: list[tuple[float, dict[str, JsonValue]]] = []
        for section, value in gathered.results:
            for offer in value if isinstance(value, list) else [value]:
                number = offer.get(key) if isinstance(offer, dict) else None
                if (
                    isinstance(offer, dict)
                    and isinstance(number, int | float)
                    and not isinstance(number, bool)
                ):
                    offers.append((number, _beside(offer, {"source": section.title})))
        best = max if highest else min
        return best(offers, key=lambda pair: pair[0])[1] if offers else None

    return synthesize_by_best


def _beside(fields: Mapping[str, JsonValue], said: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Fields, and what we say of them; a field of theirs with the same name becomes `own_...`."""
    return {**{f"own_{name}" if name in said else name: value for name, value in fields.items()}, **said}


def _fit(fields: Mapping[str, JsonValue], schema: type[BaseModel] | None) -> None:
    if schema is None:
        return
    try:
        schema.model_validate(fields)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise UsageError(f"what was merged is no {schema.__name__}: {place}: {problem['msg']}") from None


class by_model:  # noqa: N801 - made like the other synthesizers
    """Have a model write one coherent text; it is told what is missing, and not to fill it in.

    What is missing and the text does not name, it names in a last line.

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
        self.ask = Ask(prompt or load("sectioning/synthesize"), model=model, limits=limits)
        self.ask.prompt.check(["results", "missing"], needs=["results"])

    async def __call__(self, gathered: Gathered) -> JsonValue:
        """Write."""
        given = {
            "results": titled((section.title, value) for section, value in gathered.results),
            "missing": ", ".join(gathered.missing) or "none",
        }
        text: str = await self.ask.ainvoke({name: given[name] for name in self.ask.variables})
        unnamed = [title for title in gathered.missing if title.casefold() not in text.casefold()]
        return f"{text}\n\nMissing: {', '.join(unnamed)}." if unnamed else text
