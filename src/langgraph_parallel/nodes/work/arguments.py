"""Checks of factory arguments and graph inputs, before any work."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from langgraph_parallel.errors import InputError, UsageError

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def at_least(number: object, name: str, least: int = 1) -> None:
    """Check that an argument is an integer of at least `least`.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise UsageError(f"{name} is {number!r}; expected an integer of at least {least}")


def check_named(given: object, name: str) -> None:
    """Check that an argument is a mapping whose keys are non-empty strings.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(given, Mapping):
        raise UsageError(f"{name} is {given!r}; expected a mapping such as {{'name': ...}}")
    if invalid := [key for key in given if not isinstance(key, str) or not key]:
        raise UsageError(f"{name} has the key {invalid[0]!r}; expected non-empty strings")


def exclude_model(offline: bool, model: object) -> None:
    """Check that a graph which uses no model is given none.

    Raises:
        UsageError: both arguments are set.
    """
    if offline and model is not None:
        raise UsageError("offline=True and model= exclude each other; leave one of them out")


def as_json_data(value: Any, name: str) -> JsonValue:
    """Return a value that is JSON data.

    Raises:
        InputError: it is not.
    """
    try:
        return _JSON.validate_python(value)
    except (ValidationError, RecursionError):
        raise InputError(f"{name} is {type(value).__name__}; expected JSON data") from None


def require_text(given: Mapping[str, Any], key: str, graph: str) -> str:
    """Return the text that a graph works on.

    Raises:
        InputError: the key is missing, empty, or not a string.
    """
    text = given.get(key)
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{graph} needs a non-empty {key!r}; pass {{{key!r}: '...'}}")
    return text


def require_texts(
    given: Mapping[str, Any], key: str, noun: str, *, non_empty: bool = False
) -> dict[str, str]:
    """Return the texts that a graph works on, by name.

    Args:
        given: the input.
        key: holds a list of texts, or a mapping of name to text.
        noun: names the items of a list: `text 1`, `text 2`.
        non_empty: whether at least one text is required.

    Raises:
        InputError: the value is something else, or empty where one text is required.
    """
    texts = given.get(key)
    if isinstance(texts, list):
        texts = {f"{noun} {i}": text for i, text in enumerate(texts, 1)}
    if not isinstance(texts, Mapping) or not all(
        isinstance(text, str) for pair in texts.items() for text in pair
    ):
        raise InputError(f"{key} must be a list of texts, or a mapping of name to text: {{{key!r}: [...]}}")
    if non_empty and not texts:
        raise InputError(f"{key} is empty; pass at least one text")
    return dict(texts)


def optional_texts(given: Mapping[str, Any], key: str) -> dict[str, str]:
    """Return the texts by name that an input may have; empty if it has none.

    Raises:
        InputError: the value is not a mapping of name to text.
    """
    texts = given.get(key) or {}
    if not isinstance(texts, Mapping) or not all(isinstance(text, str) for text in texts.values()):
        raise InputError(f"{key} must be a mapping of name to text: {{{key!r}: {{'name': '...'}}}}")
    return dict(texts)
