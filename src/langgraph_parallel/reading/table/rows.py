"""Rows of a table in a given dialect."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import _csv

_LONGEST_FIELD = 2**31 - 1
"""Characters; by default csv refuses texts that are longer than 131,072."""
_MOST_LINES = 100_000
"""Lines of one row; more are those of a quote that is not closed."""


@dataclass(frozen=True)
class Dialect:
    """How the fields of a table are written.

    Attributes:
        delimiter: between fields.
        quote: character around fields that have delimiters in them; None if all quotes are part of a field.
        escape: character before a quote that is part of the field; None if such quotes are doubled.
        skips_space: whether a space after a delimiter is not part of the field.
    """

    delimiter: str
    quote: str | None = '"'
    escape: str | None = None
    skips_space: bool = False


class Row(NamedTuple):
    """A row that is not blank.

    Attributes:
        line: number of its first line, or of the row in its sheet, from 1.
        last: number of its last line.
        fields: its fields.
        raw: its lines as they stand; empty for a sheet.
        problem: what is wrong with its quotes: text beside them, or none where one is due.
    """

    line: int
    last: int
    fields: list[str]
    raw: str = ""
    problem: Literal["", "stray", "open"] = ""

    @property
    def width(self) -> int:
        """Number of fields up to the last that is not empty."""
        return next((n for n in range(len(self.fields), 0, -1) if self.fields[n - 1].strip()), 0)


def split_lines(text: str) -> list[str]:
    r"""Split text at \n, \r\n and \r, and keep these; other characters that end lines may be in a field."""
    return list(io.StringIO(text, newline=""))


def read_rows(lines: Iterable[str], dialect: Dialect, before: int = 0) -> Iterator[Row]:
    """Read rows, each from as few lines as it has; those without any text are left out.

    Args:
        lines: with their ends.
        dialect: of the table.
        before: number of lines before the first.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    taken: list[str] = []
    reader = _reader(_recorded(lines, taken), dialect)
    while True:
        start = reader.line_num
        problem: Literal["", "stray", "open"] = ""
        fields: list[str] = []
        taken.clear()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            is_open = reader.line_num - start > 1 or "end of data" in str(error)
            problem = "open" if is_open else "stray"
        raw = taken[0] if len(taken) == 1 else "".join(taken)
        if problem == "stray":
            fields = _split_stray(raw, dialect)
        if raw.strip() and (problem or any(map(str.strip, fields))):
            yield Row(before + start + 1, before + reader.line_num, fields, raw, problem)


def _recorded(lines: Iterable[str], taken: list[str]) -> Iterator[str]:
    """Iterate over lines, and keep those of the row that is being read.

    A quote that is not closed would make the rest of a long file one field, so its row ends after many lines.
    """
    for line in lines:
        if len(taken) == _MOST_LINES:
            return
        taken.append(line)
        yield line


def _reader(lines: Iterable[str], dialect: Dialect) -> "_csv.Reader":
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        quotechar=dialect.quote,
        escapechar=dialect.escape,
        skipinitialspace=dialect.skips_space,
        strict=True,
    )


def _split_stray(raw: str, dialect: Dialect) -> list[str]:
    """Split a line with text beside quotes: the quotes are kept where that leaves as many fields."""
    lenient = next(csv.reader([raw], delimiter=dialect.delimiter, quotechar=dialect.quote))
    plain = split_plain(raw, dialect.delimiter)
    return plain if len(plain) == len(lenient) else lenient


def split_plain(raw: str, delimiter: str) -> list[str]:
    """Split a line at every delimiter, with quotes as characters of the fields."""
    return raw.rstrip("\r\n").split(delimiter)
