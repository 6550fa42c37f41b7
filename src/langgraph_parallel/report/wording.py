"""Plain words and characters, for all formats."""

import json
import unicodedata

from pydantic import JsonValue

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


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the singular or plural.

    >>> count(1, "file"), count(2, "branch"), count(3, "retry")
    ('1 file', '2 branches', '3 retries')
    """
    if number == 1:
        return f"1 {noun}"
    if noun.endswith(("ch", "s")):
        return f"{number:,} {noun}es"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("ry") else f"{number:,} {noun}s"


def show(value: JsonValue) -> str:
    """Return a JSON value as text for people: null as an empty text, lists with `; ` between the items."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(map(show, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
