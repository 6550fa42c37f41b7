"""Whether JSON fits a JSON schema, as far as answers of people go: values, types, fields, items."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langgraph_parallel.records.numbers import exact
from langgraph_parallel.reducers.canonical import canonical

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list | tuple),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: (number := exact(value)) is not None and number.denominator == 1,
    "null": lambda value: value is None,
    # A long number may be the text of its digits.
    "number": lambda value: exact(value) is not None,
    "object": lambda value: isinstance(value, Mapping),
    "string": lambda value: isinstance(value, str),
}
_LONGEST = 80
"""Characters of a value that is shown."""
Same = Callable[[Any, Sequence[Any]], bool]
"""Says whether a value is one of several."""


def misfit(value: Any, schema: Any, *, is_one_of: Same | None = None) -> str | None:
    """Return why a value does not fit a schema; None if it does, or if the schema says it in other words.

    Args:
        value: JSON data.
        schema: `enum`, `const`, `type`, `properties`, `required`, `additionalProperties`, `items`, `anyOf`,
            `oneOf` and `$ref` are read, everything else is passed over.
        is_one_of: says whether a value is one of an `enum`; by default the same JSON.
    """
    root = schema if isinstance(schema, Mapping) else {}
    return _Reader(root, is_one_of or _is_same).why(value, root, "")


class _Reader:
    def __init__(self, root: Mapping[str, Any], is_one_of: Same) -> None:
        self._root, self._is_one_of = root, is_one_of

    def why(self, value: Any, schema: Any, place: str) -> str | None:
        """Return why the value at a place does not fit."""
        if schema is False:
            return f"{place} is not expected"
        if not isinstance(schema, Mapping):
            return None
        schema = self._resolved(schema)
        if (parts := schema.get("anyOf") or schema.get("oneOf")) is not None:
            found = [self.why(value, part, place) for part in parts]
            if all(found):
                return found[0] if len(found) == 1 else " or ".join(map(str, found))
        return self._own(value, schema, place) or self._inside(value, schema, place)

    def _own(self, value: Any, schema: Mapping[str, Any], place: str) -> str | None:
        known = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if known is not None:
            if self._is_one_of(value, known):
                return None
            return f"{_at(value, place)} is not one of {', '.join(map(_short, known))}"
        kinds = schema.get("type")
        kinds = [kinds] if isinstance(kinds, str) else kinds or []
        if kinds and not any(kind not in _TYPES or _TYPES[kind](value) for kind in kinds):
            return f"{_at(value, place)} is not of the type {' or '.join(kinds)}"
        return None

    def _inside(self, value: Any, schema: Mapping[str, Any], place: str) -> str | None:
        found: list[str | None] = []
        if isinstance(value, Mapping):
            lacking = [name for name in schema.get("required") or () if name not in value]
            found += [f"{_join(place, name)} is missing" for name in lacking]
            properties = schema.get("properties") or {}
            others = schema.get("additionalProperties")
            found += [
                self.why(one, properties.get(name, others), _join(place, name)) for name, one in value.items()
            ]
        elif isinstance(value, list | tuple) and "items" in schema:
            found += [self.why(one, schema["items"], f"{place}[{n}]") for n, one in enumerate(value)]
        return next(filter(None, found), None)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        found = (self._root.get("$defs") or {}).get(name, schema)
        return found if isinstance(found, Mapping) else schema


def _is_same(value: Any, known: Sequence[Any]) -> bool:
    try:
        return canonical(value) in map(canonical, known)
    except (TypeError, ValueError):
        return False


def _join(place: str, name: Any) -> str:
    return f"{place}.{name}" if place else str(name)


def _at(value: Any, place: str) -> str:
    return f"{place} {_short(value)}" if place else _short(value)


def _short(value: Any) -> str:
    text = canonical(value) if value is None or isinstance(value, bool) else repr(value)  # null, not None
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
