"""How an SQLite file logs its changes: beside it while it is open, and as before afterwards."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from langgraph_parallel.errors import UsageError


def mode_of(database: sqlite3.Connection, path: Path) -> str:
    """Return the mode of a file.

    Args:
        database: that is open.
        path: of its file.

    Raises:
        UsageError: it is a file of another kind.
    """
    try:
        (mode,) = database.execute("PRAGMA journal_mode").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        raise UsageError(
            f"{path} is not an SQLite database, and is left as it is; name another file, or one such as "
            f"{path.stem}.jsonl for JSON lines"
        ) from None
    return str(mode)


@contextmanager
def unless_in_use() -> Iterator[None]:
    """Leave the log beside the file where others have it open: they read it as well."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
