"""The recorder of a run: takes its events as they are told, and writes its record."""

import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.run_record import Outcome, RunRecord
from langgraph_parallel.reducers.recorded import RecordFold, read_record
from langgraph_parallel.runtime.record_setting import Recording

_LOG = logging.getLogger(__name__)
_EVERY = 1.0
"""Seconds between two states of a record on disk, at least: a process that is killed loses no more of it."""
_SHARE = 0.05
"""Share of the time that writing them may take."""


class Recorder:
    """Folds the events of one run, and writes its record: now and then into a file, and at the end.

    The record of an earlier invocation on the same thread goes on if the run does.

    Args:
        recording: where the record goes.
        graph: name of the outermost graph.
        thread: of its checkpoints; None without one.
        continues: whether the run goes on with what the thread has stored.

    Raises:
        UsageError: the file holds something else.
    """

    def __init__(self, recording: Recording, graph: str, thread: object, *, continues: bool) -> None:
        self._function = recording.to if callable(recording.to) else None
        self._file: Path | None = None
        earlier: RunRecord | None = None
        if not callable(recording.to):
            self._file, earlier = _place(recording.to, graph, thread, continues=continues)
        self._fold = RecordFold(earlier, contents=recording.contents)
        self._next = time.monotonic() + _EVERY

    def add(self, event: Mapping[str, Any]) -> None:
        """Add an event of the run."""
        self._fold.add(event)
        if self._file is not None and time.monotonic() >= self._next:
            began = time.monotonic()
            self._write()
            took = time.monotonic() - began
            self._next = began + max(_EVERY, took / _SHARE)

    def close(self, status: Outcome) -> None:
        """Write the record of a run that has ended.

        Args:
            status: how it ended, if its events have not told it.
        """
        self._fold.end(status, time.time())
        self._write()

    def _write(self) -> None:
        if (record := self._fold.read()) is None:
            return
        try:
            if self._function is not None:
                self._function(record)
            elif self._file is not None:
                write_record(record, self._file)
        except Exception as error:  # what the run has answered is worth more than its record
            _LOG.warning("the record of the run was not written: %s: %s", type(error).__name__, error)


def write_record(record: RunRecord, file: Path) -> None:
    """Write a record into a file that its owner alone can read, in place of what is there.

    Raises:
        OSError: it cannot be written.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(
        dir=file.parent, prefix=f".{file.name}."
    )  # with rights of the owner alone
    try:
        with os.fdopen(number, "w", encoding="utf-8") as out:
            out.write(record.to_json())
        Path(name).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _place(to: str | Path, graph: str, thread: object, *, continues: bool) -> tuple[Path, RunRecord | None]:
    """Return the file of a run, and the record in it that goes on."""
    path = Path(to).expanduser()
    if not (path.is_dir() or str(to).endswith(("/", os.sep))):
        if not path.exists():
            return path, None
        if not path.is_file():  # a device or a pipe: reading it may never end
            raise UsageError(
                f"the record cannot go to {path}, which is neither a file nor a folder; name a file"
            )
        earlier = _read_own(path)
        goes_on = continues and thread is not None and earlier.thread == str(thread)
        return path, earlier if goes_on else None
    digest = hashlib.sha256(f"{graph}\0{thread}".encode()).hexdigest()[:12] if thread is not None else ""
    before = sorted(path.glob(f"*-{digest}.json")) if digest and continues else []
    if before:
        return before[-1], _read_own(before[-1])
    moment = time.strftime("%Y%m%d-%H%M%S")
    unique = os.urandom(4).hex()
    return path / f"{'-'.join(filter(None, (moment, unique, digest)))}.json", None


def _read_own(file: Path) -> RunRecord:
    try:
        return read_record(file)
    except UsageError as error:
        raise UsageError(f"{error}; name another file for the record, so that this one stays") from None
