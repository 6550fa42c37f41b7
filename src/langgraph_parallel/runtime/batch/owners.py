"""Owners: which lanes are alive, in this process and in others, by locks that end with their process."""

import contextlib
import os
import secrets
import weakref
from pathlib import Path

_SUFFIX = ".lock"
_open: "weakref.WeakSet[Owner]" = weakref.WeakSet()


class Owner:
    """A lane that is alive until it is closed, or its process ends.

    Args:
        folder: of the ledger.
    """

    def __init__(self, folder: Path) -> None:
        import fcntl  # not on every system; nothing else of the package needs it

        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            self.token = secrets.token_hex(8)
            self._path = folder / f"{self.token}{_SUFFIX}"
            self._file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever sweeps may have deleted the file between the two steps.
                if self._path.exists():
                    _open.add(self)
                    return
            os.close(self._file)

    def close(self) -> None:
        """Be gone."""
        if self in _open:
            self._path.unlink(missing_ok=True)
            self.let_go()

    def let_go(self) -> None:
        """Close the file of the lock: in a process that is forked, the lane is not its own."""
        _open.discard(self)
        os.close(self._file)


def _let_go_in_child() -> None:
    # Else the lock would be held for as long as a child lives, though its lane is gone.
    for owner in list(_open):
        owner.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


def is_alive(folder: Path, token: str) -> bool:
    """Return whether a lane is alive.

    Args:
        folder: of the ledger.
        token: of the lane; one that is empty is not.

    Raises:
        PermissionError: the lock is of another user.
    """
    if not token:
        return False
    try:
        return _look_at(folder / f"{token}{_SUFFIX}")
    except FileNotFoundError:
        return False


def _look_at(path: Path) -> bool:
    import fcntl

    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Shared: two that look at the same time must not take each other for the lane.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def sweep(folder: Path) -> None:
    """Delete the files of lanes that are gone."""
    for path in folder.glob(f"*{_SUFFIX}"):
        if not is_alive(folder, path.stem):
            path.unlink(missing_ok=True)
