"""The ledger: what was submitted in batches, on disk before it is, and the answers until they are collected.

One SQLite file, which its owner alone can read, for all processes of a user. Every method is one transaction;
all of them block, and are called in threads.
"""

import contextlib
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from langgraph_parallel.runtime.batch.entries import Listed, Planned, Wanted
from langgraph_parallel.runtime.batch.owners import is_alive, sweep
from langgraph_parallel.runtime.batch.place import explained, make_private
from langgraph_parallel.runtime.batch.settings import KEPT, bounds, ledger_folder

_COLUMNS = ", ".join(Listed.__dataclass_fields__)
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS batches (
        id TEXT PRIMARY KEY, scope TEXT NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL,
        state TEXT NOT NULL, lane TEXT NOT NULL, calls INTEGER NOT NULL, created REAL NOT NULL,
        file TEXT NOT NULL DEFAULT '', remote TEXT NOT NULL DEFAULT '', submitted REAL NOT NULL DEFAULT 0,
        status TEXT NOT NULL DEFAULT ''
    );
    CREATE TABLE IF NOT EXISTS requests (
        key TEXT NOT NULL, number INTEGER NOT NULL, batch TEXT NOT NULL, owner TEXT NOT NULL,
        thread TEXT NOT NULL, answer BLOB, created REAL NOT NULL, PRIMARY KEY (key, number)
    );
    CREATE INDEX IF NOT EXISTS requests_of_batch ON requests (batch);
    CREATE INDEX IF NOT EXISTS requests_of_owner ON requests (owner);
