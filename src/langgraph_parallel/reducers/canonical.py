"""Canonical keys of JSON values: equal values have equal keys."""

import json
from collections.abc import Sequence
from decimal import Decimal
from json.encoder import encode_basestring

from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.numbers import from_decimal

# Built once: `json.dumps` with options builds an encoder on every call.
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


def canonical(choice: JsonValue) -> str:
    """Return a key that is equal for choices that are equal as JSON. Equal numbers are, however spelled.

    >>> canonical(2.0) == canonical(2), canonical("2") == canonical(2)
    (True, False)
    """
    if type(choice) is str:  # as most choices are, many times for each ballot
        return encode_basestring(choice)
    return _ENCODER.encode(_in_one_spelling(choice))


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


def _in_one_spelling(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_in_one_spelling(item) for item in value]
    if isinstance(value, dict):
        return {key: _in_one_spelling(item) for key, item in value.items()}
    return from_decimal(value) if isinstance(value, Decimal) else value
