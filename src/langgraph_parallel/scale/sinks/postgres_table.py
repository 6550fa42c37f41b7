"""The table of a sink in PostgreSQL. Needs psycopg, from the extra `postgres`."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from psycopg import errors, sql

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.rows import Result, RowStatus
from langgraph_parallel.scale.sinks import stored_manifest
from langgraph_parallel.scale.sinks.base import Counts, Manifest
from langgraph_parallel.scale.sinks.kinds import Kind, as_kind, kind_of_all
from langgraph_parallel.scale.sinks.naming import NameRules
from langgraph_parallel.scale.sinks.postgres_session import Connection
from langgraph_parallel.scale.sinks.table import (
    FAILURE,
    FIRST,
    LAST,
    failure,
    last_values,
    made_with,
    new_columns,
    now,
)
from langgraph_parallel.scale.sinks.values import Texts, key_text, stored_key

_TYPES = {
    "key": 'text COLLATE "C" PRIMARY KEY',
    "status": "text NOT NULL",
    "error": "text NOT NULL",
    "attempts": "bigint NOT NULL",
    "calls": "bigint NOT NULL",
    "input_tokens": "bigint NOT NULL",
    "output_tokens": "bigint NOT NULL",
    "usd": "double precision",
    "seconds": "double precision NOT NULL",
    "worker": "text NOT NULL",
    "written": "timestamptz NOT NULL",
    "made_with": "text NOT NULL",
}
"""Of our columns. Keys are compared by their bytes."""
_BY_KIND: dict[Kind, str] = {
    "null": "text",
    "bool": "boolean",
    "int": "bigint",
    "big": "bigint",
    "float": "double precision",
    "json": "jsonb",
    "text": "text",
}
_NAME_BYTES = 63
RULES = NameRules(1500, longest=_NAME_BYTES)
"""PostgreSQL takes 1,600 columns in a table."""
_AT_ONCE = 1000
"""Failures that are read in one query."""
_LOCK_SECONDS = 60
"""To wait for those who read the table, where a column of it is added or gets another type."""


class Table:
    """The table, its view of failures, and its manifest.

    Args:
        schema: of the table; empty for the first one of the search path.
        table: its name.
        sink: name of the sink, for errors.
    """

    def __init__(self, schema: str, table: str, sink: str) -> None:
        longest = _NAME_BYTES - len("_by_failure")
        if not table or "\0" in table or len(table.encode(errors="replace")) > longest:
            raise UsageError(f"{table[:80]!r} cannot be the name of a table: 1 to {longest} bytes can")
        self._sink, self._schema = sink, schema
        self._bare = (table, f"{table}_failed", f"{table}_manifest")
        self._table, self._view, self._manifest = (
            sql.Identifier(*([schema] if schema else []), name) for name in self._bare
        )
        self._index = sql.Identifier(f"{table}_by_failure")
        self._new = sql.Identifier("pg_temp", "langgraph_parallel_new")
        self._known: Connection | None = None
        """The connection on which the last write was committed."""
        self._new_on: Connection | None = None
        """That which has the temporary table, with the present columns."""
        self._kinds: dict[str, Kind] = {}
        self._writes = 0
        self._text = Texts(nul=False)

    @property
    def lock_name(self) -> str:
        """What the lock of the one writer is named by."""
        return f"langgraph-parallel {self._schema}.{self._bare[0]}"

    @property
    def remarks(self) -> Sequence[str]:
        """See `Sink`."""
        return self._text.remarks

    async def open(self, connection: Connection) -> Manifest | None:
        """Return the manifest; None if there is no table yet.

        Raises:
            UsageError: there is one of somebody else, or none can be made.
        """
        there = [name for name in self._bare if await self._is_there(connection, name)]
        if not there:
            await self._check_schema(connection)
            return None
        if there != list(self._bare):
            raise self._foreign(there[0])
        try:
            async with connection.transaction():
                query = sql.SQL(stored_manifest.LATEST).format(self._manifest)
                row = await (await connection.execute(query)).fetchone()
        except errors.UndefinedColumn:
            raise self._foreign(self._bare[2]) from None
        if row is None:
            raise self._foreign(self._bare[2])
        if row[-1] > stored_manifest.VERSION:
            raise UsageError(f"{self._sink} was made by a newer version; update, or name another table")
        manifest, self._writes = stored_manifest.from_row(row)
        self._kinds = json.loads(row[list(stored_manifest.COLUMNS).index("columns")])
        return manifest

    def _foreign(self, name: str) -> UsageError:
        return UsageError(
            f"{self._sink}: {name!r} is there, and no map has made it; it is left as it is: "
            "name another table with ?table=NAME"
        )

    async def _is_there(self, connection: Connection, name: str) -> bool:
        identifier = sql.Identifier(*([self._schema] if self._schema else []), name).as_string(connection)
        row = await (await connection.execute("SELECT to_regclass(%s) IS NOT NULL", (identifier,))).fetchone()
        return bool(row and row[0])

    async def _check_schema(self, connection: Connection) -> None:
        query = "SELECT has_schema_privilege(coalesce(nullif(%s, ''), current_schema()), 'CREATE')"
        try:
            row = await (await connection.execute(query, (self._schema,))).fetchone()
        except errors.InvalidSchemaName:
            raise UsageError(f"{self._sink}: there is no schema {self._schema!r}; make it first") from None
        if not row or not row[0]:
            raise UsageError(
                f"{self._sink}: this user may not make tables there; name another schema or user"
            )

    async def stored(self, connection: Connection, keys: Collection[str]) -> Mapping[str, RowStatus]:
        """Return the status of those keys that have a row."""
        if not self._writes:
            return {}
        query = sql.SQL("SELECT key, status FROM {} WHERE key = ANY(%s)").format(self._table)
        texts = [key_text(key, nul=False) for key in keys]
        rows = await (await connection.execute(query, (texts,))).fetchall()
        return {stored_key(key): status for key, status in rows}

    async def write(self, connection: Connection, results: Sequence[Result], manifest: Manifest) -> None:
        """Store results and the manifest, unless that was done when the connection broke."""
        names = new_columns(results, self._kinds.keys())
        if not self._writes:
            names = list(dict.fromkeys([*manifest.columns, *names]))
        RULES.check(names, self._kinds)
        kinds = self._united(results, names)
        if connection is self._known or not await self._is_stored(connection):
            async with connection.transaction():
                await self._store(connection, results, kinds, manifest)
            self._new_on = connection if results else self._new_on
        self._known, self._kinds, self._writes = connection, kinds, self._writes + 1

    def _united(self, results: Sequence[Result], names: Sequence[str]) -> dict[str, Kind]:
        """Return the kinds of all output columns once they have these results, too."""
        known = self._kinds | dict.fromkeys(names, "null")
        outputs = [result.output for result in results]
        return {
            name: kind_of_all([output[name] for output in outputs if name in output], kind)
            for name, kind in known.items()
        }

    async def _is_stored(self, connection: Connection) -> bool:
        """Return whether this write was committed on another connection: its number is in the manifest."""
        if not await self._is_there(connection, self._bare[2]):
            return False
        query = sql.SQL("SELECT max(writes) FROM {}").format(self._manifest)
        row = await (await connection.execute(query)).fetchone()
        return bool(row and row[0] and row[0] > self._writes)

    async def _store(
        self, connection: Connection, results: Sequence[Result], kinds: Mapping[str, Kind], manifest: Manifest
    ) -> None:
        types = {name: _BY_KIND[kind] for name, kind in kinds.items()}
        before = {name: _BY_KIND[kind] for name, kind in self._kinds.items()}
        if not self._writes:
            await self._create(connection, types)
        elif types != before:
            await self._alter(connection, before, types)
        if results:
            if self._new_on is not connection or types != before:
                await self._make_new(connection)
            await self._upsert(connection, results, kinds, made_with(manifest.fingerprint))
        record = stored_manifest.as_row(manifest, kinds, self._writes + 1)
        upsert = sql.SQL(f"INSERT INTO {{}} {stored_manifest.UPSERT.format('%s')}").format(self._manifest)
        await connection.execute(upsert, record)

    async def _create(self, connection: Connection, types: Mapping[str, str]) -> None:
        columns: list[sql.Composable] = [sql.SQL(f"{name} {_TYPES[name]}") for name in FIRST]
        columns += [sql.SQL("{} ").format(sql.Identifier(name)) + sql.SQL(types[name]) for name in types]
        columns += [sql.SQL(f"{name} {_TYPES[name]}") for name in LAST]
        parts = {
            "table": self._table,
            "index": self._index,
            "view": self._view,
            "manifest": self._manifest,
            "columns": sql.SQL(", ").join(columns),
            "failure": sql.SQL(", ".join(FAILURE)),
            "definition": sql.SQL(stored_manifest.DEFINITION),
        }
        for statement in (
            "CREATE TABLE {table} ({columns})",
            "CREATE INDEX {index} ON {table} (key) WHERE status = 'failed'",
            "CREATE VIEW {view} AS SELECT {failure} FROM {table} WHERE status = 'failed'",
            "CREATE TABLE {manifest} ({definition})",
        ):
            await connection.execute(sql.SQL(statement).format(**parts))

    async def _alter(
        self, connection: Connection, before: Mapping[str, str], types: Mapping[str, str]
    ) -> None:
        """Add columns, and give others the type that holds all values; that writes the whole table again."""
        await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        for name, kind in types.items():
            column, type_ = sql.Identifier(name), sql.SQL(kind)
            if name not in before:
                statement = sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(self._table, column, type_)
            elif before[name] != kind:
                is_empty = self._kinds[name] == "null"
                value = (
                    sql.SQL("NULL::{}").format(type_) if is_empty else sql.SQL("{}::{}").format(column, type_)
                )
                statement = sql.SQL("ALTER TABLE {} ALTER COLUMN {} TYPE {} USING {}").format(
                    self._table, column, type_, value
                )
            else:
                continue
            await connection.execute(statement)

    async def _make_new(self, connection: Connection) -> None:
        """Make the temporary table that results are copied to."""
        await connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(self._new))
        statement = sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {}) ON COMMIT DELETE ROWS")
        await connection.execute(statement.format(self._new, self._table))

    async def _upsert(
        self, connection: Connection, results: Sequence[Result], kinds: Mapping[str, Kind], program: str
    ) -> None:
        names = [sql.Identifier(name) for name in (*FIRST, *kinds, *LAST)]
        parts = {"new": self._new, "table": self._table, "columns": sql.SQL(", ").join(names)}
        async with connection.cursor() as cursor:
            async with cursor.copy(sql.SQL("COPY {new} ({columns}) FROM STDIN").format(**parts)) as copy:
                for row in self._rows(results, kinds, program):
                    await copy.write_row(row)
            changed = [sql.Identifier(name) for name in (*FIRST[1:], *kinds, *LAST) if name != "attempts"]
            changes = [sql.SQL("{0} = excluded.{0}").format(name) for name in changed]
            statement = sql.SQL(
                "INSERT INTO {table} AS stored ({columns}) SELECT {columns} FROM {new} "
                "ON CONFLICT (key) DO UPDATE SET attempts = stored.attempts + excluded.attempts, {changes} "
                "WHERE stored.status = 'failed'"
            )
            await cursor.execute(statement.format(changes=sql.SQL(", ").join(changes), **parts))

    def _rows(
        self, results: Sequence[Result], kinds: Mapping[str, Kind], program: str
    ) -> Iterator[tuple[Any, ...]]:
        text, written = self._text, now()
        for result in results:
            output = result.output
            values = [as_kind(output.get(name), kind, nul=False) for name, kind in kinds.items()]
            values = [text(value) if type(value) is str else value for value in values]
            key = key_text(result.key, nul=False)
            yield (key, result.status, *values, *last_values(result, text, written, program))

    async def counts(self, connection: Connection) -> Counts:
        """Return the number of rows."""
        if not self._writes:
            return Counts()
        query = sql.SQL("SELECT count(*), count(*) FILTER (WHERE status = 'failed') FROM {}")
        row = await (await connection.execute(query.format(self._table))).fetchone()
        assert row is not None
        return Counts(row[0] - row[1], row[1])

    async def failures_after(self, connection: Connection, key: str | None) -> Sequence[Result]:
        """Return the next rows that failed, in the order of their keys; None for the first ones."""
        if not self._writes:
            return []
        query = sql.SQL(
            "SELECT {} FROM {} WHERE status = 'failed' AND (%(key)s::text IS NULL OR key > %(key)s) "
            "ORDER BY key LIMIT {}"
        ).format(sql.SQL(", ".join(FAILURE)), self._table, _AT_ONCE)
        after = None if key is None else key_text(key, nul=False)
        rows = await (await connection.execute(query, {"key": after})).fetchall()
        return [failure(stored_key(row[0]), row[1:]) for row in rows]
