"""Owners: which lanes are alive, in this process and in others, by locks that end with their process."""

import contextlib
import os
import secrets
from pathlib import Path

_SUFFIX = ".lock"


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
                    return
            os.close(self._file)

    def close(self) -> None:
        """Be gone."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def is_alive(folder: Path, token: str) -> bool:
    """Return whether a lane is alive.

    Args:
        folder: of the ledger.
        token: of the lane; one that is empty is not.
    """
    import fcntl

    if not token:
        return False
    try:
        file = os.open(folder / f"{token}{_SUFFIX}", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
