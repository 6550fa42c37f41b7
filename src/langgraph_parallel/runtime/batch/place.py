"""The place of the ledger on disk: private to its owner, and its errors in words, with what to do."""

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.batch.settings import FOLDER

_FOLDER = f"set {FOLDER} to a folder that can be written, and that is yours"
_ADVICE = (
    (("locked", "busy"), "another process has been writing for long: try again, or end that one"),
    (("not a database", "malformed"), f"it is broken: move it away, or {_FOLDER}"),
    (("no such column", "no column", "no such table"), f"another version has written it: {_FOLDER}"),
)
"""Words of SQLite, and what to do."""


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Say of errors with the files of a ledger what to do.

    Raises:
        UsageError: for them.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        problem = str((isinstance(error, OSError) and error.strerror) or error)
        fitting = (advice for words, advice in _ADVICE if any(word in problem for word in words))
        raise UsageError(
            f"cannot keep the ledger of batches in {folder}: {problem}; {next(fitting, _FOLDER)}"
        ) from error


def make_private(folder: Path, name: str) -> Path:
    """Create a folder and a file in it, for their owner alone; return the file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = folder.stat()
    # A folder that all share, such as /tmp, stays as it is.
    if there.st_mode & 0o077 and there.st_uid == os.getuid() and not there.st_mode & stat.S_ISVTX:
        folder.chmod(0o700)
    file = folder / name
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    for part in (file, *folder.glob(f"{name}-*")):
        if part.stat().st_mode & 0o077:
            part.chmod(0o600)
    return file
