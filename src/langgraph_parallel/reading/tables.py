"""Tables of texts: CSV files of any dialect, spreadsheets, or plain text with one text per line."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reading.documents import STANDARD_INPUT, DocumentReader
from langgraph_parallel.reading.notes import Note, Parsed, Remark, Sheet, Unreadable
from langgraph_parallel.reading.table.dialects import Reading, find_dialect, name_delimiter
from langgraph_parallel.reading.table.header import (
    check_has_header,
    check_header,
    find_header,
    find_name_column,
    find_text_column,
    is_sentence_or_value,
    match_column,
)
from langgraph_parallel.reading.table.names import has_text_word, is_text_name
from langgraph_parallel.reading.table.rows import Dialect, Row, read_rows, split_lines
from langgraph_parallel.reading.table.texts import collect_texts
from langgraph_parallel.report.wording import visible

TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".psv")
_PROSE_SUFFIXES = (".md", ".markdown", ".rst", ".html", ".htm", ".pdf", ".docx")
_REFUSED_SUFFIXES = {
    ".json": "JSON",
    ".jsonl": "JSON",
    ".ndjson": "JSON",
    ".xml": "XML",
    ".yaml": "YAML",
    ".yml": "YAML",
}
_MOST_NAMES = 20
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*$', re.IGNORECASE)


class Table(NamedTuple):
    """The texts of a table by the name of their row, and remarks on what was guessed or not read."""

    texts: dict[str, str]
    remarks: list[Remark]


def read_table(path: str, column: str | None, sheet: str | None = None) -> Table:
    """Read the texts of a table by name, or the non-empty lines of any other text.

    Args:
        path: of the file; `-` for standard input.
        column: the column of the texts; by default the one whose name means texts, or the only one that can
            hold them.
        sheet: the sheet of a workbook; by default the first that has such a column.

    Raises:
        UsageError: the file cannot be read, is not a table that can be understood, or has no such column.
    """
    name = STANDARD_INPUT if path == "-" else path
    if not path:
        raise UsageError("the path to read is empty; name a file, or - for standard input")
    suffix = Path(path).suffix.lower()
    with DocumentReader() as reader:
        try:
            if suffix in _REFUSED_SUFFIXES:
                raise Unreadable(f"{_REFUSED_SUFFIXES[suffix]} files are not read as tables; save it as CSV")
            parsed = reader.read_input(path)
            texts, notes = _texts_of(name, parsed, suffix, column, sheet)
        except Unreadable as error:
            raise UsageError(visible(f"cannot read {name}: {error}")) from None
    return Table(texts, [Remark(name, note.text, note.lost) for note in (*parsed.notes, *notes)])


def _texts_of(
    name: str, parsed: Parsed, suffix: str, column: str | None, sheet: str | None
) -> tuple[dict[str, str], list[Note]]:
    if parsed.sheets:
        rows, notes = _choose_sheet(parsed.sheets, column, sheet)
        return _read_rows(name, rows, None, column, notes, is_single=False)
    if sheet is not None:
        raise Unreadable("it is not a spreadsheet, and has no sheets; leave out --sheet")
    lines = split_lines(parsed.text)
    separator = SEPARATOR_LINE.match(lines[0]) if lines else None
    if separator:
        dialect = Dialect(separator[1])
        rows = list(read_rows(lines[1:], dialect, before=1))
        return _read_rows(name, rows, dialect, column, [], is_single=False)
    reading, notes = find_dialect(lines, suffix, column)
    if suffix not in TABLE_SUFFIXES and column is None:
        if suffix in _PROSE_SUFFIXES or not is_surely_table(lines, reading):
            return _lines(parsed.text), []
        notes = [Note(_found(reading))]
    rows = list(read_rows(lines, reading.dialect))
    return _read_rows(name, rows, reading.dialect, column, notes, is_single=reading.columns == 1)


def is_surely_table(lines: Sequence[str], reading: Reading) -> bool:
    """Return whether text of an unknown kind is a table: its first line is a header with a name for texts."""
    rows = read_rows(lines[:20], reading.dialect)
    first, second = next(rows, None), next(rows, None)
    if first is None or second is None or not any(map(is_text_name, first.fields)):
        return False
    return reading.fit > 0.9 and not any(map(is_sentence_or_value, first.fields))


def _found(reading: Reading) -> str:
    if reading.columns == 1:
        return "is read as a table with one column, as its first line is the name of one"
    delimiters = name_delimiter(reading.dialect.delimiter)
    return f"is read as a table separated by {delimiters}, as its first line is a header"


def _lines(text: str) -> dict[str, str]:
    found = [line.strip() for line in re.split(r"\r\n|[\n\r\f]", text) if line.strip()]
    return {f"line {number}": line for number, line in enumerate(found, 1)}


def _choose_sheet(
    sheets: Sequence[Sheet], column: str | None, requested: str | None
) -> tuple[list[Row], list[Note]]:
    """Return the rows of a sheet: the requested one, else the first with a name for texts, else the first."""
    if requested is not None:
        chosen = next(
            (sheet for sheet in sheets if sheet.name.casefold() == requested.strip().casefold()), None
        )
        if chosen is None:
            known = ", ".join(sheet.name for sheet in sheets)
            raise Unreadable(f"it has no sheet {requested!r}; name one of {known} with --sheet")
        return _sheet_rows(chosen), []
    filled = [(sheet, rows) for sheet in sheets if (rows := _sheet_rows(sheet))]
    if not filled:
        raise Unreadable("its sheets are empty")
    visible = [(sheet, rows) for sheet, rows in filled if not sheet.is_hidden] or filled
    chosen, rows = next((item for item in visible if _has_texts(item[1], column)), visible[0])
    others = [
        f"{sheet.name!r}{' (hidden)' if sheet.is_hidden else ''}"
        for sheet, _ in filled
        if sheet is not chosen
    ]
    note = f"the sheet {chosen.name!r} is read, and not {', '.join(others)} (--sheet chooses)"
    return rows, [Note(note, lost=True)] if others else []


def _sheet_rows(sheet: Sheet) -> list[Row]:
    rows = (Row(number, number, fields) for number, fields in enumerate(sheet.rows, 1))
    return [Row(row.line, row.last, row.fields[: row.width]) for row in rows if row.width]


def _has_texts(rows: Sequence[Row], column: str | None) -> bool:
    header, _ = find_header(rows, column)
    names = rows[header].fields
    return any(map(has_text_word, names)) if column is None else match_column(names, column) is not None


def _read_rows(
    name: str,
    rows: Sequence[Row],
    dialect: Dialect | None,
    column: str | None,
    notes: Sequence[Note],
    *,
    is_single: bool,
) -> tuple[dict[str, str], list[Note]]:
    """Read the texts of a table, and return them with notes.

    Args:
        name: of the file.
        rows: of the table.
        dialect: of its fields; None for a sheet.
        column: that is requested.
        notes: that there are already.
        is_single: whether there is one column, whatever delimiters are in the rows.
    """
    unit = "line" if dialect else "row"
    if not rows:
        raise Unreadable("it has no rows")
    for row in rows:
        if row.problem == "open":
            raise Unreadable(
                f"a quote that is opened in {unit} {row.line} is not closed there; double the quotes in a "
                "field, or take this one away"
            )
    header, is_sure = (0, True) if is_single else find_header(rows, column)
    said = [*notes, *check_header(rows, header, is_sure, unit)]
    names = rows[header].fields
    if header + 1 == len(rows) and (len(names) > 1 or has_text_word(names[0])):
        raise Unreadable("it has no rows below its header")
    if len(names) == 1 and column is None:
        return _one_column(rows, header, said, unit, dialect)
    texts, more = _text_column(name, rows, header, column)
    keys = find_name_column(names, texts)
    return collect_texts(rows, header, texts, keys, dialect, [*said, *more], unit)


def _one_column(
    rows: Sequence[Row], header: int, notes: Sequence[Note], unit: str, dialect: Dialect | None
) -> tuple[dict[str, str], list[Note]]:
    """Read a table of one column, whose first row may be a text."""
    first = rows[header].fields[0]
    if is_sentence_or_value(first):
        note = Note(f"it has no header: its first row, {first.strip()[:60]!r}, is read as a text")
        return collect_texts(rows, -1, 0, None, dialect, [*notes, note], unit, columns=1)
    named = has_text_word(first)
    more = (
        [] if named else [Note(f"its first row, {first.strip()[:60]!r}, is taken for the name of the column")]
    )
    return collect_texts(rows, header, 0, None, dialect, [*notes, *more], unit)


def _text_column(
    name: str, rows: Sequence[Row], header: int, requested: str | None
) -> tuple[int, list[Note]]:
    names = rows[header].fields
    if requested is not None and (found := match_column(names, requested)) is not None:
        twice = sum(known.strip().casefold() == requested.strip().casefold() for known in names) > 1
        return found, [Note(f"it has several columns {requested!r}; the first is read")] if twice else []
    check_has_header(rows, header)
    chosen, notes = find_text_column(rows, header) if requested is None else (None, [])
    if chosen is None:
        known = _list_names(names)
        if requested is not None:
            raise UsageError(
                visible(f"{name} has no column {requested!r}; name one of {known} with --column")
            )
        raise UsageError(
            visible(
                f"{name} has no column whose name says that it holds texts; name one of {known} with "
                "--column, or add a row that names the columns if these are data"
            )
        )
    return chosen, notes


def _list_names(names: Sequence[str]) -> str:
    shown = [" ".join(name.split())[:40] for name in names if name.strip()]
    rest = f" and {len(shown) - _MOST_NAMES:,} more" if len(shown) > _MOST_NAMES else ""
    return ", ".join(shown[:_MOST_NAMES]) + rest
