"""Checks of graph inputs, before any work."""

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage
from pydantic import JsonValue, TypeAdapter, ValidationError

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.work.conversation import read_conversation, transcribe

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def as_json_data(value: Any, name: str) -> JsonValue:
    """Return a value that is JSON data; of a message, and of a conversation, the text.

    Raises:
        InputError: it is not.
    """
    if isinstance(value, BaseMessage) or _is_of_messages(value):
        return transcribe(read_conversation(value) or [])
    try:
        return _JSON.validate_python(value)
    except (ValidationError, RecursionError):
        raise InputError(f"{name} is {type(value).__name__}; expected JSON data") from None


def _is_of_messages(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], BaseMessage)


def require_text(given: Mapping[str, Any], key: str) -> str:
    """Return the text that a graph works on; a conversation is written out as one.

    Raises:
        InputError: the key is missing, empty, or neither a string nor a conversation.
    """
    text = given.get(key)
    if not isinstance(text, str) and (messages := read_conversation(text)) is not None:
        text = transcribe(messages)
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{found(given, key)}; expected a non-empty text: {{{key!r}: '...'}}")
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
    expected = f"expected a list of texts, or a mapping of name to text: {{{key!r}: [...]}}"
    texts = given.get(key)
    if isinstance(texts, list | tuple):
        texts = {f"{noun} {i}": text for i, text in enumerate(texts, 1)}
    if not isinstance(texts, Mapping):
        raise InputError(f"{found(given, key)}; {expected}")
    texts = {
        name: transcribe([text]) if isinstance(text, BaseMessage) else text for name, text in texts.items()
    }
    check_texts(texts, key, expected)
    if non_empty and not texts:
        raise InputError(f"{key} is empty; pass at least one text")
    return dict(texts)


def optional_texts(given: Mapping[str, Any], key: str, noun: str) -> dict[str, str]:
    """Return the texts that an input may have, by name; empty if it has none.

    Raises:
        InputError: as `require_texts`.
    """
    return {} if given.get(key) is None else require_texts(given, key, noun)


def check_texts(texts: Mapping[Any, Any], key: str, expected: str) -> None:
    """Check that a mapping is one of name to text.

    Raises:
        InputError: a name or a text is not a string.
    """
    for name, text in texts.items():
        if not isinstance(name, str):
            raise InputError(f"{key} has the key {name!r}; {expected}")
        if not isinstance(text, str):
            raise InputError(f"{key} has {type(text).__name__} for {name!r}; {expected}")


def found(given: Mapping[str, Any], key: str) -> str:
    """Say what an input has under a key, without showing it: inputs may be long, or private."""
    value = given.get(key)
    if value is None:
        return f"the input has no {key}"
    empty = isinstance(value, str) and not value.strip()
    return f"{key} is {'empty' if empty else type(value).__name__}"
