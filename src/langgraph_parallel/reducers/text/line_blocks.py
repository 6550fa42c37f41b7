"""Blocks of reStructuredText and of plain text, which blank lines and indents separate."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from langgraph_parallel.reducers.text.block import Block, Kind, Lines, hidden, shown
from langgraph_parallel.reducers.text.inline import BLANK, View, view_rest

_RULE = re.compile(r"[ \t]*([^\w\s])(?:[ \t]?\1){2,}[ \t]*")
"""A line of one repeated mark: an underline, or a rule."""
_BORDER = re.compile(r"[ \t]*(?:[=-]{2,}(?:[ \t]+[=-]{2,})+|\+[-=+]{3,}|[|+][-=:|+ \t]{3,}[|+])[ \t]*")
"""A line between rows of a table."""
_ROW = re.compile(r"[ \t]*\|.*\|[ \t]*$")
_ITEM = re.compile(
    r"[ \t]*(?:[-*+\u2022\u2023\u25cf\u25aa]|\(?(?:(?:\d{1,3}\.){0,5}\d{1,3}|[A-Za-z#])[.)])[ \t]+(?=\S)"
)
_SECTION = re.compile(r"[ \t]*(?:\d{1,3}\.){1,6}\d{0,3}[ \t]+\S")
"""A line with the number of a section: its heading, or a line of the table of contents."""
_EXPLICIT = re.compile(r"[ \t]*\.\.(?:[ \t]+|$)")
_DIRECTIVE = re.compile(r"[ \t]*\.\.[ \t]+(?:\|[^|]+\|[ \t]+)?([\w:.+-]+)::[ \t]*")
_HIDDEN_DIRECTIVES = """
    aafig autoattribute autoclass autodata autoexception autofunction automethod automodule autosummary
    blockdiag class click contents currentmodule default-role digraph footer graph graphviz header highlight
    highlightlang image include index inheritance-diagram jupyter-execute jupyter-kernel literalinclude math
    mermaid meta module plot productionlist program raw replace role rst-class sectionauthor sectnum
    seqdiag tabularcolumns
    target-notes title toctree unicode uml
"""
_CODE_DIRECTIVES = """
    code code-block doctest ipython parsed-literal prompt sourcecode testcode testoutput testsetup
