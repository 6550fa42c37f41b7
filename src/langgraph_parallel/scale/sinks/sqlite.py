"""Rows in a table of an SQLite file."""

import sqlite3
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.report.wording import visible
from langgraph_parallel.scale.rows import Result, RowStatus
from langgraph_parallel.scale.sinks import stored_manifest
from langgraph_parallel.scale.sinks.base import Counts, Manifest
from langgraph_parallel.scale.sinks.blocking import BlockingSink, explained
from langgraph_parallel.scale.sinks.naming import NameRules
from langgraph_parallel.scale.sinks.sqlite_mode import mode_of, unless_in_use
from langgraph_parallel.scale.sinks.table import (
    FAILURE,
    FIRST,
    LAST,
    failure,
    last_values,
    made_with,
    new_columns,
    now_text,
    once_each,
    quoted,
)
from langgraph_parallel.scale.sinks.values import LARGEST, Texts, digits, json_text, key_text, stored_key
from langgraph_parallel.scale.sinks.writer_lock import WriterLock, real_path

TABLE = "rows"
"""Name of the table, unless another is given."""
_TYPES = {
    "key": "TEXT PRIMARY KEY NOT NULL",
    "status": "TEXT NOT NULL",
    "error": "TEXT NOT NULL",
    "attempts": "INTEGER NOT NULL",
    "calls": "INTEGER NOT NULL",
    "input_tokens": "INTEGER NOT NULL",
    "output_tokens": "INTEGER NOT NULL",
    "usd": "REAL",
    "seconds": "REAL NOT NULL",
    "worker": "TEXT NOT NULL",
    "written": "TEXT NOT NULL",
    "made_with": "TEXT NOT NULL",
}
"""Of our columns. Those of the output have none: each value keeps its own."""
_RULES = NameRules(1900)
"""SQLite takes 2,000 columns in a table."""
_AT_ONCE = 1000
"""Keys that are asked for, and failures that are read, in one query."""
_PATIENCE = 30.0
"""Seconds to wait for others that write to other tables of the file."""
_CACHE = 16 * 1024
"""KiB of pages in memory: keys in any order change pages all over the index."""


class SqliteSink(BlockingSink):
    """Rows in a table of an SQLite file, which others may read at the same time.

    A row that `write` has returned for outlives a kill and, as far as the disk keeps its promises, a power
    failure: each write is one transaction that ends with a sync of the log, which takes some milliseconds.

    Each column of the output is a column of the table. Texts, numbers and null are what they are, true and
    false are 1 and 0, lists and objects are JSON, integers beyond 64 bits and NaN are texts.

    Args:
        path: of the file; it is created, and may have other tables.
        table: name of the table. Beside it are `TABLE_failed`, a view of the rows that failed, and
            `TABLE_manifest`, which says what the rows were made with and what they have cost.
    """

    def __init__(self, path: str | Path, table: str = TABLE) -> None:
        super().__init__(_Table(Path(path), table))


