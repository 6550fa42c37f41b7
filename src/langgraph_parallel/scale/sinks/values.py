"""Values of output columns in the forms that files and databases take, without loss as far as they can."""

import json
import math
import re
from typing import Any

from langgraph_parallel.report.wording import count

_HALVES = re.compile("[\ud800-\udfff]")
"""Halves of surrogate pairs: UTF-8 has no bytes for them. Names of files that are not UTF-8 have them."""
_HALVES_AND_NUL = re.compile("[\ud800-\udfff\0]")
_ESCAPED = re.compile(r"\\u(d[89a-f][0-9a-f]{2}|0000)")
_SAID = (
    "{0} had characters that the sink cannot store, NUL or halves of surrogate pairs; they are stored as "
    "escapes such as \\ud800"
)
LARGEST = 2**63 - 1
"""The largest integer of databases and of Parquet; what is beyond is stored as the text of its digits."""


def plain_text(text: str, *, nul: bool = True) -> str:
    r"""Return a text in which half characters are escapes, as JSON writes them.

    Args:
        text: any.
        nul: whether NUL may stay as it is; PostgreSQL has none.

    >>> plain_text("caf\udce9"), plain_text("a\0b", nul=False)
    ('caf\\udce9', 'a\\u0000b')
    """
    if text.isascii() and (nul or "\0" not in text):
        return text
    return (_HALVES if nul else _HALVES_AND_NUL).sub(_escape, text)


class Texts:
    """Makes texts storable, and counts those that it has changed.

    Args:
        nul: whether NUL may stay as it is.
    """

    def __init__(self, *, nul: bool = True) -> None:
        self._nul = nul
        self._changed = 0

    def __call__(self, text: str) -> str:
        """Return `plain_text`."""
        plain = plain_text(text, nul=self._nul)
        self._changed += plain is not text and plain != text
        return plain

    @property
    def remarks(self) -> list[str]:
        """What is to be said of the texts."""
        return [_SAID.format(count(self._changed, "text"))] if self._changed else []


def key_text(key: str, *, nul: bool = True) -> str:
    r"""Return a key as it is stored: `plain_text`, but no two keys have the same.

    >>> key_text("caf\udce9"), key_text("caf\\udce9"), key_text("C:\\users")
    ('caf\\udce9', 'caf\\\\udce9', 'C:\\users')
    """
    text = plain_text(key, nul=nul)
    if text is key and not ("\\u" in key and _ESCAPED.search(key)):
        return key
    return plain_text(key.replace("\\", "\\\\"), nul=nul)


def stored_key(text: str) -> str:
    r"""Return the key of which `key_text` is the text.

    >>> [stored_key(key_text(key)) for key in ("caf\udce9", "caf\\udce9", "C:\\users")]
    ['caf\udce9', 'caf\\udce9', 'C:\\users']
    """
    if "\\u" not in text or not _ESCAPED.search(text):
        return text
    return re.sub(
        r"\\(\\|u(?:d[89a-f][0-9a-f]{2}|0000))",
        lambda found: "\\" if found[1] == "\\" else chr(int(found[1][1:], 16)),
        text,
    )


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def digits(number: int) -> str:
    """Return an integer as text; in hexadecimal if it has more digits than Python writes."""
    try:
        return str(number)
    except ValueError:
        return hex(number)


def named_number(number: float) -> str:
    """Return what a number that JSON lacks is called: `NaN`, `Infinity`, `-Infinity`."""
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def json_text(value: Any, *, nul: bool = True) -> str:
    """Return a value as JSON that every reader takes: numbers that JSON lacks are texts, by their names.

    Args:
        value: of JSON types; others are written as their text.
        nul: whether texts in it may have NUL and half characters, as escapes; `jsonb` refuses them.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:
        text = json.dumps(_tidy(value, nul=True), ensure_ascii=False, default=str)
    if not nul and ("\\u0000" in text or not text.isascii()):
        return json.dumps(_tidy(value, nul=False), ensure_ascii=False, default=str)
    if text.isascii() or not _HALVES.search(text):
        return text
    return json.dumps(_tidy(value, nul=True), default=str)


def _tidy(value: Any, *, nul: bool) -> Any:
    if isinstance(value, dict):
        return {_tidy(str(name), nul=nul): _tidy(item, nul=nul) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tidy(item, nul=nul) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return named_number(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST:
        return int(value) if digits(value).lstrip("-").isdigit() else digits(value)
    return plain_text(value, nul=False) if isinstance(value, str) and not nul else value
