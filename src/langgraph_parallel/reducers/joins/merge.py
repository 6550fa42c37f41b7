"""One object, or one table, from several: nothing counted twice, no conflict hidden. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import JsonValue

from langgraph_parallel.reducers.canonical import canonical

Named = Sequence[tuple[str, Mapping[str, JsonValue]]]
"""Objects, each behind the name of its source."""
How = Mapping[str, Callable[[list[Any]], Any]]
"""What makes one value of several, by field."""


class Merged(NamedTuple):
    """What came of objects, and where they contradict each other."""

    fields: dict[str, JsonValue]
    conflicts: list[JsonValue]
    """`{"field": ..., "values": [{"value": ..., "sources": [...]}, ...]}` for each field whose values
    differ.
    """


def merge_objects(named: Named, how: How | None = None) -> Merged:
    """Merge objects field by field, in the order of their sources.

    A field in `how` gets what its function makes of all values. Of the others lists are united, equal items
    once; a value on which all agree stays; values that differ are listed, and are a conflict that names who
    says what. None says nothing.
    """
    chosen = dict(how or {})
    values: dict[str, list[tuple[str, Any]]] = {}
    for source, held in named:
        for field, value in held.items():
            values.setdefault(field, []).append((source, value))
    fields: dict[str, JsonValue] = {}
    conflicts: list[JsonValue] = []
    for field, said in values.items():
        items = [value for _, value in said if value is not None]
        if field in chosen:
            fields[field] = chosen[field](items)
        elif items and all(isinstance(item, list) for item in items):
            fields[field] = distinct(one for item in items for one in item)
        else:
            apart = distinct(items)
            fields[field] = apart[0] if len(apart) == 1 else apart or None
            if len(apart) > 1:
                conflicts.append(_conflict(field, said, apart))
    return Merged(fields, conflicts)


def merge_rows(
    rows: Named, key: Sequence[str], how: How | None = None
) -> tuple[list[dict[str, Any]], list[Any]]:
    """Merge the rows of several sources: those with equal keys are one row, which names its `sources`.

    So a number that two sources report for the same thing is there once, and a sum over the table counts it
    once.

    Args:
        rows: each behind the name of its source.
        key: the fields that say what a row is about.
        how: as in `merge_objects`.

    Returns:
        The rows in the order in which they are first seen, and the conflicts, each with the row's `key`. A
        field of theirs that is called `sources` becomes `own_sources`.

    Raises:
        KeyError: a row lacks a field of the key.
    """
    groups: dict[str, list[tuple[str, Mapping[str, JsonValue]]]] = {}
    for source, row in rows:
        groups.setdefault(canonical([_folded(row[field]) for field in key]), []).append((source, row))
    merged, conflicts = [], []
    for group in groups.values():
        first = {field: group[0][1][field] for field in key}
        alike = [(source, {**row, **first}) for source, row in group]
        fields, apart = merge_objects(alike, how)
        own = {"own_sources": fields["sources"]} if "sources" in fields else {}
        merged.append({**fields, **own, "sources": distinct(source for source, _ in group)})
        conflicts += [{"key": first, **conflict} for conflict in apart if isinstance(conflict, dict)]
    return merged, conflicts


def distinct(items: Iterable[Any]) -> list[Any]:
    """Each value once, in the order in which they are first seen."""
    return list({canonical(item): item for item in items}.values())


def _conflict(field: str, said: Sequence[tuple[str, Any]], apart: Sequence[Any]) -> JsonValue:
    def who(value: Any) -> list[Any]:
        return distinct(source for source, item in said if canonical(item) == canonical(value))

    return {"field": field, "values": [{"value": value, "sources": list(who(value))} for value in apart]}


def _folded(value: JsonValue) -> JsonValue:
    return " ".join(value.split()).casefold() if isinstance(value, str) else value
