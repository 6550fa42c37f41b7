"""Tables as CSV, JSON lines and Markdown, which a spreadsheet or a browser may open without harm."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.records import Label

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


def label_rows(labels: Iterable[Label]) -> list[dict[str, Any]]:
    """Labels as rows of plain values."""
    return [
        {
            "item": one.item,
            "label": one.label,
            "status": one.status,
            "support": str(one.support),
            "contested": one.contested,
            "votes": "; ".join(f"{voter}: {choice}" for voter, choice in one.votes.items()),
        }
        for one in labels
    ]


def labels_csv(labels: Iterable[Label]) -> str:
    """Labels as CSV."""
    return as_csv(label_rows(labels))


def labels_jsonl(labels: Iterable[Label]) -> str:
    """Labels as JSON lines."""
    return as_jsonl(json.loads(one.model_dump_json()) for one in labels)


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
