"""The file of a cache of answers: its tables, and what reads and writes them."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

_OURS = 0x6C677061
"""The number in the header of the file that says what it is (`application_id`)."""
_VERSION = 1
_SCHEMA = (
    "CREATE TABLE answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL, size INTEGER NOT NULL, "
    "stored REAL NOT NULL, used REAL NOT NULL)",
    "CREATE INDEX by_use ON answers (used, size)",
    "CREATE TABLE sums (bytes INTEGER NOT NULL)",
    "INSERT INTO sums VALUES (0)",
    "CREATE TRIGGER added AFTER INSERT ON answers BEGIN UPDATE sums SET bytes = bytes + new.size; END",
    "CREATE TRIGGER removed AFTER DELETE ON answers BEGIN UPDATE sums SET bytes = bytes - old.size; END",
    f"PRAGMA application_id = {_OURS}",
    f"PRAGMA user_version = {_VERSION}",
)
_Row: TypeAlias = tuple[str, str, int]
"""A key, an answer, and the bytes that they take."""
MOST_BYTES = 256 * 1024 * 1024
LEAST_BYTES = 256 * 1024
_AROUND = 320
"""Bytes that an answer takes in the file beside its text: its key, twice, and the index."""
_FULL, _ROOM = 0.75, 0.65
"""Shares of the bound: beyond the first, answers are deleted until the second is left. The rest is what pages
that are not full take."""
_SHARES = 1.0, 0.5, 0.25, 0.1
"""Of the room for answers: what takes more pages than expected is given room by deleting more."""
_LOG = 4, 1000
"""The part of the bound that the log beside the file takes before its pages are moved to the file, and
how many pages at most: SQLite's own number."""
_PATIENCE = 2.0
"""Seconds to wait for another process that writes."""
_READ_PATIENCE = 0.05
"""Seconds in which a read, which blocks the event loop, waits for another process: rarely at all."""


class Kept(NamedTuple):
    """What a cache holds."""

    answers: int
    bytes: int
    """About as many as they take in the file."""


class Connections:
    """The open file: a connection for each way, and the thread that writes."""

    def __init__(self, reading: sqlite3.Connection, writing: sqlite3.Connection) -> None:
        self.process = os.getpid()
        self.reading, self.writing = reading, writing
        self.lock = threading.Lock()
        """Of the connection that reads."""
        self.writer = ThreadPoolExecutor(1, "answers")

    def submit(self, work: "Callable[[Connections], object]", *given: "Connections") -> None:
        """Do something in the thread that writes, which nobody waits for, and which may fail."""
        try:
            self.writer.submit(work, *given)
        except RuntimeError:  # the interpreter ends, or the cache was closed
            return


def connect(path: Path, most_bytes: int) -> Connections:
    """Open a file that is there, and may be empty.

    Raises:
        sqlite3.Error: it cannot be used, or is something else.
    """
    writing = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        _prepare(writing, path)
        most_pages = most_bytes // _header(writing, "page_size")
        writing.execute(f"PRAGMA max_page_count = {most_pages}")
        writing.execute(f"PRAGMA wal_autocheckpoint = {min(most_pages // _LOG[0], _LOG[1])}")
        writing.execute(f"PRAGMA journal_size_limit = {LEAST_BYTES}")
        # What is committed outlives a process that is killed; a power failure may lose the last answers.
        writing.execute("PRAGMA synchronous = NORMAL")
        reading = sqlite3.connect(path, timeout=_READ_PATIENCE, isolation_level=None, check_same_thread=False)
        reading.execute("PRAGMA query_only = ON")
    except BaseException:
        writing.close()
        raise
    return Connections(reading, writing)


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    """Make a new file a cache of answers, and refuse one that is something else."""
    # First of all: once something of a new file was read, it has no effect. A file that is there it leaves.
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")
    with _transaction(database):
        kind, version = _header(database, "application_id"), _header(database, "user_version")
        has_tables = database.execute("SELECT 1 FROM sqlite_master").fetchone() is not None
        if kind != _OURS and (kind or has_tables):
            raise sqlite3.DatabaseError(f"{path} is a database of something else; name another file")
        if version > _VERSION:
            raise sqlite3.DatabaseError(f"{path} was made by a newer version; name another file")
        if not has_tables:
            for statement in _SCHEMA:
                database.execute(statement)
    database.execute("PRAGMA journal_mode = WAL")


def _header(database: sqlite3.Connection, field: str) -> int:
    return int(database.execute(f"PRAGMA {field}").fetchone()[0])


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    with database:  # commits, or rolls back
        yield