"""
_FILE = "ledger.sqlite"
_SECONDS = 30
"""To wait for another process that writes."""


class Ledger:
    """The ledger in a folder, which is created.

    Raises:
        UsageError: it cannot be written, with every method.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        with explained(folder):
            file = make_private(folder, _FILE)
            self._database = sqlite3.connect(
                file, timeout=_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.executescript(_SCHEMA)
        self._sweep()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def plan(self, wanted: Sequence[Wanted], lane: str, scope: str, endpoint: str, model: str) -> Planned:
        """Claim what is known of requests, and write down the others, each in a new batch.

        Args:
            wanted: the requests, in their order.
            lane: that asks.
            scope: digest of endpoint, account and model.
            endpoint: for lists.
            model: for lists.
        """
        planned = Planned()
        with self._transaction() as database:
            alive: dict[str, bool] = {}
            filling: list[int] = [0, 0]
            batch = ""
            for place, one in enumerate(wanted):
                number, answer, known = self._claim(database, one, lane, alive)
                planned.numbers.append(number)
                if answer is not None:
                    planned.answers[place] = answer
                elif known:
                    planned.attached.setdefault(known, []).append(place)
                else:
                    is_full = filling[0] >= bounds.most_requests or filling[1] + one.size > bounds.most_bytes
                    if not batch or is_full:
                        batch, filling = secrets.token_hex(12), [0, 0]
                    filling = [filling[0] + 1, filling[1] + one.size]
                    planned.new.setdefault(batch, []).append(place)
                    _write(database, one, number, batch)
            for id, places in planned.new.items():
                database.execute(
                    "INSERT INTO batches (id, scope, endpoint, model, state, lane, calls, created) "
                    "VALUES (?, ?, ?, ?, 'planned', ?, ?, ?)",
                    (id, scope, endpoint, model, lane, len(places), time.time()),
                )
        return planned

    def creating(self, batch: str, file: str) -> None:
        """Note that a batch is about to be created from a file."""
        with self._transaction() as database:
            database.execute("UPDATE batches SET state = 'creating', file = ? WHERE id = ?", (file, batch))

    def replanned(self, batch: str) -> None:
        """Note that a batch has not been created, and that its file is gone."""
        with self._transaction() as database:
            database.execute("UPDATE batches SET state = 'planned', file = '' WHERE id = ?", (batch,))

    def submitted(self, batch: str, remote: str) -> None:
        """Note the endpoint's id of a batch."""
        with self._transaction() as database:
            database.execute(
                "UPDATE batches SET state = 'submitted', remote = ?, submitted = ? WHERE id = ?",
                (remote, time.time(), batch),
            )

    def renewed(self, batch: str) -> str:
        """Give a batch that the endpoint has refused a new id, for its next creation; return the id."""
        id = secrets.token_hex(12)
        with self._transaction() as database:
            database.execute(
                "INSERT INTO batches SELECT ?, scope, endpoint, model, 'planned', lane, calls, created, "
                "file, '', 0, '' FROM batches WHERE id = ?",
                (id, batch),
            )
            database.execute("UPDATE requests SET batch = ? WHERE batch = ?", (id, batch))
            database.execute("DELETE FROM batches WHERE id = ?", (batch,))
        return id

    def adopt(self, batch: str, lane: str) -> Listed | None:
        """Take over a batch whose lane is gone.

        Returns:
            The batch; its `lane` is another one if that is alive. None if there is no such batch.
        """
        with self._transaction() as database:
            listed = self._find(database, batch)
            if listed is not None and listed.lane != lane and not is_alive(self.folder, listed.lane):
                database.execute("UPDATE batches SET lane = ? WHERE id = ?", (lane, batch))
                listed = self._find(database, batch)
        return listed

    def dissolve(self, batch: str) -> None:
        """Forget a batch that was never created; its requests may be submitted again."""
        with self._transaction() as database:
            database.execute("DELETE FROM batches WHERE id = ?", (batch,))

    def read(self, batch: str, status: str, answers: Iterable[tuple[str, int, bytes]]) -> None:
        """Write down what a batch has answered; what it has not is as if it had never been asked.

        Args:
            batch: its id.
            status: of the endpoint.
            answers: key and number of a request, and the body of its answer.
        """
        with self._transaction() as database:
            database.executemany(
                "UPDATE requests SET answer = ? WHERE key = ? AND number = ? AND batch = ?",
                [(answer, key, number, batch) for key, number, answer in answers],
            )
            database.execute("DELETE FROM requests WHERE batch = ? AND answer IS NULL", (batch,))
            database.execute("UPDATE batches SET state = 'read', status = ? WHERE id = ?", (status, batch))

    def release(self, owner: str, *, collected: bool, thread: str = "") -> None:
        """Let others have what a run has claimed; delete the answers that it has collected.

        Args:
            owner: the run.
            collected: whether it has ended, so that nobody asks the same for it again.
            thread: of the run, whose processes before this one may have collected answers as well.
        """
        with self._transaction() as database:
            if collected:
                for one in {owner, *self._gone_on(database, thread)}:
                    database.execute(
                        "DELETE FROM requests WHERE answer IS NOT NULL "
                        "AND owner = ? AND (owner = ? OR thread = ?)",
                        (one, owner, thread),
                    )
                database.execute(
                    "DELETE FROM batches WHERE state = 'read' AND NOT EXISTS "
                    "(SELECT 1 FROM requests WHERE requests.batch = batches.id)"
                )
            database.execute("UPDATE requests SET owner = '' WHERE owner = ?", (owner,))

    def noted(self, batch: str, status: str) -> None:
        """Note what the endpoint says of a batch."""
        with self._transaction() as database:
            database.execute("UPDATE batches SET status = ? WHERE id = ?", (status, batch))

    def all(self) -> list[Listed]:
        """Return all batches, latest first."""
        with self._transaction() as database:
            rows = database.execute(f"SELECT {_COLUMNS} FROM batches ORDER BY created DESC").fetchall()  # noqa: S608 - a constant
        return [Listed(*row) for row in rows]

    def _claim(
        self, database: sqlite3.Connection, one: Wanted, lane: str, alive: dict[str, bool]
    ) -> tuple[int, bytes | None, str]:
        """Return the number of a request, its answer, and the batch that has it; claim it if there is one."""
        rows = database.execute(
            "SELECT number, batch, owner, answer FROM requests WHERE key = ? ORDER BY number", (one.key,)
        ).fetchall()
        for number, batch, owner, answer in rows:
            if number != one.claimed and (one.claimed is not None or self._is_taken(owner, lane, alive)):
                continue
            database.execute(
                "UPDATE requests SET owner = ? WHERE key = ? AND number = ?", (one.owner, one.key, number)
            )
            if answer is not None:
                return number, answer, ""
            listed = self._find(database, batch)
            if listed is None or (listed.state == "planned" and not self._is_lane(listed.lane, alive)):
                return number, None, ""
            return number, None, batch
        fresh = one.claimed if one.claimed is not None else 1 + max((row[0] for row in rows), default=-1)
        return fresh, None, ""

    def _gone_on(self, database: sqlite3.Connection, thread: str) -> list[str]:
        """Return the owners of requests of a thread that have ended; another run on it may be alive."""
        if not thread:
            return []
        rows = database.execute("SELECT DISTINCT owner FROM requests WHERE thread = ?", (thread,)).fetchall()
        alive: dict[str, bool] = {}
        return [one for (one,) in rows if not self._is_lane(one.partition(".")[0], alive)]

    def _is_taken(self, owner: str, lane: str, alive: dict[str, bool]) -> bool:
        """Return whether a run that is alive has a request: runs of this lane give back what they have."""
        of_lane = owner.partition(".")[0]
        return of_lane == lane or self._is_lane(of_lane, alive)

    def _is_lane(self, token: str, alive: dict[str, bool]) -> bool:
        if token not in alive:
            alive[token] = is_alive(self.folder, token)
        return alive[token]

    def _find(self, database: sqlite3.Connection, batch: str) -> Listed | None:
        row = database.execute(f"SELECT {_COLUMNS} FROM batches WHERE id = ?", (batch,)).fetchone()  # noqa: S608 - a constant
        return None if row is None else Listed(*row)

    def _sweep(self) -> None:
        """Delete what is too old to be asked for again."""
        with explained(self.folder):
            sweep(self.folder)
        old = time.time() - KEPT
        with self._transaction() as database:
            database.execute("DELETE FROM batches WHERE created < ?", (old,))
            database.execute("DELETE FROM requests WHERE created < ?", (old,))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, explained(self.folder):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.rollback()
                raise
            self._database.commit()


def note_status(batch: Listed, status: str) -> None:
    """Note what an endpoint says of a batch in the user's ledger."""
    ledger = Ledger(ledger_folder())
    try:
        ledger.noted(batch.id, status)
    finally:
        ledger.close()


def list_batches() -> list[Listed]:
    """Return all batches in the user's ledger, latest first; creates no ledger."""
    folder = ledger_folder()
    if not (folder / _FILE).exists():
        return []
    ledger = Ledger(folder)
    try:
        return ledger.all()
    finally:
        ledger.close()


def _write(database: sqlite3.Connection, one: Wanted, number: int, batch: str) -> None:
    database.execute(
        "INSERT INTO requests (key, number, batch, owner, thread, created) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (key, number) DO UPDATE SET batch = excluded.batch, owner = excluded.owner",
        (one.key, number, batch, one.owner, one.thread, time.time()),
    )
