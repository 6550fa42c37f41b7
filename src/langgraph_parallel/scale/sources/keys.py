"""Keys of rows: what identifies them, and that no two are equal."""

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.mapping.problem import list_names
from langgraph_parallel.scale.rows import Row

_CACHE_KB = 16_000
_PRAGMAS = ("journal_mode=off", "synchronous=off", "locking_mode=exclusive", f"cache_size=-{_CACHE_KB}")


class Record(NamedTuple):
    """What a source has read: a row that has no key yet."""

    place: int
    """Number of its line, or of the row, from 1."""
    data: dict[str, Any]
    error: str = ""
    """Why it cannot be read."""


class Keys:
    """Gives keys to records, in the order in which they are read.

    Keys of a column are compared in a temporary database, so that the memory for them is bounded.

    Args:
        source: its name, for errors.
        column: of the keys; None for the numbers of the rows, from 1.
        unit: what places count: `line` or `row`.
        is_checked: whether the keys are known to differ.
    """

    def __init__(self, source: str, column: str | None, unit: str = "row", *, is_checked: bool) -> None:
        self._source, self._column, self._unit = source, column, unit
        self._given = 0
        self._seen = None if is_checked or column is None else _seen()

    def rows(self, records: Sequence[Record]) -> list[Row]:
        """Return records as rows.

        Raises:
            UsageError: a key is missing, is not a text or a number, or comes twice.
        """
        first = self._given + 1
        self._given += len(records)
        column = self._column
        if column is None:
            return [
                Row(str(number), record.data, record.error) for number, record in enumerate(records, first)
            ]
        rows = [
            Row(
                key_text(record.data.get(column)) or self._no_key(record),
                record.data,
                record.error,
            )
            for record in records
        ]
        if self._seen is not None:
            self._compare(
                [(_stored(row.key), record.place) for row, record in zip(rows, records, strict=True)]
            )
        return rows

    def close(self) -> None:
        """Drop the database of keys."""
        if self._seen is not None:
            self._seen.close()

    def _compare(self, keys: Sequence[tuple[str | bytes, int]]) -> None:
        assert self._seen is not None
        try:
            self._seen.executemany("insert into keys values (?, ?)", keys)
        except sqlite3.IntegrityError:
            self._seen.executemany("insert or ignore into keys values (?, ?)", keys)
            for key, place in keys:
                ((first,),) = self._seen.execute("select place from keys where key = ?", (key,))
                if first != place:
                    raise self._twice(key, first, place) from None

    def _twice(self, stored: str | bytes, first: int, second: int) -> UsageError:
        key = stored if isinstance(stored, str) else stored.decode(errors="surrogatepass")
        return UsageError(
            f"{self._source}: the key {key!r} comes twice: in {self._unit}s {first:,} and {second:,}; keys "
            "identify the rows, so name a column whose values differ, or leave the key out to count rows"
        )

    def _no_key(self, record: Record) -> str:
        if record.error:  # what cannot be read has no key of its own
            return f"{self._unit} {record.place}"
        column = self._column
        where = f"{self._source}: {self._unit} {record.place:,}"
        if column not in record.data:
            raise UsageError(f"{where} has no key {column!r}; it has {list_names(record.data)}")
        value = record.data[column]
        if isinstance(value, list | dict):
            raise UsageError(f"{where} has a list or an object as its key {column!r}; name another column")
        raise UsageError(f"{where} has an empty key {column!r}; give it one, or name another column")


def key_text(value: Any) -> str:
    """Return a key as text, the same for 1, 1.0 and "1"; empty for what is no key."""
    if isinstance(value, str):
        return value.strip().replace("\0", "\ufffd")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value == value:
        return str(int(value)) if value.is_integer() else repr(value)
    return ""


def _stored(key: str) -> str | bytes:
    """Return a key as SQLite takes it, which has no half characters in texts."""
    return key if key.isascii() else key.encode(errors="surrogatepass")


def _seen() -> sqlite3.Connection:
    """Open a database of its own, in memory as long as it is small, and gone when it is closed."""
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    for pragma in _PRAGMAS:
        connection.execute(f"pragma {pragma}")
    connection.execute("create table keys (key primary key, place integer) without rowid")
    connection.execute("begin")
    return connection
