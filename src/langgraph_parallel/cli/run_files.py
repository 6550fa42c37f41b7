"""The files of runs: the checkpoints of each in a file of its own, so that deleting a run frees the disk."""

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from langgraph_parallel.cli.compressed import CompressedSerializer
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import record_types

_CHECKPOINTS = ".sqlite"
_RECORD = ".json"
_RUN = ".run.json"
_TABLES = ("checkpoints", "writes")
_ROWS = 100
"""Rows that are moved at once; one may hold all code of a review."""


class RunStoreError(UsageError):
    """What is kept of runs cannot be read or written."""


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Say what to do if runs cannot be kept in a folder.

    Raises:
        RunStoreError: the disk is full, or the folder cannot be written, for example.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        raise RunStoreError(
            f"cannot keep runs in {folder}: {problem}; use --no-keep, or set XDG_STATE_HOME"
        ) from error


def create_private(file: Path) -> None:
    """Create a file, if it is not there, that its owner alone can read, as it holds the code under review."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))


class RunFiles:
    """The files of runs in a folder: checkpoints of those that are not done, what each did, reports to keep.

    Args:
        folder: holds nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def checkpoints(self, id: str) -> Path:
        """Return the file of the checkpoints of a run."""
        return self._folder / f"{id}{_CHECKPOINTS}"

    def record(self, id: str) -> Path:
        """Return the file of the report of a run, which is kept if that is asked for."""
        return self._folder / f"{id}{_RECORD}"

    def run_record(self, id: str) -> Path:
        """Return the file of what a run did: its branches, calls and votes, without any text."""
        return self._folder / f"{id}{_RUN}"

    @contextlib.asynccontextmanager
    async def checkpointer(self, id: str) -> AsyncIterator[AsyncSqliteSaver]:
        """Open the checkpointer of a run. It loads records of this package and no other types.

        Raises:
            RunStoreError: the checkpoints cannot be read or written.
        """
        file = self.checkpoints(id)
        with explained(self._folder):
            create_private(file)
        try:
            async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
                saver.serde = CompressedSerializer(allowed_msgpack_modules=record_types())
                # What is committed outlives a process that is killed. To wait for the disk each time, for
                # power failures too, takes so long that results queue up, and are lost with the process.
                await saver.conn.execute("PRAGMA synchronous = NORMAL")
                try:
                    yield saver
                finally:
                    # A write that is cancelled before its commit leaves its transaction open, and closing the
                    # connection does not end it as long as the cursor lives: the file would stay locked. A
                    # cancelled run may still be writing here, so the lock is kept, and no write begins after
                    # it.
                    await saver.lock.acquire()
                    await saver.conn.rollback()
        except sqlite3.Error:  # of no other error is it known that it comes from here
            with explained(self._folder):
                raise

    def keep_record(self, id: str, text: str) -> None:
        """Write the report of a run, whole or not at all."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=self._folder, prefix=f"{id}.")
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(self.record(id))

    def delete(self, id: str, *, record: bool = True) -> None:
        """Delete the checkpoints of a run, and with `record` what else there is of it."""
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.checkpoints(id).with_name(f"{id}{_CHECKPOINTS}{suffix}").unlink(missing_ok=True)
        if record:
            self.record(id).unlink(missing_ok=True)
            self.run_record(id).unlink(missing_ok=True)

    def sweep(self, resumable: Mapping[str, bool]) -> None:
        """Delete what processes left behind that were killed.

        Args:
            resumable: whether a run has checkpoints, by id of all runs; of others nothing is left.
        """
        if not self._folder.is_dir():
            return
        for file in self._folder.iterdir():
            id = file.name.partition(".")[0]
            stays = id in resumable and file in (self.record(id), self.run_record(id))
            if not (stays or resumable.get(id)):
                file.unlink(missing_ok=True)

    def move_from(self, database: sqlite3.Connection, resumable: Iterable[str]) -> None:
        """Move checkpoints that earlier versions kept in one file with the list, within a transaction.

        Args:
            database: the list.
            resumable: ids of the runs whose checkpoints are still needed; the others are deleted.
        """
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name IN (?, ?)"
        tables = dict(database.execute(query, _TABLES).fetchall())
        for id in resumable if tables else ():
            self.delete(id, record=False)  # what a process wrote that was killed while it moved
            create_private(self.checkpoints(id))
            with contextlib.closing(sqlite3.connect(self.checkpoints(id))) as target, target:
                for table, creation in tables.items():
                    target.execute(creation)
                    _copy(database, target, table, id)
        for table in tables:
            database.execute(f"DROP TABLE {table}")


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, table: str, id: str) -> None:
    rows = source.execute(f"SELECT * FROM {table} WHERE thread_id = ?", (id,))  # noqa: S608
    places = ", ".join("?" * len(rows.description))
    while some := rows.fetchmany(_ROWS):
        target.executemany(f"INSERT INTO {table} VALUES ({places})", some)  # noqa: S608
