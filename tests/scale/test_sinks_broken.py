"""Sinks whose disk is full, whose files were changed, whose server is restarted."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.sinks.base import Counts
from langgraph_parallel.scale.sinks.choose import as_sink
from langgraph_parallel.scale.sinks.parquet import ParquetSink
from tests.scale.sinks import FILES, KINDS, MANIFEST, failed, names_in, new_address, ok, rows_of
from tests.support.databases import POSTGRES
from tests.support.forked import in_fork


async def fill(address: str, stored: list[str]) -> None:
    """Write until there is no room, and close; note what was stored."""
    sink = as_sink(address)
    await sink.open()
    for number in range(1000):
        try:
            await sink.write([ok(str(number), os.urandom(4000).hex())], MANIFEST)
        except UsageError as error:
            assert str(error).startswith(f"cannot write to {address}: ")  # noqa: PT017
            break
        stored.append(str(number))
    for _ in range(2):
        with pytest.raises(
            UsageError, match=r"cannot write to .*; what was stored stays, and the same command"
        ):
            await sink.write([ok("large", "x" * 1_000_000)], MANIFEST)
    with contextlib.suppress(UsageError):
        await sink.close()


async def go_on(address: str, stored: list[str]) -> None:
    """Find what was stored, and no more; write the rest."""
    sink = as_sink(address)
    await sink.open()
    assert await sink.stored([*stored, "large", str(len(stored))]) == dict.fromkeys(stored, "ok")
    await sink.write([ok("large")], MANIFEST)
    await sink.close()


@pytest.mark.parametrize("kind", FILES)
def test_a_full_disk_ends_a_run_and_loses_nothing(kind: str, tmp_path: Path) -> None:
    """It is said, what was stored stays, and the same command goes on once there is room."""
    address, told = new_address(kind, tmp_path), tmp_path / "told"

    def without_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        stored: list[str] = []
        asyncio.run(fill(address, stored))
        told.write_text(json.dumps(stored))

    assert in_fork(without_room).wait() == 0
    stored = json.loads(told.read_text())
    assert len(stored) > 10
    asyncio.run(go_on(address, stored))
    assert set(rows_of(address)) == {*stored, "large"}


async def filled(address: str) -> None:
    """A sink with two rows."""
    sink = as_sink(address)
    await sink.open()
    await sink.write([ok("1"), failed("2")], MANIFEST)
    await sink.close()


async def test_lines_that_somebody_has_added_are_not_cut(tmp_path: Path) -> None:
    """A file that was changed after the run is refused, and stays as it is."""
    path = tmp_path / "out.jsonl"
    await filled(str(path))
    with path.open("a") as file:
        file.write('{"mine": 1}\n')
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(UsageError, match=r"was changed: it has \d+ bytes instead of \d+ .* begin anew"):
            await as_sink(path).open()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("kind", "take"),
    [
        ("jsonl", lambda path: path.unlink()),
        ("jsonl", lambda path: path.write_bytes(path.read_bytes()[:-5])),
        ("parquet", lambda path: next(path.iterdir()).unlink()),
    ],
    ids=["file", "end of the file", "part"],
)
async def test_rows_that_somebody_has_taken_away_are_missed(
    kind: str, take: Callable[[Path], object], tmp_path: Path
) -> None:
    """The journal would say that they are there."""
    path = tmp_path / f"out.{kind}"
    await filled(str(path))
    take(path)
    with pytest.raises(UsageError, match=r"(is gone|was changed).* since .*begin anew"):
        await as_sink(path).open()


async def test_a_file_without_its_state_is_not_ours(tmp_path: Path) -> None:
    """Nothing tells which keys it has."""
    path = tmp_path / "out.jsonl"
    await filled(str(path))
    (tmp_path / "out.jsonl.state").unlink()
    with pytest.raises(UsageError, match="no map has made it"):
        await as_sink(path).open()


@pytest.mark.parametrize(
    "content", [b"not a database, but a text of some length", b"foreign"], ids=["text", "db"]
)
@pytest.mark.parametrize("name", ["out.sqlite", "out.jsonl.state"])
async def test_databases_of_something_else_are_refused(name: str, content: bytes, tmp_path: Path) -> None:
    """In place of the sink, or of its journal."""
    file = tmp_path / name
    if content == b"foreign":
        with sqlite3.connect(file) as database:
            database.execute("CREATE TABLE rows_manifest (mine TEXT)")
        database.close()
    else:
        file.write_bytes(content * 100)
    before = file.read_bytes()
    with pytest.raises(UsageError, match=r"^cannot open|left as it is"):
        await as_sink(tmp_path / name.removesuffix(".state")).open()
    assert content == b"foreign" or file.read_bytes() == before


async def test_a_text_in_place_of_a_database_is_told_so(tmp_path: Path) -> None:
    """With what to do, and again in a second try."""
    (tmp_path / "out.sqlite").write_text("key,status\n" * 100)
    sink = as_sink(tmp_path / "out.sqlite")
    for _ in range(2):
        with pytest.raises(UsageError, match=r"out.sqlite is not an SQLite database, .*; name another file"):
            await sink.open()


async def test_sqlite_keeps_other_tables_and_takes_several_of_ours(tmp_path: Path) -> None:
    """Names of tables may have quotes; each has its rows, its failures and its manifest."""
    file = tmp_path / "all.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE mine (a)")
    database.close()
    for table in ("rows", 'a "b"; --', "Größe"):
        sink = as_sink(f"{file}?table={table.replace(';', '%3B')}")
        assert await sink.open() is None
        await sink.write([ok("1"), failed("2")], MANIFEST)
        await sink.close()
    with sqlite3.connect(file) as database:
        names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type != 'index'")}
        assert database.execute('SELECT key, error FROM "a ""b""; --_failed"').fetchall() == [
            ("2", "it broke")
        ]
        assert database.execute(
            "SELECT calls, usd, reserved_calls, reserved_tokens, reserved_usd FROM rows_manifest"
        ).fetchone() == (
            3,
            0.25,
            2,
            40,
            0.5,
        )
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    database.close()
    assert names >= {"mine", "rows", "rows_failed", "rows_manifest", "Größe", 'a "b"; --'}
    assert names_in(tmp_path) == ["all.db"]


async def test_sqlite_is_read_by_others_while_it_is_written(tmp_path: Path) -> None:
    """A reader in a transaction neither waits nor makes the writer wait."""
    address = str(tmp_path / "out.sqlite")
    sink = as_sink(address)
    await sink.open()
    await sink.write([ok("1")], MANIFEST)
    reader = sqlite3.connect(address, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM rows").fetchone() == (1,)
    await sink.write([ok("2")], MANIFEST)
    assert reader.execute("SELECT count(*) FROM rows").fetchone() == (1,)
    await sink.close()
    reader.close()
    assert set(rows_of(address)) == {"1", "2"}


async def test_parquet_parts_with_other_columns_and_types_are_read_as_one(tmp_path: Path) -> None:
    """By pyarrow, in a union of the columns; values of several types are texts."""
    path = tmp_path / "out"
    sink = ParquetSink(path, part_rows=1)
    await sink.open()
    for number, label in enumerate([None, 1, 2**60, "text", [1], 0.5]):
        await sink.write([ok(str(number), label, **{f"c{number}": number, "score": number / 2})], MANIFEST)
    await sink.close()
    from pyarrow import dataset

    table = dataset.dataset(path, format="parquet").to_table().sort_by("key")
    assert table["label"].to_pylist() == [None, "1", str(2**60), "text", "[1]", "0.5"]
    assert table["score"].to_pylist() == [0, 0.5, 1, 1.5, 2, 2.5]
    assert table["c3"].to_pylist() == [None, None, None, 3, None, None]
    assert [name[:10] for name in names_in(path)] == [f"part-{number:05d}" for number in range(7)]
    assert "out.state" in names_in(tmp_path)


async def test_parquet_parts_have_the_rows_that_they_should(tmp_path: Path) -> None:
    """By number, or by bytes; none is written again, and a foreign file in the folder stays."""
    path = tmp_path / "out.parquet"
    for part_rows, part_bytes in ((10, 10**9), (10**9, 5_000)):
        sink = ParquetSink(path, part_rows=part_rows, part_bytes=part_bytes)
        await sink.open()
        before = {file: file.stat().st_mtime_ns for file in path.iterdir()}
        for number in range(35):
            await sink.write([ok(f"{part_rows} {number}", "x" * 500)], MANIFEST)
        await sink.close()
        assert {file: file.stat().st_mtime_ns for file in before} == before
        assert len(list(path.iterdir())) - len(before) == 4 if part_rows == 10 else 3
    assert len(rows_of(str(path))) == 70


async def broken(address: str) -> None:
    """End all connections of sinks to the server, as a restart does."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(POSTGRES, autocommit=True) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s",
            (f"langgraph-parallel process {os.getpid()} %",),
        )


