"""The git repository around a folder, found without running git."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_LONGEST_POINTER = 4096
"""Bytes of a file that holds nothing but a path."""


@dataclass(frozen=True)
class Repository:
    """Where a repository keeps what it knows. All paths are absolute.

    Attributes:
        root: top folder of the working tree.
        git_dir: of this working tree: its HEAD and its index.
        common_dir: what all working trees of the repository share: objects, refs and configuration.
    """

    root: Path
    git_dir: Path
    common_dir: Path


def find_repository(folder: Path) -> Repository | None:
    """Return the innermost repository whose working tree contains a folder; None outside of any.

    Only a `.git` marks a working tree. A folder that looks like a bare repository is none, and no setting of
    the repository moves its working tree: either may come with the code under review.
    """
    folder = folder.absolute()
    for root in (folder, *folder.parents):
        if repository := repository_at(root, root / ".git"):
            return repository
    return None


def named_repository() -> Repository | None:
    """Return the repository that the variable `GIT_DIR` names, as git sets it for hooks; None without one.

    As for git, its working tree is `GIT_WORK_TREE`, or the current folder.
    """
    git_dir = os.environ.get("GIT_DIR")
    root = Path(os.environ.get("GIT_WORK_TREE") or Path.cwd()).absolute()
    return repository_at(root, Path(git_dir).absolute()) if git_dir else None


def repository_at(root: Path, entry: Path) -> Repository | None:
    """Return the repository of a working tree by its git folder, or by the file that points to it."""
    try:
        git_dir = entry if entry.is_dir() else _pointed_to(entry, r"gitdir: (.+)")
        if git_dir is None or not (git_dir / "HEAD").is_file():
            return None
        common_dir = _pointed_to(git_dir / "commondir", r"(.+)") or git_dir
        is_whole = (common_dir / "objects").is_dir() and (common_dir / "refs").is_dir()
    except (OSError, ValueError):  # a path that the system refuses
        return None
    return Repository(root.resolve(), git_dir.resolve(), common_dir.resolve()) if is_whole else None


def root_of(paths: Iterable[str], folder: Path) -> Path:
    """Return the folder that a code host takes for the root of these paths.

    This is the root of the repository of `folder` if it contains all paths, else of the repository that
    contains them all, else `folder`.

    Args:
        paths: of files, absolute or relative to `folder`.
        folder: absolute.
    """
    folder = folder.resolve()
    given = {Path(os.path.abspath(folder / path)).parent for path in paths if "\0" not in path}
    parents = {parent.resolve() for parent in given} or {folder}
    here = find_repository(folder)
    if here is not None and all(parent.is_relative_to(here.root) for parent in parents):
        return here.root
    shared = next(iter(parents))
    while not all(parent.is_relative_to(shared) for parent in parents):
        shared = shared.parent
    repository = find_repository(shared)
    return folder if repository is None else repository.root


def _pointed_to(file: Path, pattern: str) -> Path | None:
    """Return the path in a file, which may be relative to its folder; None without such a file."""
    if not file.is_file():
        return None
    with file.open("rb") as opened:
        text = opened.read(_LONGEST_POINTER).decode(errors="surrogateescape")
    match = re.fullmatch(pattern, text.rstrip("\r\n"))
    return file.parent / match[1] if match else None
