"""One writer at a time: a lock that ends with its process, however that ends."""

import os
import socket
import time
import weakref
from pathlib import Path

from langgraph_parallel.errors import UsageError

_held: "weakref.WeakSet[WriterLock]" = weakref.WeakSet()


class WriterLock:
    """The right to write to a file, by a lock on one beside it that says who holds it.

    Args:
        path: of the file that is written, as `real_path` gives it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.lock")
        self._of = path
        self._file: int | None = None

    def take(self) -> None:
        """Take the lock.

        Raises:
            UsageError: another command has it.
            OSError: the file cannot be made.
        """
        import fcntl  # not on every system

        while True:
            file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(file, 200, 0).decode(errors="replace").strip() or "another command"
                os.close(file)
                raise UsageError(
                    f"{holder} is writing to {self._of.name}; wait for its end, or name another sink"
                ) from None
            if _is_at(file, self._path):
                break
            os.close(file)  # its holder has just deleted it
        os.ftruncate(file, 0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}, since {since},".encode(), 0)
        self._file = file
        _held.add(self)

    def release(self) -> None:
        """Give the lock back, and delete its file; nothing if it is not held."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self.let_go()

    def let_go(self) -> None:
        """Close the file: in a forked process, it would hold the lock for as long as that lives."""
        if self._file is not None:
            _held.discard(self)
            os.close(self._file)
            self._file = None


def real_path(path: str | Path) -> Path:
    """Return the one path of a file that may have several: what is beside it is then the same for all."""
    return Path(os.path.realpath(path))


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _let_go_in_child() -> None:
    for lock in list(_held):
        lock.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
