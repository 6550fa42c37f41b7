"""What files that only grow hold: keys, failures and the committed size, in a small SQLite file beside."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langgraph_parallel.scale.rows import Result, RowStatus
from langgraph_parallel.scale.sinks import stored_manifest
from langgraph_parallel.scale.sinks.base import Counts, Manifest
from langgraph_parallel.scale.sinks.table import failure
from langgraph_parallel.scale.sinks.values import key_text, stored_key

_OURS = 0x6C67706D
"""The number in the header of the file that says what it is (`application_id`)."""
_SCHEMA = (
    f"PRAGMA application_id = {_OURS}",
    "CREATE TABLE done (key TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID",
    "CREATE TABLE failed (key TEXT PRIMARY KEY NOT NULL, attempts INTEGER NOT NULL, row TEXT NOT NULL) "
    "WITHOUT ROWID",
    "CREATE TABLE facts (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID",
    f"CREATE TABLE manifest ({stored_manifest.DEFINITION})",
)
_AT_ONCE = 1000
"""Keys that are asked for, and failures that are read, in one query."""
_CACHE = 16 * 1024
"""KiB of pages in memory."""


class Journal:
    """The journal of one sink. Only its writer has it open.

    Args:
        path: of its file; None for one that ends with it.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.writes = 0
        self.facts: dict[str, Any] = {}
        """What the sink itself remembers, by name; stored with each commit."""
        self._database: sqlite3.Connection | None = None
        self._stored: dict[str, Any] = {}

    def open(self) -> Manifest | None:
        """Open or create it; return the manifest, None if there is none yet.

        Raises:
            sqlite3.Error: it cannot be opened, or is something else.
        """
        # SQLite gives the empty name a file of its own: a million keys take no memory.
        self._database = sqlite3.connect(self.path or "", isolation_level=None, check_same_thread=False)
        self._execute("PRAGMA journal_mode = WAL")
        # Its sizes are those of files that were synced before: it must not fall behind them.
        self._execute("PRAGMA synchronous = FULL")
        self._execute(f"PRAGMA cache_size = -{_CACHE}")
        with self._transaction():
            has_tables = self._execute("SELECT 1 FROM sqlite_master LIMIT 1")
            (kind,) = self._execute("PRAGMA application_id")[0]
            if kind != _OURS and (kind or has_tables):
                raise sqlite3.DatabaseError("it is a database of something else")
            if not has_tables:
                for statement in _SCHEMA:
                    self._execute(statement)
        self._stored = {name: json.loads(value) for name, value in self._execute("SELECT * FROM facts")}
        self.facts = dict(self._stored)
        rows = self._execute(stored_manifest.LATEST.format("manifest"))
        if not rows:
            return None
        if rows[0][-1] > stored_manifest.VERSION:
            raise sqlite3.DatabaseError("it was made by a newer version")
        manifest, self.writes = stored_manifest.from_row(rows[0])
        return manifest

    def stored(self, keys: Collection[str]) -> dict[str, RowStatus]:
        """Return the status of those keys that have a row."""
        found: dict[str, RowStatus] = dict.fromkeys(self.done(keys), "ok")
        found |= dict.fromkeys(self.attempts(keys), "failed")
        return found

    def done(self, keys: Collection[str]) -> set[str]:
        """Return those keys whose row is ok."""
        return {stored_key(key) for (key,) in self._find("SELECT key FROM done", keys)}

    def attempts(self, keys: Collection[str]) -> dict[str, int]:
        """Return the attempts of those keys whose row failed."""
        return {stored_key(key): n for key, n in self._find("SELECT key, attempts FROM failed", keys)}

    def commit(
        self,
        done: Sequence[str],
        failed: Mapping[str, tuple[int, Sequence[Any]]],
        manifest: Manifest,
        columns: Sequence[str],
        mended: Collection[str] = (),
    ) -> None:
        """Store, in one transaction, which rows are ok and failed, the facts and the manifest.

        Args:
            done: keys of rows that are ok, and were not before.
            failed: for each key, its attempts and the values of `LAST`.
            manifest: the one in force.
            columns: of the output.
            mended: those keys of `done` whose row failed before.
        """
        with self._transaction() as database:
            keys = [(key_text(key),) for key in done]
            database.executemany("INSERT INTO done VALUES (?)", keys)
            database.executemany("DELETE FROM failed WHERE key = ?", [(key_text(key),) for key in mended])
            rows = [(key_text(key), attempts, json.dumps(row)) for key, (attempts, row) in failed.items()]
            database.executemany("INSERT OR REPLACE INTO failed VALUES (?, ?, ?)", rows)
            record = stored_manifest.as_row(manifest, columns, self.writes + 1)
            self._execute(f"INSERT INTO manifest {stored_manifest.UPSERT.format('?')}", record)
            self._store_facts()
        self.writes += 1

    def note(self) -> None:
        """Store the facts alone."""
        with self._transaction():
            self._store_facts()

    def counts(self) -> Counts:
        """Return the number of rows."""
        ok, failed = (self._execute(f"SELECT count(*) FROM {name}")[0][0] for name in ("done", "failed"))  # noqa: S608
        return Counts(ok, failed)

    def failures_after(self, key: str | None) -> list[Result]:
        """Return the next rows that failed, in the order of their keys; None for the first ones."""
        after = "" if key is None else "WHERE key > ?"
        query = f"SELECT key, row FROM failed {after} ORDER BY key LIMIT {_AT_ONCE}"  # noqa: S608
        rows = self._execute(query, () if key is None else (key_text(key),))
        return [failure(stored_key(key), json.loads(row)) for key, row in rows]

    def failed_rows(self) -> Iterator[tuple[str, list[Any]]]:
        """Iterate over keys and values of `LAST` of the rows that failed."""
        assert self._database is not None
        for key, row in self._database.execute("SELECT key, row FROM failed ORDER BY key"):
            yield stored_key(key), json.loads(row)

    def close(self) -> None:
        """Close it; nothing if it is not open."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _store_facts(self) -> None:
        changed = [
            (name, json.dumps(value))
            for name, value in self.facts.items()
            if self._stored.get(name, self) != value
        ]
        assert self._database is not None
        self._database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", changed)
        self._stored = json.loads(json.dumps(self.facts))

    def _find(self, query: str, keys: Collection[str]) -> Iterator[Any]:
        texts = [key_text(key) for key in keys]
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            yield from self._execute(f"{query} WHERE key IN ({', '.join('?' * len(some))})", some)

    def _execute(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        assert self._database is not None, "the sink is not open"
        return self._database.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._execute("BEGIN IMMEDIATE")
        assert self._database is not None
        with self._database:  # commits, or rolls back
            yield self._database
