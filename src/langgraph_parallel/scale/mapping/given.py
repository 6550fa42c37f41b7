"""Mappings as callers of Python give them, checked for their types."""

import json
from collections.abc import Mapping

from langgraph_parallel.errors import UsageError

_SHAPES = {
    "inputs": "a mapping of keys of the input to columns, such as {'question': 'text'}",
    "outputs": "a mapping of columns to paths in the output, such as {'label': 'verdict.choice'}",
}


def read_mapping(name: str, given: object) -> dict[str, str]:
    """Return a mapping of texts to texts.

    Args:
        name: `inputs` or `outputs`.
        given: by the caller; None for none.

    Raises:
        UsageError: it has another type; says which is right.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise UsageError(f"{name} is {given!r}; expected {_SHAPES[name]}")
    for key, value in given.items():
        if not isinstance(key, str):
            raise UsageError(f"{name} has the key {key!r}, which is no text; expected {_SHAPES[name]}")
        if not isinstance(value, str):
            constant = _constant(value) if name == "inputs" else ""
            raise UsageError(f"{name}[{key!r}] is {value!r}; expected {_SHAPES[name]}{constant}")
    return dict(given)


def _constant(value: object) -> str:
    """Return how to write a value that is the same for all rows."""
    try:
        return f"; the same value for all rows is {f'={json.dumps(value)}'!r}"
    except (TypeError, ValueError):
        return ""
