"""What readers say about a document besides its text."""

from collections.abc import Sequence
from typing import NamedTuple

NOT_INCLUDED = "not included"
"""The reason to leave out files that no pattern includes."""


class Unreadable(Exception):
    """A document has no text that can be read; the message is the reason, as a clause about `it`."""


class Note(NamedTuple):
    """What a person has to know about a text that was read.

    Attributes:
        text: says what was guessed, or what is not in the text.
        lost: whether something of the document is not in the text.
    """

    text: str
    lost: bool = False


class Remark(NamedTuple):
    """What a person has to know about a document that was read, or why it was not.

    Attributes:
        name: path of the document, or `standard input`.
        text: of the remark.
        is_unread: whether the document, or a part of it, was not read.
    """

    name: str
    text: str
    is_unread: bool = False


class Sheet(NamedTuple):
    """A sheet of a workbook.

    Attributes:
        name: of its tab.
        is_hidden: whether the tab is.
        rows: from the first row of the sheet, each with the cells as text.
    """

    name: str
    is_hidden: bool
    rows: list[list[str]]


class Parsed(NamedTuple):
    """The text of a document, with notes on it; of a workbook, its sheets instead."""

    text: str
    notes: Sequence[Note] = ()
    sheets: Sequence[Sheet] = ()


def ranges(numbers: Sequence[int], most: int = 8) -> str:
    """Return ascending numbers as text, with ranges; what exceeds `most` ranges is counted.

    >>> ranges([2, 3, 4, 9]), ranges([1, 3, 5, 6], most=2)
    ('2-4, 9', '1, 3 and 2 more')
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs[:most])
    rest = sum(last - first + 1 for first, last in runs[most:])
    return f"{shown} and {rest:,} more" if rest else shown
