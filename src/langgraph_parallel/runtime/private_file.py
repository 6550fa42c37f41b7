"""Files that their owner alone can read."""

import os
import stat
from contextlib import suppress
from pathlib import Path


def make_private(file: Path, *, own_folder: bool = False) -> None:
    """Create a file, if it is not there, that its owner alone can read; one that is there stays as it is.

    A file in place of which others could put another one is refused: what is read from it would be theirs.

    Args:
        file: a file, or nothing; folders that are missing are created.
        own_folder: whether the folder is of this package alone, so that others lose their rights to it, too.

    Raises:
        PermissionError: it belongs to somebody else, is a link or no file, or others can write to its folder.
        OSError: it cannot be created.
    """
    folder = file.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.stat()
    if own_folder and about.st_uid == os.geteuid() and about.st_mode & 0o077:
        folder.chmod(0o700)
    elif about.st_mode & stat.S_IWOTH:
        raise PermissionError(f"everybody can write to {folder}; name a file in a folder of your own")
    try:
        # Only a new file is opened here: closing one that SQLite has open would end its locks.
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    except FileExistsError:
        _check_existing(file)


def _check_existing(file: Path) -> None:
    about = file.lstat()
    if not stat.S_ISREG(about.st_mode):
        raise PermissionError(f"{file} is a link or no file; name the file itself")
    if about.st_uid != os.geteuid():
        raise PermissionError(f"{file} belongs to another user; name a file of your own")


def take_rights(*files: Path) -> None:
    """Take from others what rights they have to files, where these are there."""
    for file in files:
        with suppress(FileNotFoundError):
            if file.lstat().st_mode & 0o077:
                file.chmod(0o600)
