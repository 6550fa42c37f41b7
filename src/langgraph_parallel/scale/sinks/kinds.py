"""Kinds of values, for sinks whose columns have one type each."""

import math
from collections.abc import Iterable
from typing import Any, Literal

from langgraph_parallel.scale.sinks.values import LARGEST, digits, json_text, named_number

Kind = Literal["null", "bool", "int", "big", "float", "json", "text"]
"""`big` integers are those that a float may not hold exactly. `json` is a list or an object."""
_EXACT = 2**53
_BY_TYPE: dict[type, Kind] = {
    type(None): "null",
    bool: "bool",
    float: "float",
    str: "text",
    list: "json",
    dict: "json",
}


def kind_of(value: Any) -> Kind:
    """Return the kind of a value; integers beyond 64 bits are texts.

    >>> [kind_of(value) for value in (None, True, 1, 2**60, 2**70, 0.5, "a", [1])]
    ['null', 'bool', 'int', 'big', 'text', 'float', 'text', 'json']
    """
    if type(value) is int:
        size = abs(value)
        return "int" if size <= _EXACT else "big" if size <= LARGEST else "text"
    return _BY_TYPE.get(type(value), "json")


def united(one: Kind, other: Kind) -> Kind:
    """Return the kind of a column that has values of both: text, unless one holds the other without loss.

    >>> united("int", "float"), united("big", "float"), united("null", "json"), united("bool", "int")
    ('float', 'text', 'json', 'text')
    """
    if one == other or other == "null":
        return one
    if one == "null":
        return other
    both = {one, other}
    if both == {"int", "float"}:
        return "float"
    return "big" if both == {"int", "big"} else "text"


def kind_of_all(values: Iterable[Any], known: Kind = "null") -> Kind:
    """Return the kind of a column with these values, in addition to others."""
    for kind in {kind_of(value) for value in values}:
        known = united(known, kind)
    return known


def as_kind(value: Any, kind: Kind, *, nul: bool = True) -> Any:
    """Return a value as one of a column of a kind, without `plain_text`.

    Args:
        value: any that `united` has let in.
        kind: of the column.
        nul: whether JSON may have NUL and half characters, as escapes.
    """
    if value is None or type(value) is str:
        return value
    if kind == "float":
        return float(value)
    if kind not in ("text", "json"):
        return value
    if type(value) is int:
        return digits(value)
    if type(value) is float and not math.isfinite(value):
        return named_number(value)
    return json_text(value, nul=nul)
