"""Words and characters that all reports share."""

import re
import unicodedata

_SPACES = {"\t": "    ", "\n": " ", "\r": " "}


def visible(text: str) -> str:
    r"""Make control characters visible, so that a text cannot drive a terminal or hide its order.

    >>> visible("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(
        _SPACES.get(char)
        or (char if unicodedata.category(char) not in {"Cc", "Cf", "Cs"} else ascii(char)[1:-1])
        for char in text
    )


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`, `2 branches`."""
    plural = (
        f"{noun}es"
        if noun.endswith(("ch", "s"))
        else f"{noun[:-1]}ies"
        if noun.endswith("ry")
        else f"{noun}s"
    )
    return f"{number:,} {noun if number == 1 else plural}"


def longest_run(text: str, char: str) -> int:
    """The longest run of a character in a text."""
    return max((len(run) for run in re.findall(f"{re.escape(char)}+", text)), default=0)
