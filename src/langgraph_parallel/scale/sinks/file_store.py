"""What sinks of files have in common: a journal beside the file, so that it has each key once."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.report.wording import visible
from langgraph_parallel.scale.rows import Result, RowStatus
from langgraph_parallel.scale.sinks.append_log import AppendLog
from langgraph_parallel.scale.sinks.base import Counts, Manifest
from langgraph_parallel.scale.sinks.blocking import explained
from langgraph_parallel.scale.sinks.journal import Journal
from langgraph_parallel.scale.sinks.naming import NameRules
from langgraph_parallel.scale.sinks.table import (
    last_values,
    made_with,
    new_columns,
    now_text,
    once_each,
)
from langgraph_parallel.scale.sinks.values import Texts
from langgraph_parallel.scale.sinks.writer_lock import WriterLock

_RULES = NameRules(10_000)
_ATTEMPTS = 1
"""Place of the attempts in the values of `LAST`."""


class FileStore(ABC):
    """Rows that are ok in a file or folder, those that failed in a journal and, at the end, in a file.

    A write appends to the log, syncs it, and then commits keys and its size to the journal. What follows that
    size when it is opened was not committed, and is cut.

    Args:
        name: of the sink, for a person.
        path: of the file or folder, as `real_path` gives it.
        log: the file that rows are appended to.
        failed: the file of rows that failed, which is written when the sink is closed.
        kind: what it is, for the journal.
    """

    rules = _RULES

    def __init__(self, name: str, path: Path, log: Path, failed: Path, kind: str) -> None:
        self.name = visible(name)
        self._path, self._failed, self._kind = path, failed, kind
        self._log = AppendLog(log)
        self._state = path.with_name(f"{path.name}.state")
        self._journal = Journal(self._state)
        self._lock = WriterLock(path)
        self._columns: dict[str, None] = {}
        self._is_open = self._has_written = False
        self._text = Texts(nul=True)

    @abstractmethod
    def line(self, result: Result, last: Sequence[Any]) -> str:
        """Return a row that is ok as a line of the log, without its end.

        Args:
            result: of the row.
            last: the values of `LAST`.
        """

    @abstractmethod
    def write_failures(self, rows: Iterator[tuple[str, list[Any]]]) -> None:
        """Write the file of rows that failed, in one step; delete it if there are none."""

    @abstractmethod
    def check_found(self) -> None:
        """Refuse what is at the path and was not made by a map; prepare it otherwise.

        Raises:
            UsageError: it is something else, or was changed.
        """

    @abstractmethod
    def settle(self) -> None:
        """Do what is due after a write."""

    @abstractmethod
    def finish(self) -> None:
        """Make all rows readable by others."""

    @property
    def facts(self) -> dict[str, Any]:
        """What the journal remembers."""
        return self._journal.facts

    @property
    def remarks(self) -> Sequence[str]:
        """See `Store`."""
        return self._text.remarks

    def open(self) -> Manifest | None:
        """See `Store`."""
        with self._explained("open"):
            folder = self._path.absolute().parent
            if not folder.is_dir():
                raise UsageError(f"cannot open {self.name}: there is no folder {folder}; make it first")
            self._lock.take()
            if not self._state.exists():
                self._refuse_others()  # before anything is made beside it
            try:
                manifest = self._journal.open()
            except sqlite3.Error as error:
                raise UsageError(
                    f"cannot open {self.name}: {self._state.name} beside it cannot be used: {error}"
                ) from None
            if self.facts.setdefault("kind", self._kind) != self._kind:
                raise UsageError(f"{self._state} is that of another sink; name another file")
            if manifest is None:
                self._refuse_others()
            self._columns = dict.fromkeys(manifest.columns if manifest else ())
            self._journal.facts = {"size": 0, "closed": False} | self.facts
            self.check_found()
            if self.log_size() < self.facts["size"]:
                raise self.was_changed()
            self._log.open(self.facts["size"])
            self.facts["closed"] = False
            self._journal.note()
            self._is_open = True
            return manifest

    def _refuse_others(self) -> None:
        for path in (self._path, self._failed, self._log.path):
            if path.exists() and not _is_empty(path):
                raise UsageError(
                    f"{path} is there, and no map has made it ({self._state.name}, beside it, would "
                    "say so); it is left as it is: name another sink"
                )

    def log_size(self) -> int:
        """Return the bytes of the log; 0 if it is not there."""
        return self._log.path.stat().st_size if self._log.path.exists() else 0

    def was_changed(self) -> UsageError:
        """Return the error of a log that does not have the bytes that were written to it."""
        log = self._log.path
        found = f"was changed: it has {self.log_size():,} bytes instead of {self.facts['size']:,}"
        return UsageError(
            f"{log} {found if log.exists() else 'is gone'} since its rows were written; put it back as it "
            f"was, name another sink, or delete {self._state.name} and what is left to begin anew"
        )

    def stored(self, keys: Collection[str]) -> Mapping[str, RowStatus]:
        """See `Store`."""
        with self._explained("read"):
            return self._journal.stored(keys)

    def write(self, results: Sequence[Result], manifest: Manifest) -> None:
        """See `Store`."""
        results = once_each(results)
        names = new_columns(results, self._columns.keys())
        if not self._journal.writes:
            names = list(dict.fromkeys([*manifest.columns, *names]))
        self.rules.check(names, self._columns)
        with self._explained("write to"):
            if results and not self._has_written:
                self._failed.unlink(missing_ok=True)  # what it lists may be ok from now on
                self._has_written = True
            if not self._journal.writes:  # before the first row: a file without it is not ours
                self._journal.commit([], {}, manifest, names)
            self._store(results, names, manifest)
            self.settle()

    def _store(self, results: Sequence[Result], names: Sequence[str], manifest: Manifest) -> None:
        keys = [result.key for result in results]
        done, attempts = self._journal.done(keys), self._journal.attempts(keys)
        written, program = now_text(), made_with(manifest.fingerprint)
        lines, ok, failed = list[str](), list[str](), dict[str, tuple[int, Sequence[Any]]]()
        for result in results:
            if result.key in done:
                continue
            last = list(last_values(result, self._text, written, program))
            last[_ATTEMPTS] += attempts.get(result.key, 0)
            if result.status == "ok":
                ok.append(result.key)
                lines.append(self.line(result, last))
            else:
                failed[result.key] = last[_ATTEMPTS], last
        if lines:
            self.facts["size"] = self._log.append(("\n".join(lines) + "\n").encode())
        columns = [*self._columns, *names]
        try:
            self._journal.commit(ok, failed, manifest, columns, attempts.keys() - failed.keys() - done)
        except BaseException:
            self.facts["size"] = self._log.size
            self._log.cut(self._log.size)
            raise
        self._log.size = self.facts["size"]
        self._columns = dict.fromkeys(columns)

    def commit_facts(self) -> None:
        """Store the facts, and cut the log to the size that they have."""
        self._journal.note()
        self._log.cut(self.facts["size"])

    def counts(self) -> Counts:
        """See `Store`."""
        with self._explained("read"):
            return self._journal.counts()

    def failures_after(self, key: str | None) -> Sequence[Result]:
        """See `Store`."""
        with self._explained("read"):
            return self._journal.failures_after(key)

    def close(self) -> None:
        """See `Store`."""
        try:
            if self._is_open:
                with self._explained("close"):
                    self.finish()
                    self.write_failures(self._journal.failed_rows())
                    self.facts["closed"] = True
                    self._journal.note()
        finally:
            self._is_open = self._has_written = False
            self._log.close()
            self._journal.close()
            self._lock.release()

    def _explained(self, doing: str) -> AbstractContextManager[None]:
        return explained(doing, self.name)


def _is_empty(path: Path) -> bool:
    return not any(path.iterdir()) if path.is_dir() else not path.stat().st_size