class Row(NamedTuple):
    """An answer, and when it was stored, in seconds since the epoch."""

    answer: str
    stored: float


def select(opened: Connections, key: str) -> Row | None:
    """Return an answer; None if it is not there."""
    with opened.lock:
        row = opened.reading.execute("SELECT answer, stored FROM answers WHERE key = ?", (key,)).fetchone()
    return None if row is None else Row(*row)


def note_use(database: sqlite3.Connection, used: Mapping[str, float]) -> None:
    """Note when answers were used, by key."""
    with _transaction(database):
        rows = [(moment, key) for key, moment in used.items()]
        database.executemany("UPDATE answers SET used = ? WHERE key = ?", rows)


def insert(database: sqlite3.Connection, answers: Mapping[str, str], most_bytes: int) -> list[float]:
    """Keep answers, and delete what was not used for the longest time if they take too much.

    Args:
        database: the connection that writes.
        answers: by key.
        most_bytes: maximum size of the file.

    Returns:
        Of each answer that there was no room for, these included, when it was used last.

    Raises:
        sqlite3.Error: the file cannot be written.
    """
    for share in _SHARES:
        try:
            return _insert(database, answers, most_bytes, share)
        except sqlite3.OperationalError as error:
            pages, most_pages = _header(database, "page_count"), _header(database, "max_page_count")
            if "full" not in str(error) or pages < most_pages * _FULL:
                raise  # not of the bound: of the disk
    size = most_bytes // 1024
    raise sqlite3.OperationalError(f"its bound of {size} KiB is reached; raise most_bytes")


def _insert(
    database: sqlite3.Connection, answers: Mapping[str, str], most_bytes: int, share: float
) -> list[float]:
    now, room = time.time(), most_bytes * share
    sized = [(key, answer, len(answer.encode()) + _AROUND) for key, answer in answers.items()]
    rows = _fitting(sized, int(room * _ROOM / 2))
    lost = [now] * (len(answers) - len(rows))
    added = sum(size for _, _, size in rows)
    with _transaction(database):
        # Deleted first: a trigger does not fire for what `OR REPLACE` removes.
        database.executemany("DELETE FROM answers WHERE key = ?", [(key,) for key, _, _ in rows])
        if is_full := _sum(database) + added > room * _FULL:
            lost = _evict(database, int(room * _ROOM) - added) + lost
        database.executemany(
            "INSERT INTO answers (key, answer, size, stored, used) VALUES (?, ?, ?, ?, ?)",
            [(*row, now, now) for row in rows],
        )
    if is_full and _header(database, "page_count") * _header(database, "page_size") > most_bytes:
        _shrink(database, most_bytes)  # it was made with a higher bound
    return lost


def _fitting(rows: list[_Row], most_bytes: int) -> list[_Row]:
    """Return the last rows that leave others room; one that does not by itself is not worth them."""
    fitting, size = list[_Row](), 0
    for row in reversed(rows):
        if size + row[2] <= most_bytes:
            fitting.append(row)
            size += row[2]
    return fitting[::-1]


def _shrink(database: sqlite3.Connection, most_bytes: int) -> None:
    # As a script: `execute` makes one step of a statement without columns, which frees one page.
    database.executescript("PRAGMA incremental_vacuum")
    database.execute(f"PRAGMA max_page_count = {most_bytes // _header(database, 'page_size')}")


def _evict(database: sqlite3.Connection, left: int) -> list[float]:
    """Delete the answers that were not used for the longest time, until so many bytes are left.

    Returns:
        When each of them was used.
    """
    excess, keys, lost = _sum(database) - left, list[tuple[str]](), list[float]()
    with closing(database.execute("SELECT key, size, used FROM answers ORDER BY used")) as oldest:
        for key, size, used in oldest:
            if excess <= 0:
                break
            excess -= size
            lost.append(used)
            keys.append((key,))
    database.executemany("DELETE FROM answers WHERE key = ?", keys)
    return lost


def _sum(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT bytes FROM sums").fetchone()[0])


def delete_all(database: sqlite3.Connection) -> None:
    """Delete all answers, and free the disk."""
    with _transaction(database):
        database.execute("DELETE FROM answers")
    database.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")


def count(database: sqlite3.Connection) -> Kept:
    """Return how much is kept."""
    number = database.execute("SELECT COUNT(*) FROM answers").fetchone()[0]
    return Kept(int(number), _sum(database))
