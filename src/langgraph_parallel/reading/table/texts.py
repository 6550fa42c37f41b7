"""The texts of a table by the names of their rows, with notes on rows that do not fit the header."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, count

from langgraph_parallel.reading.notes import Note, ranges
from langgraph_parallel.reading.table.rows import Dialect, Row, split_plain

_Place = tuple[int, Row]
"""A row and its number among the rows with data, from 1."""


def collect_texts(
    rows: Sequence[Row],
    header: int,
    texts: int,
    names: int | None,
    dialect: Dialect | None,
    notes: Sequence[Note],
    unit: str,
    columns: int | None = None,
) -> tuple[dict[str, str], list[Note]]:
    """Collect the texts of the rows below the header.

    A text is called by its row's name, or by the row's number where the name is missing or taken. A row with
    more fields than the header has its text whole: all fields that can belong to it.

    Args:
        rows: of the table.
        header: index of the header; -1 if there is none.
        texts: index of the column of texts.
        names: index of the column of names; None if there is none.
        dialect: of the fields; None for a sheet.
        notes: that there are already.
        unit: what rows are counted in: `line`, or `row` of a sheet.
        columns: number of columns, if there is no header.

    Returns:
        The texts, and the notes with those on rows.
    """
    width = columns or len(rows[header].fields)
    odd: dict[str, list[_Place]] = defaultdict(list)
    found: dict[str, str] = {}
    data = rows[header + 1 :]
    taken = _names_of(data, names)
    for number, row in enumerate(data, 1):
        text, problem = _text_of(row, texts, width, dialect)
        if problem:
            odd[problem].append((number, row))
        if not text.strip():
            odd["empty"].append((number, row))
            continue
        key = row.fields[names].strip() if names is not None and len(row.fields) > names else ""
        if key in found:
            odd["repeated"].append((number, row))
        if not key or key in found:
            key = _free_name(number, found, taken)
        found[key] = text
    return found, [*notes, *_row_notes(odd, unit, width)]


def _names_of(rows: Sequence[Row], names: int | None) -> set[str]:
    return (
        {row.fields[names].strip() for row in rows if len(row.fields) > names} if names is not None else set()
    )


def _free_name(number: int, found: dict[str, str], taken: set[str]) -> str:
    names = (f"row {number}{suffix}" for suffix in chain([""], (f" ({again})" for again in count(2))))
    return next(name for name in names if name not in found and name not in taken)


def _text_of(row: Row, texts: int, width: int, dialect: Dialect | None) -> tuple[str, str]:
    """Return the text of a row, and how the row is odd; empty if it is not."""
    fields = row.fields
    if row.problem == "stray" and len(fields) == width:
        return fields[texts], "stray"
    surplus = len(fields) - width
    if dialect is None:
        return (fields[texts] if len(fields) > texts else ""), ""
    if surplus > 0 and row.width > width:
        return _whole_text(row, texts, surplus, width, dialect), "overfull"
    if surplus < 0:
        return (fields[texts] if len(fields) > texts else ""), "short"
    return fields[texts], ""


def _whole_text(row: Row, texts: int, surplus: int, width: int, dialect: Dialect) -> str:
    """Return all fields of an overfull row that can belong to its text."""
    if width == 1:
        return row.raw.strip()
    plain = split_plain(row.raw, dialect.delimiter)
    fields = plain if (dialect.quote or "") not in row.raw and len(plain) == len(row.fields) else row.fields
    return dialect.delimiter.join(fields[texts : texts + surplus + 1]).strip()


def _row_notes(odd: dict[str, list[_Place]], unit: str, width: int) -> list[Note]:
    notes = []
    if places := odd.get("overfull"):
        kept = "its text is kept whole" if len(places) == 1 else "their texts are kept whole"
        notes.append(
            Note(
                f"{_where(places, unit)} {_have(places)} more fields than the header ({width}): {kept}, with "
                "all that may belong to it; quote fields that hold a delimiter"
            )
        )
    if places := odd.get("short"):
        notes.append(Note(f"{_where(places, unit)} {_have(places)} fewer fields than the header ({width})"))
    if places := odd.get("stray"):
        notes.append(Note(f"{_where(places, unit)} {_have(places)} text beside quotes: kept with the quotes"))
    if places := odd.get("empty"):
        notes.append(Note(f"{_where(places, unit)} {_have(places)} no text: left out", lost=True))
    if places := odd.get("repeated"):
        called = "is called by its number" if len(places) == 1 else "are called by their numbers"
        notes.append(
            Note(f"{_where(places, unit)} {_have(places, 'repeats', 'repeat')} a name, and {called}")
        )
    return notes


def _have(places: Sequence[_Place], one: str = "has", many: str = "have") -> str:
    return one if len(places) == 1 else many


def _where(places: Sequence[_Place], unit: str) -> str:
    """Return where rows are: by their numbers in results, and by lines of the file."""
    lines = ranges([row.line for _, row in places])
    if len(places) == 1:
        return f"row {places[0][0]} ({unit} {lines})"
    return f"{len(places):,} rows ({unit}s {lines})"
