"""Tables of texts: CSV and TSV files, or plain text with one text per line."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from langgraph_parallel.cli.input.documents import read_document
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Skipped

_TEXT_COLUMNS = ("text", "feedback", "comment", "message", "review", "body")
_NAME_COLUMNS = ("id", "name", "item", "key")

Row = dict[str, str | None]


def read_table(path: str, column: str | None) -> dict[str, str]:
    """Read the texts of a CSV or TSV file by name, or the non-empty lines of any other text.

    Args:
        path: of the file.
        column: the column of the texts; by default the first that is called text, feedback, comment, message,
            review or body, or the only one.

    Raises:
        UsageError: the file cannot be read, or has no such column.
    """
    content = read_document(Path(path))
    if isinstance(content, Skipped):
        raise UsageError(f"cannot read {path}: {content.reason}")
    if not path.lower().endswith((".csv", ".tsv")):
        lines = [line.strip() for line in content.splitlines() if line.strip()]
        return {f"line {number}": line for number, line in enumerate(lines, 1)}
    delimiter = "\t" if path.lower().endswith(".tsv") else ","
    rows: list[Row] = list(csv.DictReader(io.StringIO(content), delimiter=delimiter))
    return _texts_by_name(rows, _text_column(path, list(rows[0]), column)) if rows else {}


def _text_column(path: str, columns: Sequence[str], requested: str | None) -> str:
    column = requested or _find_column(columns, _TEXT_COLUMNS) or (columns[0] if len(columns) == 1 else None)
    if column is None or column not in columns:
        known = ", ".join(map(str, columns))
        missing = requested or "of texts"
        raise UsageError(f"{path} has no column {missing!r}; name one of {known} with --column")
    return column


def _texts_by_name(rows: Sequence[Row], column: str) -> dict[str, str]:
    """Name each text by its row's name column; by its number where that is missing, empty or a repeat."""
    name_column = _find_column([name for name in rows[0] if name != column], _NAME_COLUMNS)
    texts: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        name = (row.get(name_column) if name_column else None) or ""
        texts[name if name and name not in texts else f"row {number}"] = row.get(column) or ""
    return texts


def _find_column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    # The key of surplus fields in a row is None, despite the type.
    return next((column for column in columns if str(column).strip().lower() in names), None)
