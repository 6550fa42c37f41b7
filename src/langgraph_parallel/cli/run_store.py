"""Runs of the command line, kept on disk until they are done, so that no call is paid for twice.

The list of runs is one small file. What a run needs to go on is in a file of its own: deleting it frees the
disk at once, and neither waits for other runs nor rewrites what they hold.
"""

import contextlib
import json
import secrets
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from langgraph_parallel.cli.run_files import RunFiles, create_private, explained
from langgraph_parallel.errors import UsageError

KEPT = 100
"""Maximum runs in the list; older ones are deleted."""
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS runs (
        id TEXT PRIMARY KEY, started REAL NOT NULL, command TEXT NOT NULL, folder TEXT NOT NULL,
        settings TEXT NOT NULL, state TEXT NOT NULL, summary TEXT NOT NULL,
        base TEXT NOT NULL DEFAULT '', keep INTEGER NOT NULL DEFAULT 0
    )
"""
_ADDED = {"base": "TEXT NOT NULL DEFAULT ''", "keep": "INTEGER NOT NULL DEFAULT 0"}
"""Columns that stores of earlier versions lack."""
_SECONDS = 30
"""To wait for another process that writes."""


@dataclass(frozen=True)
class KeptRun:
    """One run in the list.

    Attributes:
        started: seconds since the epoch.
        folder: where the command ran.
        settings: the options of the review, without paths.
        state: `running` (or killed), `partial`, `stopped` or `done`. Of a done run, this line is kept, what
            it did, and with `keep` its report.
        base: folder that relative paths of the report start from; empty for `folder`.
        keep: whether the report is kept when the run is done.
    """

    id: str
    started: float
    command: str
    folder: str
    settings: dict[str, Any]
    state: str
    summary: str
    base: str = ""
    keep: bool = False

    @property
    def resumable(self) -> bool:
        """Whether work remains, and the checkpoints to resume it."""
        return self.state != "done"


class RunStore:
    """Runs in the user's state directory, which only the owner can read."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or platformdirs.user_state_path("langgraph-parallel")
        self.path = folder / "runs.sqlite"
        self.files = RunFiles(folder / "runs")

    def checkpointer(self, id: str) -> contextlib.AbstractAsyncContextManager[AsyncSqliteSaver]:
        """Open the checkpointer of a run."""
        return self.files.checkpointer(id)

    def begin(self, command: str, settings: dict[str, Any], *, base: str = "", keep: bool = False) -> KeptRun:
        """Record the start of a run, and delete the oldest beyond `KEPT`.

        Args:
            command: as the list shows it.
            settings: the options of the run.
            base: folder that relative paths of its report start from; empty for the current one.
            keep: whether the report is kept when the run is done.
        """
        moment = time.time()
        id = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(moment))}-{secrets.token_hex(4)}"
        run = KeptRun(id, moment, command, str(Path.cwd()), settings, "running", "", base, keep)
        with self._open() as database:
            database.execute(
                "INSERT INTO runs (id, started, command, folder, settings, state, summary, base, keep) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (id, moment, command, run.folder, json.dumps(settings), run.state, run.summary, base, keep),
            )
            database.execute(
                "DELETE FROM runs WHERE id IN (SELECT id FROM runs ORDER BY started DESC LIMIT -1 OFFSET ?)",
                (KEPT,),
            )
            # Before the end of the transaction: another process has its line here before it has files.
            states = database.execute("SELECT id, state FROM runs")
            self.files.sweep({id: state != "done" for id, state in states})
        return run

    def finish(self, id: str, state: str, summary: str, record: str | None = None) -> None:
        """Record how a run ended; delete the checkpoints if it is done.

        Args:
            id: of the run.
            state: see `KeptRun`.
            summary: of the result.
            record: the report as JSON, to keep; None to keep none.
        """
        with explained(self.path.parent):
            if record is not None:
                self.files.keep_record(id, record)
            with self._open() as database:
                database.execute("UPDATE runs SET state = ?, summary = ? WHERE id = ?", (state, summary, id))
            if state == "done":
                self.files.delete(id, record=False)

    def record(self, id: str) -> str:
        """Return the report of a run as JSON.

        Raises:
            UsageError: none was kept.
        """
        file = self.files.record(id)
        if not file.is_file():
            raise UsageError(f"no report of run {id} is kept; `review --keep` keeps those of later runs")
        return file.read_text(encoding="utf-8")

    def recording(self, id: str) -> Path:
        """Return the file of what a run did.

        Raises:
            UsageError: there is none.
        """
        file = self.files.run_record(id)
        if not file.is_file():
            raise UsageError(
                f"run {id} has no record: it ended before anything ran, or is of an earlier version"
            )
        return file

    def all(self) -> list[KeptRun]:
        """Return all runs, latest first."""
        if not self.path.exists():
            return []
        address = (
            f"{self.path.absolute().as_uri()}?mode=rw"  # creates nothing, and reads what cannot be written
        )
        with (
            explained(self.path.parent),
            contextlib.closing(sqlite3.connect(address, uri=True, timeout=_SECONDS)) as database,
        ):
            database.row_factory = sqlite3.Row
            if not _columns(database):  # a process was killed when it created the file
                return []
            rows = database.execute("SELECT * FROM runs ORDER BY started DESC").fetchall()
        return [_as_run(dict(row)) for row in rows]

    def find(self, id: str) -> KeptRun:
        """Return the resumable run whose id begins with `id`.

        Raises:
            UsageError: no run or several match, or the run is done.
        """
        name = self.identify(id)
        (run,) = [run for run in self.all() if run.id == name]
        if not run.resumable:
            raise UsageError(f"run {name} is done: there is nothing left to resume")
        with self._open():  # a run of an earlier version gets its file
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
        """Delete a run by its full id, or all runs, with their files.

        Returns:
            The number of deleted runs.
        """
        ids = [run.id for run in self.all() if id is None or run.id == id]
        if not ids:
            return 0
        with explained(self.path.parent):
            # The lines first: what they had in the file of an earlier version is then not moved.
            with self._open(move=False) as database:
                database.executemany("DELETE FROM runs WHERE id = ?", [(id,) for id in ids])
            for id in ids:
                self.files.delete(id)
            with self._open():
                pass
        return len(ids)

    @contextlib.contextmanager
    def _open(self, *, move: bool = True) -> Iterator[sqlite3.Connection]:
        """Open the list in a transaction that waits for those of other processes."""
        with explained(self.path.parent):
            create_private(self.path)
            connection = sqlite3.connect(self.path, timeout=_SECONDS, isolation_level=None)
            with contextlib.closing(connection) as database:
                database.execute("BEGIN IMMEDIATE")
                with database:
                    database.execute(_SCHEMA)
                    columns = _columns(database)
                    for column in (name for name in _ADDED if name not in columns):
                        database.execute(f"ALTER TABLE runs ADD COLUMN {column} {_ADDED[column]}")
                    if move:
                        resumable = database.execute("SELECT id FROM runs WHERE state != 'done'").fetchall()
                        self.files.move_from(database, [id for (id,) in resumable])
                    yield database
                if database.execute("PRAGMA freelist_count").fetchone()[0]:
                    with contextlib.suppress(sqlite3.OperationalError):  # in use: another time
                        database.execute("VACUUM")
                        database.execute("PRAGMA journal_mode = DELETE")


def _columns(database: sqlite3.Connection) -> set[str]:
    return {row[1] for row in database.execute("PRAGMA table_info(runs)")}


def _as_run(row: dict[str, Any]) -> KeptRun:
    return KeptRun(**{**row, "settings": json.loads(row["settings"]), "keep": bool(row.get("keep"))})
