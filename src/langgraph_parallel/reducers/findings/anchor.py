"""Location of the code that a model quotes.

Models quote reliably and count badly: the quote decides, and the line number only chooses between several
matches.
"""

from collections.abc import Sequence

from langgraph_parallel.records import Lines

_MIN_PART = 4
"""Minimum characters of a quote that may match part of a line; a shorter one (`}`) must match all of it."""


def anchor(quote: str, near: int, lines: Sequence[str], *, first: int = 1) -> Lines | None:
    """Locate `quote` in `lines`, as close to line `near` as possible.

    Args:
        quote: one or more lines of code; white space is ignored.
        near: line number stated by the model.
        lines: the text shown to the model.
        first: line number of the first of `lines`.

    Returns:
        The quoted lines; None if the quote is empty or not in the text.

    >>> anchor("b  = 2", 9, ["a = 1", "b = 2", "c = 3"], first=10)
    Lines(first=11, last=11)
    """
    quoted = [text for line in quote.splitlines() if (text := _squeeze(line))]
    if not quoted:
        return None
    numbered = [(number, text) for number, line in enumerate(lines, first) if (text := _squeeze(line))]
    matches = [
        Lines(first=numbered[start][0], last=numbered[start + len(quoted) - 1][0])
        for start in range(len(numbered) - len(quoted) + 1)
        if all(_matches(text, numbered[start + i][1]) for i, text in enumerate(quoted))
    ]
    return min(matches, key=lambda place: (abs(place.first - near), place.first), default=None)


def _squeeze(line: str) -> str:
    return "".join(line.split())


def _matches(quoted: str, line: str) -> bool:
    return quoted == line or (len(quoted) >= _MIN_PART and quoted in line)
