"""Tables as CSV, JSON lines and Markdown, which a spreadsheet or a browser may open without harm."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue

Row = Mapping[str, JsonValue]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(rows: Sequence[Row]) -> str:
    """Rows as CSV with a header; lists are joined by `; `.

    A text that a spreadsheet would take for a formula gets an apostrophe in front of it, which makes it a
    text.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return out.getvalue()


def as_jsonl(rows: Iterable[Row]) -> str:
    """Rows as JSON, one in each line."""
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def as_markdown(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table; what would be markup or HTML is shown as it is."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [
        columns,
        ["---"] * len(columns),
        *([escaped(row.get(name)) for name in columns] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) if columns else ""


def plain(value: JsonValue) -> str:
    """A value as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(map(plain, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cell(value: JsonValue) -> str:
    text = plain(value)
    return f"'{text}" if isinstance(value, str | list) and text.lstrip().startswith(_FORMULA) else text


def escaped(value: JsonValue) -> str:
    """A value in Markdown as it is, without markup or HTML in it being obeyed."""
    text = " ".join(plain(value).split())
    for mark in "\\`*_[]<>|~#":
        text = text.replace(mark, f"\\{mark}" if mark not in "<>" else {"<": "&lt;", ">": "&gt;"}[mark])
    return text
