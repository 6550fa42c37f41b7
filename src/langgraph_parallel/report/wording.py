"""Plain words and characters, for all formats."""

import json
import unicodedata

from pydantic import JsonValue

from langgraph_parallel.counted import count

__all__ = ["count", "show", "visible"]

_SPACES = {"\t": "    ", "\n": " ", "\r": " "}
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of control characters, format characters (such as direction marks), surrogates, and
separators of lines and paragraphs."""


def visible(text: str) -> str:
    r"""Replace line breaks with spaces and show control characters as escapes.

    Otherwise text from outside could control a terminal, or display in another order than it is stored.

    >>> visible("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    if text.isprintable():
        return text  # nothing to replace in most texts; a search by character is a hundred times as slow
    return "".join(
        _SPACES.get(char) or (ascii(char)[1:-1] if unicodedata.category(char) in _INVISIBLE else char)
        for char in text
    )


def show(value: JsonValue) -> str:
    """Return a JSON value as text for people: null as an empty text, lists with `; ` between the items."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(map(show, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
