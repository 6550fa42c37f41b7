"""Files that grow at their end, and are cut to what was committed."""

import os
from pathlib import Path


class AppendLog:
    """A file of which the first `size` bytes are committed.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._file: int | None = None

    def open(self, size: int) -> None:
        """Open or create it, and cut what follows the committed bytes: the rest of a write that was killed.

        Raises:
            OSError: it cannot be opened.
        """
        is_new = not self.path.exists()
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        os.ftruncate(self._file, size)
        self.size = size
        if is_new:
            sync_folder(self.path.parent)

    def append(self, data: bytes) -> int:
        """Write and sync bytes; return the size that is to be committed.

        Raises:
            OSError: there is no room; nothing of them stays.
        """
        assert self._file is not None
        view, at = memoryview(data), self.size
        try:
            while view:
                written = os.pwrite(self._file, view, at)
                view, at = view[written:], at + written
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        return at

    def cut(self, size: int) -> None:
        """Cut it to a size."""
        assert self._file is not None
        os.ftruncate(self._file, size)
        self.size = size

    def close(self) -> None:
        """Close it; nothing if it is not open."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def sync_folder(folder: Path) -> None:
    """Make the names of new and renamed files in a folder outlive a power failure."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
