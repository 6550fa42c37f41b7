"""JSON values in the text of a model: alone, in a fence, inside prose."""

import json
import re
from typing import Any

from langgraph_parallel.reducers.canonical import canonical

_FENCE = re.compile(r"```[\w+-]*[ \t]*\n(.*?)```", re.DOTALL)
_BRACKET = re.compile(r"[{\[]")
_MOST_TRIES = 200
"""Brackets at which JSON is looked for: a text of nothing but brackets must not take forever."""
_DECODER = json.JSONDecoder(strict=False)
"""Not strict: models put line breaks into strings."""


def find_values(text: str) -> list[Any]:
    """Return the distinct JSON objects and lists in a text, in their order.

    A text that is JSON as a whole is one value. Fences come before what stands in the text around them.

    >>> find_values('Here: {"a": 1} or, in short, [2]'), find_values("{maybe}")
    ([{'a': 1}, [2]], [])
    """
    whole = _parse(text)
    if whole is not None:
        return [whole]
    fenced = [value for match in _FENCE.finditer(text) if (value := _parse(match[1])) is not None]
    return _distinct([*fenced, *_embedded(_FENCE.sub("\n", text) if fenced else text)])


def is_all_json(text: str) -> bool:
    """Return whether a text is one JSON object or list, and nothing else."""
    return _parse(text) is not None


def _parse(text: str) -> Any:
    """Return the object or the list that a text is; None if it is anything else."""
    try:
        value = _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _embedded(text: str) -> list[Any]:
    values: list[Any] = []
    start = 0
    for _ in range(_MOST_TRIES):
        if (match := _BRACKET.search(text, start)) is None:
            break
        try:
            value, start = _DECODER.raw_decode(text, match.start())
            values.append(value)
        except (ValueError, RecursionError):
            start = match.start() + 1
    return values


def _distinct(values: list[Any]) -> list[Any]:
    return list({canonical(value): value for value in values}.values())
