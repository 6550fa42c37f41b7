"""Checkpoint savers for benchmarks: SQLite in a folder of its own, PostgreSQL in a cluster of its own."""

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
"""In which PostgreSQL's saver keeps what it is given."""


@contextmanager
def postgres() -> Iterator[tuple[str | None, str]]:
    """Give a PostgreSQL server: its address, or None and why there is none.

    The server is the one that POSTGRES names, else a new cluster that is thrown away at the end.
    """
    if address := os.environ.get("POSTGRES"):
        yield address, ""
        return
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = str(programs[-1]) if programs else shutil.which("initdb")
    if found is None:
        yield None, "no initdb in /usr/lib/postgresql/*/bin or in PATH; install postgresql"
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield from _cluster(Path(found).parent, Path(folder))


def _cluster(programs: Path, folder: Path) -> Iterator[tuple[str | None, str]]:
    """Start a cluster in a folder, give its address, and stop it."""
    owner: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
        owner["user"] = "postgres"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data, options = str(folder / "data"), f"-p {port} -c listen_addresses=127.0.0.1 -k {folder}"

    def call(program: str, *arguments: str) -> None:
        command = [str(programs / program), "-D", data, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **owner)

    call("initdb", "-A", "trust", "-U", "postgres")
    call("pg_ctl", "-l", str(folder / "log"), "-w", "-o", options, "start")
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres", ""
    finally:
        call("pg_ctl", "-w", "-m", "immediate", "stop")


@asynccontextmanager
async def sqlite_saver(path: Path) -> AsyncIterator[Any]:
    """Open LangGraph's saver of SQLite on a file."""
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        yield saver


@asynccontextmanager
async def postgres_saver(address: str) -> AsyncIterator[Any]:
    """Open LangGraph's saver of PostgreSQL on a new database."""
    import psycopg
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    database = f"bench_{os.getpid()}_{time.time_ns()}"
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute(f"CREATE DATABASE {database}".encode())
    async with AsyncPostgresSaver.from_conn_string(f"{address.rpartition('/')[0]}/{database}") as saver:
        await saver.setup()
        yield saver


def sqlite_size(path: Path) -> int:
    """Return the bytes of a file that is closed, with all that its log still held."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.stat().st_size


async def postgres_size(saver: Any) -> int:
    """Return the bytes of the tables of a saver, with indexes and what is kept beside their rows."""
    size = 0
    for table in TABLES:
        cursor = await saver.conn.execute("SELECT pg_total_relation_size(%s::regclass) AS size", [table])
        size += (await cursor.fetchone())["size"]
    return size
