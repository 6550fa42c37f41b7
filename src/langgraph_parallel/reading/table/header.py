"""Where a table's header is, and which of its columns hold the texts and the names of rows."""

import re
from collections import Counter
from collections.abc import Sequence

from langgraph_parallel.reading.notes import Note, Unreadable, ranges
from langgraph_parallel.reading.table.names import (
    has_key_word,
    has_other_word,
    has_text_word,
    has_weak_word,
    is_key_name,
    is_text_name,
    words_of,
)
from langgraph_parallel.reading.table.rows import Row

_SEARCHED = 20
"""Rows at the start among which the header is."""
_SAMPLE = 200
"""Rows whose fields are looked at to tell what a column holds."""
_KINDS = {
    "number": re.compile(
        r"[+-]?([\d.,'\u00a0\u202f ]*\d[\d.,]*(e[+-]?\d+)?\s?[%€$£]?|0x[\da-f]+)$", re.IGNORECASE
    ),
    "date": re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([ T].*)?$"),
    "address": re.compile(r"(https?://\S+|[^@\s]+@[^@\s]+\.[^@\s]+)$"),
    "flag": re.compile(r"(true|false|yes|no|ja|nein|[xy])$", re.IGNORECASE),
}


def find_header(rows: Sequence[Row], requested: str | None) -> tuple[int, bool]:
    """Find the header among the first rows.

    Args:
        rows: of the table, not empty.
        requested: name of a column; None if none is requested.

    Returns:
        Its index, and whether it is sure to be the header if it is not the first row.
    """
    first, searched = rows[0], rows[1:_SEARCHED]
    if requested is not None:
        for index, row in enumerate(rows[:_SEARCHED]):
            if match_column(row.fields, requested) is not None:
                return index, True
    if _names_texts(first) and (first.width > 1 or is_text_name(first.fields[0])):
        return 0, True
    for index, row in enumerate(searched, 1):
        if row.width > first.width and _names_texts(row) and all(row.fields[: row.width]):
            return index, True
    widths = Counter(row.width for row in rows[1:_SAMPLE])
    width, times = max(widths.items(), key=lambda item: item[1], default=(1, 0))
    if first.width == 1 and width > 1 and times > 1 and times > 0.6 * widths.total():
        return next(index for index, row in enumerate(rows) if row.width == width), False
    return 0, True


def check_header(rows: Sequence[Row], header: int, is_sure: bool, unit: str) -> list[Note]:
    """Check that a table begins with its header, and return notes on lines before it.

    Args:
        rows: of the table.
        header: index of the header.
        is_sure: whether it is sure to be the header.
        unit: what rows are counted in: `line`, or `row` of a sheet.

    Raises:
        Unreadable: there is no header, or lines come before it.
    """
    if not header:
        return []
    before = rows[:header]
    one = len(before) == 1 and before[0].line == before[0].last
    numbers = ranges([number for row in before for number in range(row.line, row.last + 1)])
    shown = f"{unit}{'' if one else 's'} {numbers} ({_shown(before[0])})"
    if is_sure:
        come, are = ("comes", "is") if one else ("come", "are")
        return [Note(f"{shown} {come} before the header, and {are} not read", lost=True)]
    raise Unreadable(
        f"its table does not begin in the first {unit}: {shown} {'comes' if one else 'come'} before it; "
        "delete what is above the header, or name a column with --column"
    )


def check_has_header(rows: Sequence[Row], header: int) -> None:
    """Check that the row that should be the header names columns.

    Raises:
        Unreadable: it is data.
    """
    names = rows[header].fields
    if any(is_text_name(name) or is_key_name(name) for name in names):
        return
    sample = rows[header + 1 : header + _SAMPLE]
    is_data = any(
        (kind := _kind_of(name)) and kind == column_kind(sample, column) for column, name in enumerate(names)
    )
    if is_data or any(map(_is_sentence, names)):
        raise Unreadable(
            f"it has no header: its first row is data ({_shown(rows[header])}); "
            "add a row before it that names the columns"
        )


