"""How the fields of a table are separated, found by reading its start in every way."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from langgraph_parallel.reading.notes import Note
from langgraph_parallel.reading.table.header import find_header
from langgraph_parallel.reading.table.names import has_text_word, is_text_name
from langgraph_parallel.reading.table.rows import Dialect, Row, read_rows

_DELIMITERS = {
    ",": "commas",
    ";": "semicolons",
    "\t": "tabs",
    "|": "vertical bars",
    "^": "carets",
    "~": "tildes",
    "\x01": "control characters (1)",
    "\x1f": "unit separators",
}
_BY_SUFFIX = {".tsv": "\t", ".tab": "\t", ".psv": "|"}
_SAMPLE_LINES = 1000
_SAMPLE_CHARACTERS = 500_000
_ONE_COLUMN = Dialect(",")
_SURE = 0.9
"""Share of rows that have as many fields as the header, from which on a reading is likely to be right."""


class Reading(NamedTuple):
    """How a table may be read.

    Attributes:
        dialect: of its fields.
        columns: in the header; 1 also if lines have delimiters in them.
        fit: share of rows with as many fields as the header.
        named: 2 if a column's name is one for texts, 1 if it has a word of such a name.
        before: rows before the header.
    """

    dialect: Dialect
    columns: int
    fit: float
    named: int
    before: int = 0

    @property
    def score(self) -> float:
        """How likely it is to be right."""
        place = -0.3 if self.before else float(self.named == 2)
        return (self.fit if self.columns > 1 else 0.6) + self.named / 2 + place


def find_dialect(lines: Sequence[str], suffix: str, requested: str | None) -> tuple[Reading, list[Note]]:
    """Find how a table is read.

    Args:
        lines: of the table, with their ends.
        suffix: of the file's name, in lower case.
        requested: name of a column; None if none is requested.

    Returns:
        The best reading, and a note if another is as good.
    """
    sample = _sample_of(lines)
    readings = [_read(sample, dialect, requested) for dialect in _candidates(sample)]
    expected = _BY_SUFFIX.get(suffix)
    readings.sort(key=lambda reading: (reading.score, reading.dialect.delimiter == expected), reverse=True)
    best = readings[0]
    return best, _doubts(best, readings[1:], expected)


def name_delimiter(delimiter: str) -> str:
    """Return the plural of a delimiter's name: `commas`."""
    return _DELIMITERS.get(delimiter, f"{delimiter!r}")


def _sample_of(lines: Sequence[str]) -> Sequence[str]:
    size = 0
    for number, line in enumerate(lines[:_SAMPLE_LINES]):
        size += len(line)
        if size > _SAMPLE_CHARACTERS:
            return lines[: number + 1]
    return lines[:_SAMPLE_LINES]


def _candidates(sample: Sequence[str]) -> Iterator[Dialect]:
    text = "".join(sample)
    yield _ONE_COLUMN
    for delimiter in _DELIMITERS:
        if delimiter not in text:
            continue
        if re.match(rf"'[^']*'\s*{re.escape(delimiter)}", text):
            yield Dialect(delimiter, quote="'")
        yield Dialect(delimiter)
        if '\\"' in text:
            yield Dialect(delimiter, escape="\\")
        if re.search(re.escape(delimiter) + ' +"', text):
            yield Dialect(delimiter, skips_space=True)
        if delimiter == "\t" and '"' in text:
            yield Dialect(delimiter, quote=None)


def _read(sample: Sequence[str], dialect: Dialect, requested: str | None) -> Reading:
    rows = list(read_rows(sample, dialect))
    if len(sample) >= _SAMPLE_LINES and rows and rows[-1].problem == "open":
        rows.pop()  # cut by the end of the sample
    if not rows:
        return Reading(dialect, 1, 0, 0)
    if dialect is _ONE_COLUMN:
        return _one_column(rows[0])
    header, _ = find_header(rows, requested)
    names, data = rows[header].fields, rows[header + 1 :]
    named = max(2 * is_text_name(name) or int(has_text_word(name)) for name in names) if names else 0
    fit = sum(_fits(row, len(names)) for row in data) / len(data) if data else 0.5
    if len(names) < 2:
        return Reading(dialect, 1, 0, -2)
    return Reading(dialect, len(names), fit, named, header)


def _one_column(first: Row) -> Reading:
    name = first.raw.strip().strip('"')
    named = 2 * is_text_name(name) or int(has_text_word(name) and not any(map(name.count, _DELIMITERS)))
    return Reading(_ONE_COLUMN, 1, 1.0, named)


def _fits(row: Row, columns: int) -> bool:
    return not row.problem and (len(row.fields) == columns or row.width == columns)


def _doubts(best: Reading, others: Sequence[Reading], expected: str | None) -> list[Note]:
    """Return a note if a reading with another delimiter fits as well, or the file's name says another."""
    delimiter = best.dialect.delimiter
    if best.columns > 1 and expected not in (None, delimiter):
        return [
            Note(
                f"is read as separated by {name_delimiter(delimiter)}, not by {name_delimiter(str(expected))}"
            )
        ]
    for other in others:
        is_other = other.dialect.delimiter != delimiter and other.columns > 1 and best.columns > 1
        if is_other and other.fit >= _SURE and other.named >= best.named and expected is None:
            return [
                Note(
                    f"is read as separated by {name_delimiter(delimiter)}, and could be by "
                    f"{name_delimiter(other.dialect.delimiter)}; if wrong, begin it with a line 'sep=;'"
                )
            ]
    return []
