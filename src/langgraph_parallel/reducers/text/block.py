"""A block of a document, and the lines that it is made of."""

import re
from enum import StrEnum
from typing import NamedTuple

from langgraph_parallel.reducers.text.inline import BLANK

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
"""As parsers of Markdown count lines."""


class Kind(StrEnum):
    """What a block is."""

    paragraph = "paragraph"
    item = "item"
    heading = "heading"
    code = "code"
    table = "table"
    navigation = "navigation"
    """Links or images without a sentence around them."""
    markup = "markup"
    """What is not shown as text: comments, tags, definitions, settings."""

    @property
    def is_prose(self) -> bool:
        """Whether such a block has sentences."""
        return self in (Kind.paragraph, Kind.item)


class Block(NamedTuple):
    """A block of a document: `text[start:end]`."""

    kind: Kind
    start: int
    end: int
    view: str
    """The block, with a blank for every character that a reader does not see."""


def hidden(text: str, start: int, end: int) -> Block:
    """Return a block of which nothing is shown."""
    return Block(Kind.markup, start, end, BLANK * (end - start))


def shown(kind: Kind, text: str, start: int, end: int) -> Block:
    """Return a block that is shown as it is."""
    return Block(kind, start, end, text[start:end])


class Lines:
    """The lines of a text, by number from 0, and their places.

    Args:
        text: any text.
    """

    def __init__(self, text: str) -> None:
        matches = list(_LINE.finditer(text))
        self.texts = [match[0].rstrip("\r\n") for match in matches]
        self._starts = [match.start() for match in matches] + [len(text)]

    def __len__(self) -> int:
        return len(self.texts)

    def start(self, line: int) -> int:
        """Return the index of the first character of a line; the length of the text for the line after it."""
        return self._starts[min(line, len(self.texts))]

    def end(self, line: int) -> int:
        """Return the index after the last character of a line, without its end."""
        return self._starts[line] + len(self.texts[line])
