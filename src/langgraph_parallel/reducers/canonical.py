"""Canonical keys of JSON values: equal values have equal keys."""

import json
from collections.abc import Sequence

from pydantic import JsonValue

from langgraph_parallel.errors import UsageError

# Built once: `json.dumps` with options builds an encoder on every call.
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


def canonical(choice: JsonValue) -> str:
    """Return a key that is equal for choices that are equal as JSON; integral floats equal integers.

    >>> canonical(2.0) == canonical(2), canonical("2") == canonical(2)
    (True, False)
    """
    return _ENCODER.encode(_integral_floats_as_ints(choice))


def check_choices(choices: object, name: str = "choices") -> None:
    """Check that `choices` is a list of distinct valid answers.

    Args:
        choices: the value to check.
        name: of the argument, for the message.

    Raises:
        UsageError: `choices` is not a list or tuple, is empty, or contains None, "", NaN or a duplicate.
    """
    if isinstance(choices, str | bytes) or not isinstance(choices, Sequence):
        raise UsageError(f"{name} is {choices!r}; expected a list of valid answers")
    if not choices:
        raise UsageError(f"{name} is empty; pass at least one valid answer")
    seen: set[str] = set()
    for choice in choices:
        if choice is None or choice == "" or choice != choice:
            raise UsageError(f"{name} contains {choice!r}, which stands for no answer; leave it out")
        try:
            key = canonical(choice)
        except TypeError:
            raise UsageError(
                f"{name} contains {choice!r}; expected texts, numbers or other JSON data"
            ) from None
        if key in seen:
            raise UsageError(f"{name} has {choice!r} twice; list each answer once")
        seen.add(key)


def _integral_floats_as_ints(value: JsonValue) -> JsonValue:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_integral_floats_as_ints(item) for item in value]
    if isinstance(value, dict):
        return {key: _integral_floats_as_ints(item) for key, item in value.items()}
    return value
