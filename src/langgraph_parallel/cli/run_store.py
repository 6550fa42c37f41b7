"""Runs of the command line, kept on disk until they are done, so that no call is paid for twice."""

import contextlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import record_types

KEPT = 100
"""Maximum runs in the list; older ones are deleted."""
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS runs (
        id TEXT PRIMARY KEY, started REAL NOT NULL, command TEXT NOT NULL, folder TEXT NOT NULL,
        settings TEXT NOT NULL, state TEXT NOT NULL, summary TEXT NOT NULL
    )
"""


@dataclass(frozen=True)
class KeptRun:
    """One run in the list.

    Attributes:
        started: seconds since the epoch.
        folder: where the command ran.
        settings: the options of the review, without paths.
        state: `running` (or killed), `partial`, `stopped` or `done`. Of a done run, only this record is kept.
    """

    id: str
    started: float
    command: str
    folder: str
    settings: dict[str, Any]
    state: str
    summary: str

    @property
    def resumable(self) -> bool:
        """Whether work remains, and the checkpoints to resume it."""
        return self.state != "done"


class RunStore:
    """Runs in an SQLite file in the user's state directory, which only the owner can read."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or platformdirs.user_state_path("langgraph-parallel")) / "runs.sqlite"

    @contextlib.asynccontextmanager
    async def checkpointer(self) -> AsyncIterator[AsyncSqliteSaver]:
        """Open the checkpointer of all runs. It loads records of this package and no other types."""
        self._prepare()
        async with AsyncSqliteSaver.from_conn_string(str(self.path)) as saver:
            saver.serde = JsonPlusSerializer(allowed_msgpack_modules=record_types())
            try:
                yield saver
            finally:
                # A write that is cancelled before its commit leaves its transaction open, and closing the
                # connection does not end it as long as the cursor lives: the file would stay locked. A
                # cancelled run may still be writing here, so the lock is kept, and no write begins after it.
                await saver.lock.acquire()
                await saver.conn.rollback()

    def begin(self, command: str, settings: dict[str, Any]) -> KeptRun:
        """Record the start of a run, and delete the oldest beyond `KEPT`."""
        moment = time.time()
        id = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(moment))}-{secrets.token_hex(4)}"
        run = KeptRun(id, moment, command, str(Path.cwd()), settings, "running", "")
        with self._open() as database:
            database.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)",
                (id, moment, command, run.folder, json.dumps(settings), run.state, run.summary),
            )
            old = database.execute("SELECT id FROM runs ORDER BY started DESC LIMIT -1 OFFSET ?", (KEPT,))
            self._forget(database, [row[0] for row in old.fetchall()])
        return run

    def finish(self, id: str, state: str, summary: str) -> None:
        """Record how a run ended; delete the checkpoints if it is done."""
        with self._open() as database:
            database.execute("UPDATE runs SET state = ?, summary = ? WHERE id = ?", (state, summary, id))
            if state == "done":
                self._drop(database, id)

    def all(self) -> list[KeptRun]:
        """Return all runs, latest first."""
        if not self.path.exists():
            return []
        with self._open() as database:
            database.row_factory = sqlite3.Row
            rows = database.execute("SELECT * FROM runs ORDER BY started DESC").fetchall()
        return [KeptRun(**{**row, "settings": json.loads(row["settings"])}) for row in rows]

    def find(self, id: str) -> KeptRun:
        """Return the resumable run whose id begins with `id`.

        Raises:
            UsageError: no run or several match, or the run is done.
        """
        name = self.identify(id)
        (run,) = [run for run in self.all() if run.id == name]
        if not run.resumable:
            raise UsageError(f"run {name} is done: there is nothing left to resume")
        return run

    def identify(self, id: str) -> str:
        """Return the full id of the run whose id begins with `id`.

        Raises:
            UsageError: no run or several match.
        """
        matches = [run.id for run in self.all() if run.id.startswith(id)] if id else []
        if len(matches) != 1:
            problem = f"{len(matches)} runs begin with {id!r}" if matches else f"there is no run {id!r}"
            raise UsageError(f"{problem}; `langgraph-parallel runs` lists them")
        return matches[0]

    def forget(self, id: str | None = None) -> int:
        """Delete a run by its full id, or all runs, with their checkpoints.

        Returns:
            The number of deleted runs.
        """
        ids = [run.id for run in self.all() if id is None or run.id == id]
        with self._open() as database:
            self._forget(database, ids)
        return len(ids)

    def _forget(self, database: sqlite3.Connection, ids: list[str]) -> None:
        for id in ids:
            self._drop(database, id)
            database.execute("DELETE FROM runs WHERE id = ?", (id,))

    def _drop(self, database: sqlite3.Connection, id: str) -> None:
        """Delete the checkpoints of a run; their tables exist only once a run has had some."""
        for table in ("checkpoints", "writes"):
            with contextlib.suppress(sqlite3.OperationalError):
                database.execute(f"DELETE FROM {table} WHERE thread_id = ?", (id,))  # noqa: S608

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._prepare()
        with contextlib.closing(sqlite3.connect(self.path, timeout=30)) as database, database:
            database.execute("PRAGMA secure_delete = ON")  # overwrite deleted code with zeros
            database.execute(_SCHEMA)
            yield database

    def _prepare(self) -> None:
        """Create the file, readable by its owner alone, as checkpoints hold the code under review."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise UsageError(
                f"cannot keep runs in {self.path.parent}: {error.strerror}; "
                "use --no-keep, or set XDG_STATE_HOME"
            ) from error