"""
_OPAQUE_DIRECTIVES = {
    **dict.fromkeys(_HIDDEN_DIRECTIVES.split(), Kind.markup),
    **dict.fromkeys(_CODE_DIRECTIVES.split(), Kind.code),
    **dict.fromkeys(("table", "list-table", "csv-table"), Kind.table),
}
"""Directives whose body is not prose, and what it is."""
_ADMONITIONS = frozenset(
    ("attention", "caution", "danger", "error", "hint", "important", "note", "seealso", "tip", "warning")
)
"""Directives whose first line may be prose."""
_FIELD = re.compile(r"[ \t]*:(?!\w{1,20}:`)[^:`\n]{1,100}:(?:[ \t]|$)")
_SESSION = re.compile(r"[ \t]*(?:>>>|\.\.\.|\$|#|%)[ \t]")
_CELLS = re.compile(r"\S(?: {3,}| ?\t[ \t]*)\S")
_CONTENTS = re.compile(r"[ \t]*(?:\d{1,3}\.){1,6}\d{1,3}\.?[ \t]+\S")
_SENTENCE_END = re.compile(r"[.!;,]\s*$")
_SAMPLE_LINES, _SLACK, _GAP = 4, 5, 20
"""Lines that tell how long lines are; room that a line leaves at its end, and before a heading."""
_UNFINISHED = re.compile(r"[a-z\u00df-\u00ff(\[\"'\u201c\u201e]")
"""The start of a line that continues the one before it."""
_PAUSE = re.compile(r"[.!?,;:\u2010-]\s*$")
_MIN_CELL_LINES = 0.6
"""Minimum share of lines with wide gaps of a table without borders."""


class Dialect(NamedTuple):
    """What lines mean."""

    is_rest: bool
    view: Callable[[str], View]


_REST = Dialect(True, view_rest)
_PLAIN = Dialect(False, lambda text: View(text, 0))


def rest_blocks(text: str) -> list[Block]:
    """Return the blocks of a reStructuredText document in text order."""
    return list(_Reader(text, _REST).read())


def plain_blocks(text: str) -> list[Block]:
    """Return the blocks of a text without a markup language in text order."""
    return list(_Reader(text, _PLAIN).read())


class _Reader:
    """Reads the blocks of a text line by line."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        self._text, self._dialect, self._lines = text, dialect, Lines(text)
        self._row = 0

    def read(self) -> Iterator[Block]:
        """Yield the blocks."""
        while self._row < len(self._lines):
            line = self._line(self._row)
            if not line.strip():
                self._row += 1
            elif self._dialect.is_rest and _EXPLICIT.match(line):
                yield self._read_explicit(line)
            elif self._dialect.is_rest and _FIELD.match(line):
                yield self._take(Kind.markup, self._end_of_body(self._row + 1, _indent(line)))
            elif _BORDER.fullmatch(line) or (_ROW.fullmatch(line) and not self._dialect.is_rest):
                yield self._take(Kind.table, self._end_of_table())
            elif self._is_title(line):
                yield from self._read_title(line)
            elif not self._dialect.is_rest and _SECTION.match(line) and self._is_section(line):
                yield self._read_section(line)
            elif _SESSION.match(line):
                yield self._take(Kind.code, self._end_of_session())
            else:
                yield from self._read_paragraph(line)

    def _line(self, row: int) -> str:
        return self._lines.texts[row] if row < len(self._lines) else ""

    def _take(self, kind: Kind, end: int) -> Block:
        """Return the block from the current line up to another one, and go there."""
        place = self._lines.start(self._row), self._lines.start(end)
        self._row = end
        return hidden(self._text, *place) if kind is Kind.markup else shown(kind, self._text, *place)

    def _read_explicit(self, line: str) -> Block:
        """Return a target, a comment or a directive; of most directives only the first line."""
        directive = _DIRECTIVE.match(line)
        name = directive[1].rpartition(":")[2] if directive else ""
        if directive is None or name in _OPAQUE_DIRECTIVES:
            kind = _OPAQUE_DIRECTIVES.get(name, Kind.markup)
            return self._take(kind, self._end_of_body(self._row + 1, _indent(line)))
        if name not in _ADMONITIONS or directive.end() == len(line.rstrip()):
            return self._take(Kind.markup, self._row + 1)
        end, start = self._row + 1, self._lines.start(self._row)
        while self._line(end).strip() and not _FIELD.match(self._line(end)):
            end += 1
        return self._prose(Kind.paragraph, start + directive.end(), end)

    def _is_title(self, line: str) -> bool:
        """Return whether a line is a rule, or a title above one."""
        below = self._line(self._row + 1)
        return bool(_RULE.fullmatch(line)) or (
            bool(_RULE.fullmatch(below)) and len(below.strip()) >= min(len(line.strip()), 4)
        )

    def _read_title(self, line: str) -> Iterator[Block]:
        if _RULE.fullmatch(line):
            yield self._take(Kind.markup, self._row + 1)
            return
        yield self._prose(Kind.heading, self._lines.start(self._row), self._row + 1)
        yield self._take(Kind.markup, self._row + 1)

    def _is_section(self, line: str) -> bool:
        """Return whether a numbered line is a heading, or a line of a table of contents."""
        below = self._line(self._row + 1)
        if _SENTENCE_END.search(line):
            return False
        if below.strip():
            return bool(_CONTENTS.match(line) and _CONTENTS.match(below))
        return not (self._row and self._line(self._row - 1).strip())

    def _read_section(self, line: str) -> Block:
        """Return a heading, or the rest of a table of contents."""
        if not self._line(self._row + 1).strip():
            number = _ITEM.match(line)
            start = self._lines.start(self._row) + (number.end() if number else 0)
            return self._prose(Kind.heading, start, self._row + 1)
        return self._take(Kind.markup, self._end_of_paragraph())

    def _read_paragraph(self, line: str) -> Iterator[Block]:
        """Yield a paragraph or an item, and the literal block that it introduces."""
        item = _ITEM.match(line)
        start, end = self._lines.start(self._row) + (item.end() if item else _indent(line)), self._row + 1
        while self._line(end).strip() and not self._starts_block(end, _indent(line), bool(item)):
            end += 1
        rows = [self._line(row) for row in range(self._row, end)]
        if sum(bool(_CELLS.search(row)) for row in rows) >= max(2, _MIN_CELL_LINES * len(rows)):
            yield self._take(Kind.table, end)
            return
        last = rows[-1].rstrip()
        if last.strip() != "::":
            yield self._prose(Kind.item if item else Kind.paragraph, start, end)
        else:
            yield self._take(Kind.markup, end)
        if last.endswith("::") and (stop := self._end_of_body(self._row, _indent(line))) > self._row:
            yield self._take(Kind.code, stop)

    def _starts_block(self, row: int, indent: int, is_item: bool) -> bool:
        """Return whether a line inside of a paragraph starts another block."""
        line = self._line(row)
        if any(start.match(line) for start in (_ITEM, _SESSION, _ROW)) or _BORDER.fullmatch(line):
            return True
        if _RULE.fullmatch(self._line(row + 1)) and self._dialect.is_rest:
            return False  # not a title: there is no blank line above it
        if self._dialect.is_rest:
            return not is_item and _indent(line) != indent
        before = self._line(row - 1)
        if (
            not _UNFINISHED.match(line.lstrip())
            and not _PAUSE.search(before)
            and self._ends_early(row - 1, _GAP)
        ):
            return True  # a heading in the text of a PDF
        change = _indent(line) - _indent(before)
        if row > self._row + 1:
            return abs(change) > 1
        return change > 1 and not is_item and self._ends_early(row - 1, _SLACK)

    def _ends_early(self, row: int, slack: int) -> bool:
        """Return whether a line was ended although the next word has room in it, as terms of lists are."""
        width = max(len(self._line(other).rstrip()) for other in range(row, row + _SAMPLE_LINES))
        words = self._line(row + 1).split(maxsplit=1)
        return len(self._line(row).rstrip()) + len(words[0]) + slack < width

    def _prose(self, kind: Kind, start: int, end: int) -> Block:
        """Return a block up to a line, without the white space around it, and go to that line."""
        stop = self._lines.end(end - 1)
        source = self._text[start:stop]
        start += len(source) - len(source.lstrip())
        source = source.strip()
        self._row = end
        view = self._dialect.view(source).text
        if view.endswith("::"):
            view = view[:-1] + BLANK
        return Block(kind, start, start + len(source), view)

    def _end_of_session(self) -> int:
        """Return the line after commands; only in reStructuredText a blank line ends their output."""
        if self._dialect.is_rest:
            return self._end_of_paragraph()
        row = self._row
        while _SESSION.match(self._line(row)):
            row += 1
        return row

    def _end_of_paragraph(self) -> int:
        row = self._row
        while self._line(row).strip():
            row += 1
        return row

    def _end_of_body(self, row: int, indent: int) -> int:
        """Return the line after all that are blank or have a larger indent than `indent`."""
        end = row
        while row < len(self._lines):
            line = self._line(row)
            if line.strip():
                if _indent(line) <= indent:
                    break
                end = row + 1
            row += 1
        return end

    def _end_of_table(self) -> int:
        """Return the line after a table, whose groups of rows may have blank lines between them."""
        row = end = self._end_of_paragraph()
        while row < len(self._lines) and not self._line(row).strip():
            row += 1
        limit = row + 200
        while row < min(limit, len(self._lines)) and self._line(row).strip():
            if _BORDER.fullmatch(self._line(row)):
                end = self._row_after(row)
                break
            row += 1
        return end

    def _row_after(self, row: int) -> int:
        while self._line(row).strip():
            row += 1
        return row


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
