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
