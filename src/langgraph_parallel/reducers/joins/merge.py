"""Merging of objects and tables: nothing is counted twice, and no conflict is hidden."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import JsonValue

from langgraph_parallel.reducers.canonical import canonical

Sourced = Sequence[tuple[str, Mapping[str, JsonValue]]]
"""Objects, each with the name of its source."""
How = Mapping[str, Callable[[list[Any]], Any]]
"""Functions by field that combine the values of the field."""


class Merged(NamedTuple):
    """A merged object, and its conflicts."""

    fields: dict[str, JsonValue]
    """The merged fields."""
    conflicts: list[JsonValue]
    """`{"field": ..., "values": [{"value": ..., "sources": [...]}, ...]}` for each field with a conflict."""


def merge_objects(objects: Sourced, how: How | None = None) -> Merged:
    """Merge objects field by field, in the order of their sources.

    A field in `how` is combined by its function. In other fields, lists are united without duplicates, equal
    values are kept, and different values become a list and a conflict that names their sources. None values
    are ignored.
    """
    functions = how or {}
    values_by_field: dict[str, list[tuple[str, Any]]] = {}
    for source, fields in objects:
        for field, value in fields.items():
            values_by_field.setdefault(field, []).append((source, value))
    merged: dict[str, JsonValue] = {}
    conflicts: list[JsonValue] = []
    for field, sourced in values_by_field.items():
        values = [value for _, value in sourced if value is not None]
        if field in functions:
            merged[field] = functions[field](values)
            continue
        merged[field], conflicting = _merge_values(values)
        if conflicting:
            conflicts.append(_conflict(field, sourced, conflicting))
    return Merged(merged, conflicts)


def _merge_values(values: Sequence[Any]) -> tuple[JsonValue, list[Any]]:
    """Return the merged value of a field, and its distinct values if they conflict."""
    if values and all(isinstance(value, list) for value in values):
        return distinct(item for value in values for item in value), []
    different = distinct(values)
    if len(different) > 1:
        return different, different
    return different[0] if different else None, []


def merge_rows(
    rows: Sourced, key: Sequence[str], how: How | None = None
) -> tuple[list[dict[str, Any]], list[Any]]:
    """Merge the rows of several sources: rows with equal keys become one row, which lists its `sources`.

    A number that two sources report for the same key is in the table once, so a sum counts it once.

    Args:
        rows: rows, each with the name of its source.
        key: fields that identify a row; text is compared without case and extra white space.
        how: as in `merge_objects`.

    Returns:
        The rows by first occurrence, and the conflicts, each with the `key` of its row. A field named
        `sources` becomes `own_sources`.

    Raises:
        KeyError: a row lacks a field of the key.
    """
    groups: dict[str, list[tuple[str, Mapping[str, JsonValue]]]] = {}
    for source, row in rows:
        groups.setdefault(canonical([_fold(row[field]) for field in key]), []).append((source, row))
    merged, conflicts = [], []
    for group in groups.values():
        first_key = {field: group[0][1][field] for field in key}
        # Spellings of one key are equal, not a conflict: the first stands for all.
        same_key = [(source, {**row, **first_key}) for source, row in group]
        fields, row_conflicts = merge_objects(same_key, how)
        own = {"own_sources": fields["sources"]} if "sources" in fields else {}
        merged.append({**fields, **own, "sources": distinct(source for source, _ in group)})
        conflicts += [
            {"key": first_key, **conflict} for conflict in row_conflicts if isinstance(conflict, dict)
        ]
    return merged, conflicts


def distinct(items: Iterable[Any]) -> list[Any]:
    """Return each value once, by first occurrence; values that are equal as JSON are one."""
    return list({canonical(item): item for item in items}.values())


def _conflict(field: str, sourced: Sequence[tuple[str, Any]], values: Sequence[Any]) -> JsonValue:
    def sources_of(value: Any) -> list[Any]:
        return distinct(source for source, item in sourced if canonical(item) == canonical(value))

    return {"field": field, "values": [{"value": value, "sources": sources_of(value)} for value in values]}


def _fold(value: JsonValue) -> JsonValue:
    return " ".join(value.split()).casefold() if isinstance(value, str) else value