def match_column(names: Sequence[str], requested: str) -> int | None:
    """Return the index of a column by its name, in any case if need be; None if there is none."""
    for wanted, known in (
        (requested, list(names)),
        (requested.strip().casefold(), [name.strip().casefold() for name in names]),
    ):
        if wanted in known:
            return known.index(wanted)
    return None


def find_text_column(rows: Sequence[Row], header: int) -> tuple[int | None, list[Note]]:
    """Find the column of the texts: by its name, by a word of it, or as the only one that can hold texts.

    Returns:
        Its index, None if it cannot be told; and notes on a choice that may be wrong.
    """
    names = rows[header].fields
    if len(names) == 1:
        return 0, []
    sample = rows[header + 1 : header + _SAMPLE]
    for fits in (is_text_name, has_text_word, has_weak_word):
        found = [column for column, name in enumerate(names) if fits(name)]
        if found := [column for column in found if column_kind(sample, column) is None] or found:
            others = [names[column] for column in found[1:]]
            return found[0], [_choice(names[found[0]], others)] if others else []
    free = [
        column
        for column, name in enumerate(names)
        if not (
            is_key_name(name) or has_key_word(name) or has_other_word(name) or column_kind(sample, column)
        )
        and any(len(row.fields) > column and row.fields[column].strip() for row in sample)
    ]
    if len(free) > 1:
        lengths = {column: _mean_words(sample, column) for column in free}
        longest, second = sorted(free, key=lengths.__getitem__, reverse=True)[:2]
        free = [longest] if lengths[longest] >= 3 and lengths[longest] >= 2 * lengths[second] else []
    return (free[0], [_choice(names[free[0]], [])]) if free else (None, [])


def find_name_column(names: Sequence[str], texts: int) -> int | None:
    """Return the index of the column that rows are called by; None if there is none."""
    for fits in (is_key_name, has_key_word):
        for column, name in enumerate(names):
            if column != texts and fits(name):
                return column
    return None


def column_kind(rows: Sequence[Row], column: int) -> str | None:
    """Return what most fields of a column are: a number, date, address or flag; None if they are neither."""
    fields = [row.fields[column] for row in rows if len(row.fields) > column and row.fields[column].strip()]
    kind, times = max(Counter(map(_kind_of, fields)).items(), key=lambda item: item[1], default=(None, 0))
    return kind if times > 0.7 * len(fields) else None


def is_sentence_or_value(name: str) -> bool:
    """Return whether what should be a header is a sentence, or a value such as a number."""
    return _is_sentence(name) or _kind_of(name) is not None


def _names_texts(row: Row) -> bool:
    return any(has_text_word(name) or has_weak_word(name) for name in row.fields)


def _kind_of(field: str) -> str | None:
    text = field.strip()[:200]
    return next((kind for kind, pattern in _KINDS.items() if pattern.match(text)), None)


def _is_sentence(name: str) -> bool:
    """Return whether a name is a sentence; questions are the headers of surveys."""
    return (name.rstrip().endswith((".", "!")) and len(words_of(name)) > 1) or len(name) > 400


def _mean_words(rows: Sequence[Row], column: int) -> float:
    counts = [
        len(row.fields[column].split()) for row in rows if len(row.fields) > column and row.fields[column]
    ]
    return sum(counts) / len(counts) if counts else 0.0


def _choice(name: str, others: Sequence[str]) -> Note:
    if name in others:
        return Note(f"it has several columns {name!r}; the texts are taken from the first")
    shown = f"; others could be meant: {', '.join(map(repr, others))}" if others else ""
    return Note(f"the texts are taken from the column {name!r}{shown} (--column chooses)")


def _shown(row: Row) -> str:
    text = " | ".join(" ".join(field.split()) for field in row.fields[: row.width])
    return text if len(text) <= 60 else f"{text[:57]}..."
