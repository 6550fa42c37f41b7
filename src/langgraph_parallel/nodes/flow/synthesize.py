"""Synthesizers: one result from the results of all sections.

A synthesizer is a function of a `Gathered`: the results in the order of the plan, and what is missing. Errors
are not among the results, so that no error text can pass for an answer.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError

from langgraph_parallel.arguments import at_least, checked
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.fan_out.gathered import Gathered as Gathered
from langgraph_parallel.nodes.flow.synthesizer import Synthesizer
from langgraph_parallel.nodes.work.render import as_text, missing_line
from langgraph_parallel.reducers.joins.merge import merge_objects, merge_rows
from langgraph_parallel.reducers.joins.rank import K, fuse
from langgraph_parallel.reducers.votes.normalise import number
from langgraph_parallel.runtime.run import current_run

FieldJoins = Mapping[str, Callable[[list[Any]], Any]]
"""For a field, a function of the list of its values: `{"amount": sum}`."""


@checked
def concatenate(*, headings: bool = True) -> Synthesizer:
    """Join the results into one Markdown text, each under its section's title, and name what is missing.

    Args:
        headings: whether each result gets its title as a heading.
    """

    def synthesize_by_concatenation(gathered: Gathered) -> str:
        parts = [
            f"## {section.title}\n\n{as_text(value)}" if headings else as_text(value)
            for section, value in gathered.results
        ]
        if gathered.missing:
            parts.append(missing_line(gathered.missing))
        return "\n\n".join(parts)

    return synthesize_by_concatenation


@checked
def merge_fields(how: FieldJoins | None = None, *, schema: type[BaseModel] | None = None) -> Synthesizer:
    """Merge objects into one, field by field, in the order of the plan.

    Args:
        how: functions that join the values of a field. A field without one: lists are united (equal items
            once), a value on which all agree is kept, and differing values are listed, and reported under
            `contradictions` with the sections that they come from. `missing` lists sections without a
            result. Both keys are left out when empty.
        schema: the merged fields are validated against it.

    A result that is not an object, or a merged one that does not fit, fails the join and not the run: the
    result is None and the run report says why. Give the worker a schema.
    """

    def synthesize_by_merging(gathered: Gathered) -> JsonValue:
        named: list[tuple[str, Mapping[str, JsonValue]]] = []
        for section, value in gathered.results:
            if not isinstance(value, dict):
                raise UsageError(
                    f"section {section.title!r} returned {type(value).__name__}; expected an object: "
                    "give the worker a schema"
                )
            named.append((section.title, value))
        fields, conflicts = merge_objects(named, how)
        _validate(fields, schema)
        return _beside(fields, _remarks(conflicts, gathered))

    return synthesize_by_merging


@checked
def merge_tables(
    *key: str, how: FieldJoins | None = None, schema: type[BaseModel] | None = None
) -> Synthesizer:
    """Merge rows into one table: rows with equal keys become one row, which lists its `sources`.

    A result is a list of objects, or one object. What several sections report of the same thing counts once.

    Args:
        key: the fields that identify a row.
        how: as in `merge_fields`.
        schema: each row is validated against it.

    The result is `{"rows": [...]}`, with `contradictions` and `missing` as in `merge_fields`.

    Raises:
        UsageError: `key` is empty.
    """
    if not key:
        raise UsageError(
            "merge_tables() lacks the fields that identify a row; pass them: merge_tables('name')"
        )

    def synthesize_by_table(gathered: Gathered) -> JsonValue:
        rows = []
        for section, value in gathered.results:
            for row in value if isinstance(value, list) else [value]:
                if not isinstance(row, dict) or not row.keys() >= set(key):
                    raise UsageError(
                        f"section {section.title!r} returned a row without {', '.join(key)}; give the "
                        "worker a schema"
                    )
                rows.append((section.title, row))
        merged, conflicts = merge_rows(rows, key, how)
        for row in merged:
            _validate({name: value for name, value in row.items() if name != "sources"}, schema)
        return {"rows": list(merged), **_remarks(conflicts, gathered)}

    return synthesize_by_table


@checked
def rank(key: str | None = None, *, k: int = K, max_items: int | None = None) -> Synthesizer:
    """Fuse rankings, each a list with the best first, by reciprocal rank fusion (`reducers.joins.rank`).

    Args:
        key: the field that identifies an item that is an object, such as `url`.
        k: the constant of the fusion, at least 0.
        max_items: length of the result; None for all items.

    The result is a list of `{"item", "score", "sources"}`, the best first.

    Raises:
        UsageError: `k` or `max_items` is out of range.
    """
    at_least(k, "k", 0)
    if max_items is not None:
        at_least(max_items, "max_items")

    def synthesize_by_rank(gathered: Gathered) -> JsonValue:
        for section, value in gathered.results:
            if not isinstance(value, list):
                raise UsageError(
                    f"section {section.title!r} returned {type(value).__name__}; expected a list: "
                    "give the worker a schema, or return a list"
                )
        counts = Counter(section.title for section, _ in gathered.results)
        lists = {
            section.title if counts[section.title] == 1 else section.id: value
            for section, value in gathered.results
            if isinstance(value, list)
        }
        return list(fuse(lists, key=key, k=k)[:max_items])

    return synthesize_by_rank


@checked
def best_by(key: str, *, highest: bool = False) -> Synthesizer:
    """Choose the offer with the lowest number under a key, such as the cheapest.

    Args:
        key: the field. Its number may be written as text: `"$1,200.50"`, `"12%"`.
        highest: choose the highest number instead.

    A result is an offer (an object) or a list of them. The chosen offer gets its `source` (a field of that
    name becomes `own_source`); of equal offers the earliest source's. None if there is no offer. Offers
    without a number are not compared; the run report has a remark about them. If none has a number, the join
    fails, and says what the offers have.
    """

    def synthesize_by_best(gathered: Gathered) -> JsonValue:
        numbered: list[tuple[float, dict[str, JsonValue]]] = []
        unread: list[str] = []
        for section, value in gathered.results:
            for offer in value if isinstance(value, list) else [value]:
                found = number(offer.get(key)) if isinstance(offer, dict) else None
                if isinstance(offer, dict) and isinstance(found, int | float):
                    numbered.append((found, _beside(offer, {"source": section.title})))
                else:
                    unread.append(f"{section.title}: {_what_stands(offer, key)}")
        if unread and not numbered:
            raise UsageError(f"best_by({key!r}) found no number to compare: {'; '.join(unread[:3])}")
        if unread:
            current_run().note(f"best_by({key!r}) did not compare {len(unread)} offers: {unread[0]}")
        choose = max if highest else min
        return choose(numbered, key=lambda pair: pair[0])[1] if numbered else None

    return synthesize_by_best


def _what_stands(offer: JsonValue, key: str) -> str:
    """Say what an offer has in place of a number."""
    if not isinstance(offer, dict):
        return f"{type(offer).__name__} in place of an object"
    return f"{key} is {offer[key]!r:.40}" if key in offer else f"no {key}"


def _remarks(conflicts: list[Any], gathered: Gathered) -> dict[str, JsonValue]:
    """Return contradictions and missing sections, each only if there are any."""
    remarks: dict[str, JsonValue] = {}
    if conflicts:
        remarks["contradictions"] = conflicts
    if gathered.missing:
        remarks["missing"] = list(gathered.missing)
    return remarks


def _beside(fields: Mapping[str, JsonValue], remarks: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Put remarks beside fields; a field with the name of a remark becomes `own_...`."""
    return {
        **{f"own_{name}" if name in remarks else name: value for name, value in fields.items()},
        **remarks,
    }


def _validate(fields: Mapping[str, JsonValue], schema: type[BaseModel] | None) -> None:
    if schema is None:
        return
    try:
        schema.model_validate(fields)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise UsageError(
            f"the merged result does not fit {schema.__name__}: {place}: {problem['msg']}"
        ) from None
