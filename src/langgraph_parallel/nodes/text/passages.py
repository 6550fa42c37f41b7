"""Search in files for the passages most similar to a query."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from textwrap import dedent
from typing import NamedTuple

from langgraph_parallel.nodes.text.chunks import cut
from langgraph_parallel.reducers.text.block import Block, Kind
from langgraph_parallel.reducers.text.blocks import read_blocks
from langgraph_parallel.reducers.text.inline import BLANK, readable, without_addresses
from langgraph_parallel.reducers.text.languages import detect_languages, stop_words, words_of
from langgraph_parallel.reducers.text.similarity import Corpus
from langgraph_parallel.runtime.tokens import estimate_tokens

_MAX_TOKENS = 200
"""Maximum tokens of a passage."""
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})[^`]*|\s*\.\.\s[\w-]+::.*")
"""Lines that mark code, and are not part of it."""
_HEADER_ROWS = 2
"""Rows of a table that each of its passages starts with: the names of its columns, and the line below."""


class Passage(NamedTuple):
    """Consecutive blocks of a file; of a long table, some rows with its header."""

    document: str
    """Name of the file."""
    line: int
    """Number of the first line, from 1."""
    text: str
    """As in the file."""
    shown: str
    """As a reader of the rendered file sees it: paragraphs, with indented lines for code and tables."""

    @property
    def label(self) -> str:
        """The source that a reference names: `sales.md, line 3`."""
        return f"{self.document}, line {self.line}"


class _Part(NamedTuple):
    """A block of a file, or a part of one."""

    kind: Kind
    start: int
    text: str
    """As a passage of it alone has it."""
    shown: str


class Passages:
    """The passages of some files, indexed for search.

    A passage is at most one section of a file: headings start a new one. What readers of the file do not see,
    such as comments and settings of images, is not searched.

    Args:
        files: text by name.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self._passages: list[Passage] = []
        indexed = []
        for name, text in files.items():
            for heading, passage in _read_passages(name, text):
                self._passages.append(passage)
                indexed.append(f"{name} {heading} {without_addresses(passage.shown)}")
        self._corpus = Corpus(indexed)

    def search(self, query: str, most: int = 5) -> list[Passage]:
        """Return the passages that share terms with a query, by TF-IDF cosine, the most similar first.

        Args:
            query: any text.
            most: maximum number of passages.
        """
        scores = self._corpus.like(_without_stop_words(query))
        similar = sorted((i for i, score in enumerate(scores) if score > 0), key=lambda i: (-scores[i], i))
        return [self._passages[i] for i in similar[:most]]


def _read_passages(name: str, text: str) -> Iterator[tuple[str, Passage]]:
    """Yield the passages of a file in text order, each after the heading that it stands below."""
    heading, group, tokens = "", list[_Part](), 0
    line, counted = 1, 0
    for part in [*_parts(text, read_blocks(text, name)), None]:
        size = estimate_tokens(part.text) if part else 0
        if group and (part is None or _starts_passage(part, group) or tokens + size > _MAX_TOKENS):
            line, counted = line + text.count("\n", counted, group[0].start), group[0].start
            yield heading, Passage(name, line, _join(text, group), _show_all(group))
            group, tokens = [], 0
        if part:
            heading = part.shown if part.kind is Kind.heading else heading
            group.append(part)
            tokens += size


def _starts_passage(part: _Part, group: Sequence[_Part]) -> bool:
    return part.kind is Kind.heading and any(other.kind is not Kind.heading for other in group)


def _show_all(group: Sequence[_Part]) -> str:
    """Return parts with a blank line between them, but not between the items of a list."""
    shown = group[0].shown
    for before, part in pairwise(group):
        shown += ("\n" if before.kind is part.kind is Kind.item else "\n\n") + part.shown
    return shown


def _join(text: str, group: Sequence[_Part]) -> str:
    """Return the text of a passage: all between its first and its last block."""
    if len(group) == 1:
        return group[0].text
    return text[group[0].start : group[-1].start] + group[-1].text


def _parts(text: str, blocks: Sequence[Block]) -> Iterator[_Part]:
    """Yield the blocks of which readers see something, those above the ceiling in parts."""
    for block in blocks:
        source = text[block.start : block.end]
        if not readable(block.view):
            continue
        if estimate_tokens(source) <= _MAX_TOKENS:
            start = text.rfind("\n", 0, block.start) + 1  # with the mark of a heading or an item
            yield _Part(block.kind, start, text[start : block.end].strip(), _show(block.kind, block.view))
        else:
            yield from _divide(block, source)


def _divide(block: Block, source: str) -> Iterator[_Part]:
    """Yield parts of a long block; those of a table have its header."""
    header = ""
    if block.kind is Kind.table:
        header = "".join(source.splitlines(keepends=True)[:_HEADER_ROWS])
        header = header if estimate_tokens(header) <= _MAX_TOKENS // 2 else ""
    offset = len(header)
    for piece in cut(source[offset:], _MAX_TOKENS - estimate_tokens(header)):
        view = header + block.view[offset : offset + len(piece.text)]
        if readable(view):
            text = (header + piece.text).strip()
            yield _Part(block.kind, block.start + offset, text, _show(block.kind, view))
        offset += len(piece.text)


def _without_stop_words(query: str) -> str:
    """Return the words of a query that have a topic in its language; all of them if none has."""
    stops = stop_words().get(detect_languages([query])[0] or "", frozenset())
    return " ".join(word for word in query.split() if not stops.issuperset(words_of(word) or [word])) or query


def _show(kind: Kind, view: str) -> str:
    """Return a block as a reader sees it: code and tables as indented lines, all else on one line."""
    if kind in (Kind.code, Kind.table):
        lines = [line.rstrip() for line in view.replace(BLANK, "").expandtabs(4).split("\n")]
        lines = (
            dedent("\n".join(line for line in lines if not _FENCE.fullmatch(line))).strip("\n").split("\n")
        )
        return "\n".join(f"    {line}" for line in lines)
    return f"- {readable(view)}" if kind is Kind.item else readable(view)
