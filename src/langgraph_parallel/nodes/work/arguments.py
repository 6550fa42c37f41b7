"""Arguments of factories, and inputs of graphs, looked at before any work."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from langgraph_parallel.errors import InputError, UsageError

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def at_least(number: object, what: str, least: int = 1) -> None:
    """Make sure that something is a whole number, and not too small.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise UsageError(f"{what} is {number!r}; pass at least {least}, a whole number")


def check_named(given: object, what: str) -> None:
    """Make sure that something is a mapping whose names are texts.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(given, Mapping):
        raise UsageError(f"{what} is {given!r}; pass a mapping: {{'name': ...}}")
    if strange := [name for name in given if not isinstance(name, str) or not name]:
        raise UsageError(f"{what} has the name {strange[0]!r}; names have to be texts")


def as_plain(value: Any, what: str) -> JsonValue:
    """Make sure that something is JSON data.

    Raises:
        InputError: it is not.
    """
    try:
        return _JSON.validate_python(value)
    except (ValidationError, RecursionError):
        raise InputError(f"{what} is {type(value).__name__}, which is no JSON data") from None


def require_text(given: Mapping[str, Any], key: str, graph: str) -> str:
    """What a graph works on, where that is a text.

    Raises:
        InputError: it is none, or there is nothing in it.
    """
    text = given.get(key)
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{graph} has no {key}; pass {{{key!r}: '...'}}")
    return text


def require_texts(given: Mapping[str, Any], key: str, noun: str, *, some: bool = False) -> dict[str, str]:
    """What a graph works on, where that is a list of texts, or a mapping of name to text: by name.

    Args:
        given: the input.
        key: of the texts.
        noun: what texts without a name are called: `text 1`, `text 2`.
        some: whether there has to be at least one.

    Raises:
        InputError: they are something else.
    """
    texts = given.get(key)
    if isinstance(texts, list):
        texts = {f"{noun} {i}": text for i, text in enumerate(texts, 1)}
    if not isinstance(texts, Mapping) or not all(
        isinstance(text, str) for pair in texts.items() for text in pair
    ):
        raise InputError(f"there are no {key}; pass {{{key!r}: {{name: text}}}}, or a list of texts")
    if some and not texts:
        raise InputError(f"there are no {key}; pass at least one")
    return dict(texts)
