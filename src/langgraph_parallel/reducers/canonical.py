"""Values compared as JSON: one key for what is equal."""

import json

from pydantic import JsonValue

from langgraph_parallel.errors import UsageError


def canonical(choice: JsonValue) -> str:
    """A key that is equal for choices that are equal as JSON; integral floats are integers.

    >>> canonical(2.0) == canonical(2), canonical("2") == canonical(2)
    (True, False)
    """
    return _ENCODER.encode(_plain(choice))


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def check_choices(choices: object, name: str = "choices") -> None:
    """Make sure that valid answers are a list of different values.

    Raises:
        UsageError: they are not.
    """
    if not isinstance(choices, list | tuple) or not choices:
        raise UsageError(f"{name} is {choices!r}; pass a list of valid answers, or leave it out")
    seen: set[str] = set()
    for choice in choices:
        if choice is None or choice == "" or choice != choice:
            raise UsageError(f"{name} has {choice!r} in it, which stands for no answer")
        if (key := canonical(choice)) in seen:
            raise UsageError(f"{name} has {choice!r} twice; each answer may be in it once")
        seen.add(key)
