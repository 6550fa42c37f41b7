"""Statements of a document: the sentences of its prose that can stand alone."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from langgraph_parallel.reducers.text.block import Block
from langgraph_parallel.reducers.text.inline import BLANK, readable, without_addresses
from langgraph_parallel.reducers.text.languages import stop_words, words_of
from langgraph_parallel.reducers.text.sentences import sentences
from langgraph_parallel.reducers.text.similarity import terms

_MIN_TERMS = 4
"""Minimum terms of a statement."""
_MAX_CHARACTERS = 600
"""Maximum characters of a statement; what is longer is a list or a table that nothing marks as one."""
_MAX_SYMBOLS = 0.08
"""Maximum share of characters that are used in code and drawings rather than in prose."""
_MAX_CAPITALS = 0.5
"""Maximum share of capital letters; more are headings, and clauses of licences."""
_SYMBOL = re.compile(r"[{}\[\]<>|=+*/\\$#@^~_;&%\u2190-\u21ff\u2500-\u259f]")
_CODE = re.compile(r"`[^`]*`")
_START = re.compile(r"[\w\"'`(\[\u00ab\u00bf\u00a1\u2018\u201c\u201e\u300c]")
_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\u0964]['\")\]\u2019\u201d\u201c\u00bb\u300d]*$")
_NO_STATEMENT = re.compile(r"[:\uff1a?\uff1f,;(\u2013-][\"'\u201d\u2019)*]*$")
_GAPS = re.compile(r"\S {3,}\S")
_MARK = re.compile(r"^(?:\d{1,3}[.)]|[-*+\u2022])\s+")


class Statement(NamedTuple):
    """A sentence of a document, and its position: `text[start:end]`."""

    start: int
    end: int
    text: str
    """As a reader sees it: without markup, on one line."""
    whole: bool
    """Whether it starts and ends as a sentence does."""


def statements(blocks: Sequence[Block]) -> Iterator[Statement]:
    """Yield the sentences of the prose of a document that can stand alone, in text order.

    Headings and fragments are left out, and so are questions, sentences that introduce what follows them,
    lines of code and drawings that nothing marks as such, and text in capitals.
    """
    for block in blocks:
        if block.kind.is_prose:
            yield from _read_block(block)


def _read_block(block: Block) -> Iterator[Statement]:
    for sentence in sentences(block.view):
        start, end = _trim(block.view, sentence.start, sentence.end)
        text = _MARK.sub("", readable(block.view[start:end]))
        if _stands_alone(text, block.view[start:end]):
            whole = bool(_END.search(text)) and not _continues(text)
            yield Statement(block.start + start, block.start + end, text, whole)


def _continues(text: str) -> bool:
    """Return whether a text starts in the middle of a sentence: with a small letter, and with no name."""
    first = next(iter(words_of(text)), "")
    return text[0].islower() and any(first in words for words in stop_words().values())


def _trim(view: str, start: int, end: int) -> tuple[int, int]:
    """Return the place of a sentence without what is not shown at its ends."""
    inside = view[start:end]
    start += len(inside) - len(inside.lstrip(BLANK + " \t\r\n"))
    return start, max(start, start + len(view[start:end].rstrip(BLANK + " \t\r\n")))


def _stands_alone(text: str, view: str) -> bool:
    """Return whether a sentence says something by itself."""
    if not _START.match(text) or _NO_STATEMENT.search(text) or len(text) > _MAX_CHARACTERS:
        return False
    prose = without_addresses(_CODE.sub("", text))
    letters = [char for char in prose if char.isalpha()]
    capitals = sum(char.isupper() for char in letters)
    symbols = len(_SYMBOL.findall(prose))
    return (
        len(terms(prose)) >= _MIN_TERMS
        and symbols <= _MAX_SYMBOLS * len(letters)
        and capitals <= _MAX_CAPITALS * len(letters)
        and not _GAPS.search(view)
    )
