"""Tables as CSV, JSON lines and Markdown, safe to open in a spreadsheet or a browser."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue

from langgraph_parallel.report.markdown import escape
from langgraph_parallel.report.wording import show

Row = Mapping[str, JsonValue]
"""A value for each column, by column name."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Characters that make a spreadsheet read a cell as a formula."""


def as_csv(rows: Iterable[Row], columns: Sequence[str] | None = None) -> str:
    """Return rows as CSV with a header; list items are joined with `; `.

    Text that a spreadsheet would read as a formula gets a leading apostrophe.

    Args:
        rows: any number.
        columns: by default those of the rows, which are all held to collect them.
    """
    if columns is None:
        rows = list(rows)
        columns = _columns(rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return out.getvalue()


def as_jsonl(rows: Iterable[Row]) -> str:
    """Return rows as JSON, one row on each line."""
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def as_markdown(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table with escaped cells; empty for no rows."""
    columns = _columns(rows)
    lines = [
        columns,
        ["---"] * len(columns),
        *([escape(row.get(name)) for name in columns] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) if columns else ""


def _columns(rows: Iterable[Row]) -> list[str]:
    """Collect the columns of all rows, in the order of their first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _cell(value: JsonValue) -> str:
    text = show(value)
    return f"'{text}" if isinstance(value, str | list) and text.lstrip().startswith(_FORMULA) else text
