"""The store of an evaluation: an SQLite file with a table for each variant and each judge."""

import json
import os
import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.evaluation.items import Item
from langgraph_parallel.scale.making import parts_of
from langgraph_parallel.scale.manifest import change
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Result, Spent
from langgraph_parallel.scale.sinks import stored_manifest
from langgraph_parallel.scale.sinks.base import Manifest
from langgraph_parallel.scale.sinks.sqlite import SqliteSink
from langgraph_parallel.scale.sinks.table import quoted

_ORDER = "evaluation_order"
_MANIFEST = "_manifest"
_ENDINGS = (".sqlite", ".sqlite3", ".db")
_OUTPUT = "output"
_AT_ONCE = 500


class AnswerSink(SqliteSink):
    """Rows whose output is one column of JSON, so that an answer is read back as exactly what it was."""

    async def write(self, results: Sequence[Result], manifest: Manifest) -> None:
        """Store results; see `Sink`."""
        packed = [
            replace(result, output={_OUTPUT: json.dumps(result.output)}) if result.output else result
            for result in results
        ]
        await super().write(packed, replace(manifest, columns=(_OUTPUT,)))


class Store:
    """Answers and judgements of an evaluation, and the order of its items.

    Args:
        path: of the file; None for one that is removed at the end.

    Raises:
        UsageError: it cannot be a file of SQLite.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="evaluation-") if path is None else None
        self.path = Path(self._folder.name, "rows.sqlite") if self._folder else Path(path or "")
        if self.path.suffix.lower() not in _ENDINGS:
            raise UsageError(f"store is {str(path)!r}; expected a file that ends in {', '.join(_ENDINGS)}")
        if not self.path.absolute().parent.is_dir():
            raise UsageError(f"store {self.path}: there is no folder {self.path.parent}; make it first")

    def sink(self, table: str) -> AnswerSink:
        """Return the sink of a table, not open."""
        return AnswerSink(self.path, table)

    def ordered(self, items: Sequence[Item], shuffled: Sequence[Item]) -> list[Item]:
        """Return items in the order in which they were asked before, then the others as they are shuffled.

        The order is stored: an interval that holds at every moment needs one that no answer has changed.

        Args:
            items: of the dataset.
            shuffled: the same.

        Raises:
            UsageError: the file is not one of an evaluation.
        """
        by_key = {item.key: item for item in items}
        with self._database() as database, database:
            database.execute(
                f"CREATE TABLE IF NOT EXISTS {_ORDER} (place INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL)"
            )
            named = [key for (key,) in database.execute(f"SELECT key FROM {_ORDER} ORDER BY place")]  # noqa: S608
            known = set(named)
            new = [item.key for item in shuffled if item.key not in known]
            insert = f"INSERT INTO {_ORDER} (key) VALUES (?)"  # noqa: S608
            database.executemany(insert, [(key,) for key in new])
        return [by_key[key] for key in [*named, *new] if key in by_key]

    def rows(self, table: str, keys: Collection[str]) -> dict[str, Result]:
        """Return the rows of a table by key."""
        found: dict[str, Result] = {}
        listed = list(keys)
        with self._database() as database:
            if not _exists(database, table):
                return found
            names = {row[1] for row in database.execute(f"PRAGMA table_info({quoted(table)})")}
            output = _OUTPUT if _OUTPUT in names else "NULL"
            for start in range(0, len(listed), _AT_ONCE):
                some = listed[start : start + _AT_ONCE]
                query = (
                    f"SELECT key, status, {output}, error, calls, input_tokens, output_tokens, usd, seconds "  # noqa: S608
                    f"FROM {quoted(table)} WHERE key IN ({', '.join('?' * len(some))})"
                )
                for row in database.execute(query, some):
                    found[row[0]] = _result(row)
        return found

    def spent(self) -> dict[str, Spent]:
        """Return what each table has cost so far, calls that were in flight at a kill included."""
        return {name: _spent(manifest) for name, manifest in self._manifests().items()}

    def check(self, programs: Mapping[str, Program]) -> None:
        """Check that the answers that are there were made with the same programs.

        Args:
            programs: by the names of their tables.

        Raises:
            UsageError: some were not; says what differs.
        """
        stored = self._manifests()
        changes = {
            table: change(stored[table], parts_of(program))
            for table, program in programs.items()
            if table in stored
        }
        if said := [f"{table}: {found}" for table, found in changes.items() if found]:
            raise UsageError(
                f"store {self.path} was made with something else: {'; '.join(said)}. Name another store, or "
                "go on with what made it; a variant with another name is asked anew"
            )

    def _manifests(self) -> dict[str, Manifest]:
        with self._database() as database:
            tables = [
                name
                for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
                if name.endswith(_MANIFEST)
            ]
            latest = {name: database.execute(stored_manifest.LATEST.format(quoted(name))) for name in tables}
            rows = {name: cursor.fetchone() for name, cursor in latest.items()}
        return {
            name.removesuffix(_MANIFEST): stored_manifest.from_row(row)[0]
            for name, row in rows.items()
            if row is not None
        }

    def close(self) -> None:
        """Remove the file, if it was made for this evaluation alone."""
        if self._folder is not None:
            self._folder.cleanup()

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=30.0)) as database:
                yield database
        except sqlite3.DatabaseError as error:
            raise UsageError(f"store {self.path} cannot be used: {error}") from error


def _exists(database: sqlite3.Connection, table: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return database.execute(query, (table,)).fetchone() is not None


def _result(row: Sequence[Any]) -> Result:
    key, status, output, error, calls, read, wrote, usd, seconds = row
    columns: Mapping[str, Any] = json.loads(output) if output else {}
    return Result(key, status, columns, error, Spent(calls, read, wrote, usd), seconds)


def _spent(manifest: Manifest) -> Spent:
    left = manifest.reserved
    return manifest.spent + Spent(left.calls, left.tokens, usd=left.usd)