@pytest.mark.parametrize("kind", [KINDS[-1]])
async def test_a_connection_that_breaks_is_opened_again(kind: str, tmp_path: Path) -> None:
    """Between two writes, before a look-up, and while failures are read; attempts are counted once."""
    address = new_address(kind, tmp_path)
    sink = as_sink(address)
    await sink.open()
    await sink.write([failed("1")], MANIFEST)
    await broken(address)
    await sink.write([failed("1"), ok("2")], MANIFEST)
    await broken(address)
    assert await sink.stored(["1", "2"]) == {"1": "failed", "2": "ok"}
    await sink.write([ok("3", new=1)], MANIFEST)
    async for row in sink.failures():
        assert row.attempts == 2
        await broken(address)
    assert await sink.counts() == Counts(2, 1)
    await sink.close()


@pytest.mark.parametrize("kind", [KINDS[-1]])
async def test_a_write_that_was_committed_when_the_connection_broke_is_not_repeated(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its answer was lost, or it never came to be."""
    from psycopg import AsyncConnection, OperationalError

    address = new_address(kind, tmp_path)
    sink = as_sink(address)
    await sink.open()
    await sink.write([failed("1")], MANIFEST)
    transaction = AsyncConnection.transaction
    when: list[str] = []

    def lossy(connection: AsyncConnection[object]) -> object:
        inner = transaction(connection)

        class Lossy:
            async def __aenter__(self) -> None:
                await inner.__aenter__()

            async def __aexit__(self, *error: object) -> object:
                moment = when.pop() if when else ""
                if moment == "before":
                    await broken(address)
                result = await inner.__aexit__(*error)  # type: ignore[arg-type]
                if moment == "after":
                    await connection.close()
                    raise OperationalError("the answer is lost")
                return result

        return Lossy()

    monkeypatch.setattr(AsyncConnection, "transaction", lossy)
    for moment in ("before", "after"):
        when.append(moment)
        await sink.write([failed("1"), ok(moment)], replace(MANIFEST, columns=["label"]))
        assert not when
    await sink.close()
    rows = rows_of(address)
    assert set(rows) == {"1", "before", "after"}
    assert rows["1"]["attempts"] == 3


@pytest.mark.parametrize("kind", [KINDS[-1]])
async def test_tables_of_postgres_that_are_not_ours_are_left_as_they_are(kind: str, tmp_path: Path) -> None:
    """And names that cannot be tables, schemas that are missing, servers that are not there."""
    import psycopg

    address = new_address(kind, tmp_path)
    table = address.rpartition("=")[2]
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {table} (mine text)".encode())
    for _ in range(2):
        with pytest.raises(UsageError, match=f"'{table}' is there, and no map has made it"):
            await as_sink(address).open()
    with pytest.raises(UsageError, match="there is no schema 'missing'"):
        await as_sink(f"{POSTGRES}?table=missing.{table}").open()
    with pytest.raises(UsageError, match="cannot be the name of a table"):
        as_sink(f"{POSTGRES}?table={'x' * 60}")


async def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    """At once: it was never there."""
    pytest.importorskip("psycopg")
    sink = as_sink("postgresql://me:secret@127.0.0.1:9/labels?table=a&connect_timeout=2")
    assert sink.name == "postgresql://me@127.0.0.1:9/labels, table a"
    with pytest.raises(
        UsageError, match=r"cannot open postgresql://me@127.0.0.1:9/labels, table a: "
    ) as raised:
        await sink.open()
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.csv", r"'out.csv' is not a sink; name one of NAME.sqlite"),
        ("out", "is not a sink"),
        ("", "is not a sink"),
        ("/", "'/' is not a sink"),
        ("sqlite:///out.db", r"'sqlite://...' is not a sink"),
        ("mysql://u:hunter2@host/db", r"'mysql://...' is not a sink"),
        ("out.jsonl?table=a", "sinks in SQLite and PostgreSQL have tables, and files have none"),
        ("out.sqlite?tabel=x", r"only \?table=NAME may follow"),
        ("out.sqlite?table=sqlite_x", "'sqlite_x' cannot be the name of a table"),
        ("postgresql://[?table=x", "the address of a sink in PostgreSQL is not valid"),
    ],
)
def test_names_that_are_no_sink_are_refused(name: str, message: str) -> None:
    """With the choices."""
    with pytest.raises(UsageError, match=message):
        as_sink(name)