class _Table:
    """The store of `SqliteSink`; see `Store`."""

    rules = _RULES

    def __init__(self, path: Path, table: str) -> None:
        if not table or "\0" in table or table.lower().startswith("sqlite_"):
            raise UsageError(f"{table!r} cannot be the name of a table; name another one")
        self.name = visible(str(path) if table == TABLE else f"{path}, table {table}")
        self._path = real_path(path)
        self._lock = WriterLock(self._path)
        self._bare = (table, f"{table}_failed", f"{table}_manifest", f"{table}_by_failure")
        self._table, self._view, self._manifest, self._index = map(quoted, self._bare)
        self._columns: dict[str, None] = {}
        self._writes = 0
        self._database: sqlite3.Connection | None = None
        self._mode = ""
        """How the file logged its changes before it was opened; empty while that is not known."""
        self._text = Texts()

    @property
    def remarks(self) -> Sequence[str]:
        return self._text.remarks

    def open(self) -> Manifest | None:
        with self._explained("open"):
            if not self._path.parent.is_dir():
                folder = self._path.parent
                raise UsageError(f"cannot open {self.name}: there is no folder {folder}; make it first")
            if self._path.exists() and not stat.S_ISREG(self._path.stat().st_mode):
                raise UsageError(f"cannot open {self.name}: it is not a file; name another one")
            self._lock.take()
            self._database = sqlite3.connect(
                self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._mode = mode_of(self._database, self._path)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute(f"PRAGMA cache_size = -{_CACHE}")
            with self._transaction():  # what cannot be written to is found before anything is paid for
                return self._stored_manifest()

    def _stored_manifest(self) -> Manifest | None:
        there = self._there()
        if not there:
            return None
        if missing := [name for name in self._bare[:3] if name.lower() not in there]:
            raise UsageError(
                f"{self._path} has {sorted(there.values())[0]!r}, which is not of a map (there is no "
                f"{missing[0]!r}), and is left as it is; name another table: {self._path.name}?table=NAME"
            )
        try:
            row = self._one(stored_manifest.LATEST.format(self._manifest))
        except sqlite3.OperationalError:
            raise UsageError(
                f"{self._path} has {self._bare[2]!r}, which is not of a map, and is left as it is; "
                f"name another table: {self._path.name}?table=NAME"
            ) from None
        if row is None:
            return None
        if row[-1] > stored_manifest.VERSION:
            raise UsageError(f"{self.name} was made by a newer version; update, or name another sink")
        manifest, self._writes = stored_manifest.from_row(row)
        self._columns = dict.fromkeys(self._output_columns())
        return manifest

    def _there(self) -> dict[str, str]:
        """Return the names of tables, views and indexes that are there, by their lower case."""
        marks = ", ".join("?" * len(self._bare))
        query = f"SELECT name FROM sqlite_master WHERE lower(name) IN ({marks})"  # noqa: S608
        found = self._execute(query, [name.lower() for name in self._bare])
        return {name.lower(): name for (name,) in found}

    def _output_columns(self) -> list[str]:
        names = [row[1] for row in self._execute(f"PRAGMA table_info({self._table})")]
        if missing := {*FIRST, *LAST} - set(names):
            raise UsageError(f"{self.name} lacks the column {sorted(missing)[0]!r}; name another table")
        return [name for name in names if name not in _TYPES]

    def stored(self, keys: Collection[str]) -> Mapping[str, RowStatus]:
        if not self._writes:
            return {}
        found: dict[str, RowStatus] = {}
        texts = iter(keys)
        with self._explained("read"):
            while some := [key_text(key) for key in islice(texts, _AT_ONCE)]:
                marks = ", ".join("?" * len(some))
                query = f"SELECT key, status FROM {self._table} WHERE key IN ({marks})"  # noqa: S608
                found.update((stored_key(key), status) for key, status in self._execute(query, some))
        return found

    def write(self, results: Sequence[Result], manifest: Manifest) -> None:
        results = once_each(results)
        names = new_columns(results, self._columns.keys())
        if not self._writes:
            names = list(dict.fromkeys([*manifest.columns, *names]))
        self.rules.check(names, self._columns)
        with self._explained("write to"), self._transaction():
            if not self._writes:
                self._create(names)
            else:
                for name in names:
                    self._execute(f"ALTER TABLE {self._table} ADD COLUMN {quoted(name)}")
            columns = [*self._columns, *names]
            if results:
                self._upsert(results, columns, made_with(manifest.fingerprint))
            record = stored_manifest.as_row(manifest, columns, self._writes + 1)
            self._execute(f"INSERT INTO {self._manifest} {stored_manifest.UPSERT.format('?')}", record)
        self._columns |= dict.fromkeys(names)
        self._writes += 1

    def _create(self, names: Sequence[str]) -> None:
        if there := self._there():  # made since this was opened
            raise UsageError(f"{self._path} has {sorted(there.values())[0]!r} by now; name another table")
        columns = [f"{name} {_TYPES[name]}" for name in FIRST]
        columns += map(quoted, names)
        columns += [f"{name} {_TYPES[name]}" for name in LAST]
        self._execute(f"CREATE TABLE {self._table} ({', '.join(columns)})")
        self._execute(f"CREATE INDEX {self._index} ON {self._table} (key) WHERE status = 'failed'")
        listed = ", ".join(FAILURE)
        self._execute(
            f"CREATE VIEW {self._view} AS SELECT {listed} FROM {self._table} WHERE status = 'failed'"  # noqa: S608
        )
        self._execute(f"CREATE TABLE {self._manifest} ({stored_manifest.DEFINITION})")

    def _upsert(self, results: Sequence[Result], columns: Sequence[str], program: str) -> None:
        names = [*FIRST, *map(quoted, columns), *LAST]
        changes = [f"{name} = excluded.{name}" for name in names if name not in ("key", "attempts")]
        marks = ", ".join("?" * len(names))
        statement = (
            f"INSERT INTO {self._table} AS stored ({', '.join(names)}) VALUES ({marks}) "  # noqa: S608
            f"ON CONFLICT (key) DO UPDATE SET attempts = stored.attempts + excluded.attempts, "
            f"{', '.join(changes)} WHERE stored.status = 'failed'"
        )
        written, text, value = now_text(), self._text, self._value
        rows = (
            (
                key_text(result.key),
                result.status,
                *[value(result.output.get(name)) for name in columns],
                *last_values(result, text, written, program),
            )
            for result in results
        )
        assert self._database is not None
        self._database.executemany(statement, rows)

    def _value(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return self._text(value)
        if value is None or kind is bool:
            return value
        if kind is float:
            return value if value == value else "NaN"  # SQLite would make null of it
        if kind is int:
            return value if abs(value) <= LARGEST else digits(value)
        return json_text(value)

    def counts(self) -> Counts:
        if not self._writes:
            return Counts()
        with self._explained("read"):
            total = self._one(f"SELECT count(*) FROM {self._table}")[0]  # noqa: S608
            failed = self._one(f"SELECT count(*) FROM {self._table} WHERE status = 'failed'")[0]  # noqa: S608
        return Counts(total - failed, failed)

    def failures_after(self, key: str | None) -> Sequence[Result]:
        if not self._writes:
            return []
        after = "" if key is None else "AND key > ?"
        query = (
            f"SELECT {', '.join(FAILURE)} FROM {self._table} WHERE status = 'failed' {after} "  # noqa: S608
            f"ORDER BY key LIMIT {_AT_ONCE}"
        )
        with self._explained("read"):
            rows = self._execute(query, () if key is None else (key_text(key),))
        return [failure(stored_key(row[0]), row[1:]) for row in rows]

    def close(self) -> None:
        try:
            if self._database is not None and self._mode:
                with self._explained("close"), unless_in_use():
                    self._execute(f"PRAGMA journal_mode = {self._mode}")
        finally:
            if self._database is not None:
                self._database.close()
            self._database, self._mode = None, ""
            self._lock.release()

    def _execute(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        assert self._database is not None, "the sink is not open"
        return self._database.execute(query, values).fetchall()

    def _one(self, query: str) -> Any:
        rows = self._execute(query)
        return rows[0] if rows else None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._execute("BEGIN IMMEDIATE")
        assert self._database is not None
        with self._database:  # commits, or rolls back
            yield

    def _explained(self, doing: str) -> AbstractContextManager[None]:
        return explained(doing, self.name)
