"""Tables of text: CSV of any dialect, and texts on lines."""

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from langgraph_parallel.counted import count
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reading.notes import Note, Unreadable, ranges
from langgraph_parallel.reading.table.dialects import find_dialect, name_delimiter
from langgraph_parallel.reading.table.header import (
    check_has_header,
    check_header,
    find_header,
    is_sentence_or_value,
)
from langgraph_parallel.reading.table.names import has_text_word
from langgraph_parallel.reading.table.rows import Dialect, Row, read_rows
from langgraph_parallel.reading.tables import SEPARATOR_LINE, TABLE_SUFFIXES, is_surely_table
from langgraph_parallel.scale.sources.json_lines import TEXT
from langgraph_parallel.scale.sources.keys import Record
from langgraph_parallel.scale.sources.names import distinct_names
from langgraph_parallel.scale.sources.records import RecordSource
from langgraph_parallel.scale.sources.text_file import TextFile

_LINES = (".txt", ".text", ".log")
"""Files that are tables only if they surely are."""
_SURE = 0.9
"""Share of rows with as many fields as the first, from which on a text is likely to be a table."""
_MOST_TOLD = 100
"""Rows whose places a remark tells."""


class _Head(NamedTuple):
    """How a table is read.

    Attributes:
        dialect: of its fields.
        before: lines before the first row.
        header: index of the row that names the columns; -1 for none.
        names: of the columns.
        notes: on what was guessed.
    """

    dialect: Dialect
    before: int
    header: int
    names: list[str]
    notes: list[str]


class Delimited(RecordSource):
    """The rows of a CSV file. Its delimiter, quotes, header and encoding are found, and told if guessed.

    Args:
        file: of the table.
        key: the column of the keys; None for the numbers of the rows.
    """

    unit = "line"

    def __init__(self, file: TextFile, key: str | None = None) -> None:
        super().__init__(file.name, key)
        self._file = file
        self._short: list[int] = []
        self._stray: list[int] = []

    @property
    def columns(self) -> Sequence[str]:
        """The names of its header."""
        return self._head.names

    @property
    def remarks(self) -> Sequence[str]:
        """What was guessed of it, and rows that are not as wide as the header."""
        odd = [
            f"lines {ranges(lines[:_MOST_TOLD])}{' and more' if len(lines) > _MOST_TOLD else ''} {what}"
            for lines, what in (
                (self._short, "have fewer fields than the header: the others are empty"),
                (self._stray, "have text beside quotes: kept with the quotes"),
            )
            if lines
        ]
        return [f"{self.name}: {note}" for note in (*self._head.notes, *self._file.notes, *odd)]

    @property
    def can_look(self) -> bool:
        """Whether it is short enough."""
        return self._file.is_short

    def records(self) -> Iterator[Record]:
        """Iterate over the records; a row with too many fields has an error.

        Raises:
            UsageError: a quote is not closed.
        """
        head = self._head
        self._short, self._stray = [], []
        names, width = head.names, len(head.names)
        for index, row in enumerate(self._rows(head)):
            if index <= head.header:
                continue
            fields = row.fields
            if len(fields) == width and not row.problem:
                yield Record(row.line, dict(zip(names, fields, strict=True)))
            else:
                yield self._odd(row, names)

    def _rows(self, head: _Head) -> Iterator[Row]:
        lines = self._file.lines()
        for _ in range(head.before):
            next(lines, None)
        return read_rows(lines, head.dialect, head.before)

    def _odd(self, row: Row, names: Sequence[str]) -> Record:
        """Read a row that is not as the header says."""
        width = len(names)
        if row.problem == "open":
            raise UsageError(
                f"{self.name}: a quote that is opened in line {row.line:,} is not closed; double the quotes "
                "in a field, or take this one away"
            )
        if row.width > width == 1:  # a text that nobody has quoted
            return Record(row.line, {names[0]: row.raw.strip()})
        if row.width > width:
            return Record(
                row.line,
                {},
                f"line {row.line:,} has {count(len(row.fields), 'field')}, and the header has {width}: quote "
                "fields that hold the delimiter",
            )
        if row.problem:
            self._stray.append(row.line)
        if len(row.fields) < width:
            self._short.append(row.line)
        filled = [*row.fields[:width], *[None] * (width - len(row.fields))]
        return Record(row.line, dict(zip(names, filled, strict=True)))

    @functools.cached_property
    def _head(self) -> _Head:
        try:
            return _find_head(self._file)
        except Unreadable as error:
            raise UsageError(f"cannot read {self.name}: {error}") from None


class TextLines(RecordSource):
    """The lines of a text, each an item with the column `text`; blank ones are none.

    Args:
        file: of the texts.
        key: None, or `text`.
    """

    unit = "line"

    def __init__(self, file: TextFile, key: str | None = None) -> None:
        super().__init__(file.name, key)
        self._file = file

    @property
    def columns(self) -> Sequence[str]:
        """The only column."""
        return [TEXT]

    @property
    def remarks(self) -> Sequence[str]:
        """That it is read by lines, and what was guessed of its encoding."""
        return [f"{self.name}: each line is an item", *(f"{self.name}: {note}" for note in self._file.notes)]

    @property
    def can_look(self) -> bool:
        """Whether it is short enough."""
        return self._file.is_short

    def records(self) -> Iterator[Record]:
        """Iterate over the lines."""
        for number, line in enumerate(self._file.lines(), 1):
            if text := line.strip():
                yield Record(number, {TEXT: text})


def is_table(file: TextFile) -> bool:
    """Return whether a text of any name is a table, and not one text on each line."""
    if file.suffix in TABLE_SUFFIXES or SEPARATOR_LINE.match(file.sample[0] if file.sample else ""):
        return True
    reading, _ = find_dialect(file.sample, file.suffix, None)
    if is_surely_table(file.sample, reading):
        return True
    if file.suffix in _LINES or reading.columns == 1 or reading.fit <= _SURE or reading.before:
        return False
    first = next(read_rows(file.sample, reading.dialect)).fields
    return len({*first}) == len(first) and not any(map(is_sentence_or_value, first))


def _find_head(file: TextFile) -> _Head:
    """Find how a table is read.

    Raises:
        Unreadable: it has no rows, or no header.
    """
    lines, before = file.sample, 0
    notes: list[Note] = []
    separator = SEPARATOR_LINE.match(lines[0]) if lines else None
    if separator:
        dialect, lines, before, is_single = Dialect(separator[1]), lines[1:], 1, False
    else:
        reading, notes = find_dialect(lines, file.suffix, None)
        dialect, is_single = reading.dialect, reading.columns == 1
    rows = list(read_rows(lines, dialect, before))
    if not rows:
        raise Unreadable("it has no rows")
    header, is_sure = (0, True) if is_single else find_header(rows, None)
    said = [note.text for note in (*notes, *check_header(rows, header, is_sure, "line"))]
    fields = rows[header].fields
    if is_single and is_sentence_or_value(fields[0]) and not has_text_word(fields[0]):
        return _Head(dialect, before, -1, [TEXT], [*said, f"it has no header: its column is called {TEXT}"])
    check_has_header(rows, header)
    if dialect.delimiter not in ",;\t":
        said.append(f"is read as separated by {name_delimiter(dialect.delimiter)}")
    names, renamed = distinct_names([field.strip().lstrip("\ufeff") for field in fields])
    return _Head(dialect, before, header, names, [*said, *renamed])
