"""Files and folders as texts by path, and a reason for every file that is left out."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pathspec import GitIgnoreSpec

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.text.diff import readable
from langgraph_parallel.reading.contents import read_source
from langgraph_parallel.reading.ignores import Ignores
from langgraph_parallel.reading.notes import NOT_INCLUDED
from langgraph_parallel.records import Skipped
from langgraph_parallel.reducers.findings.source_code import is_code, is_source

_FOREIGN_FOLDERS = frozenset(
    {".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", "venv", ".tox", ".mypy_cache"}
)
_MAX_NAMED = 3
"""Maximum files that the error for a folder without any text names."""
_NAME_NOT_UTF8 = "its name is not UTF-8"

Reader = Callable[[Path], str | Skipped]


class Files(NamedTuple):
    """Texts by path as a person would write it, and the files that were left out."""

    texts: dict[str, str]
    skipped: list[Skipped]


@dataclass(frozen=True)
class Globs:
    """Patterns in .gitignore syntax, relative to the folder that is searched.

    Attributes:
        include: replaces the built-in choice of source files; None for that choice.
        exclude: wins over `include`.
    """

    include: GitIgnoreSpec | None
    exclude: GitIgnoreSpec

    @classmethod
    def parse(cls, include: Sequence[str], exclude: Sequence[str]) -> "Globs":
        """Parse patterns; an empty `include` stands for the built-in choice."""
        return cls(GitIgnoreSpec.from_lines(include) if include else None, GitIgnoreSpec.from_lines(exclude))

    def reason_to_leave_out(self, path: str) -> str | None:
        """Return why a file is left out, None if it is not; without `include` all others are in."""
        if self.exclude.match_file(path):
            return "excluded"
        return None if self.include is None or self.include.match_file(path) else NOT_INCLUDED


def collect(
    paths: Sequence[str],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    read: Reader = read_source,
    use: str = "review",
) -> Files:
    """Read files, and the source files below folders.

    A named file is read whatever its name, and must be readable. Below a folder, .gitignore is respected,
    links are not followed, and only source files are read, or those that `include` matches.

    Args:
        paths: files and folders.
        include: globs in .gitignore syntax, relative to the folder; they replace the built-in choice.
        exclude: globs of files and folders to skip.
        read: reads a file or returns why it cannot; by default UTF-8 text of at most 1 MB.
        use: verb for the files' purpose in error messages.

    Raises:
        UsageError: a path does not exist or cannot be read, or no file was found.
    """
    globs = Globs.parse(include, exclude)
    texts: dict[str, str] = {}
    skipped: list[Skipped] = []
    for name in paths:
        path = Path(name)
        if not name:  # as of a variable of a shell that is not set; it would be the current folder
            raise UsageError(f"a path to {use} is empty; write . for the current folder")
        if not path_exists(path):
            raise UsageError(f"there is no file or folder {name}; check the path")
        if path.is_dir():
            _read_folder(path, globs, read, texts, skipped)
            continue
        content = read(path)
        if isinstance(content, Skipped):
            raise UsageError(f"cannot {use} {name}: {content.reason}")
        texts[display_path(path)] = content
    if not texts:
        reasons = _listed(item for item in skipped if item.uncovered)
        raise UsageError(
            f"nothing to {use} in {', '.join(paths)}: no matching file (--include adds others){reasons}"
        )
    return Files(texts, skipped)


def read_inside(folder: Path, path: str) -> str | None:
    """Read a file that a diff names; None if it lies outside the folder or is not readable text."""
    try:
        target = (folder / path).resolve()
        if not target.is_relative_to(folder.resolve()) or not target.is_file():
            return None
    except (OSError, RuntimeError, ValueError):  # a name that the system refuses, links that lead in circles
        return None
    content = read_source(target)
    return content if isinstance(content, str) else None


def path_exists(path: Path) -> bool:
    """Return whether a path exists; False also for a name that the system refuses, such as one too long."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _listed(unread: Iterable[Skipped]) -> str:
    """Return which files were to be read, and why they were not, as the end of an error; empty for none."""
    listed = [f"{item.path} ({item.reason})" for item in unread]
    more = f", and {len(listed) - _MAX_NAMED} more" if len(listed) > _MAX_NAMED else ""
    return f"; cannot read {', '.join(listed[:_MAX_NAMED])}{more}" if listed else ""


def display_path(path: Path) -> str:
    """Return a path with forward slashes, relative to the current folder if it lies below it."""
    here = Path.cwd()
    absolute = Path(os.path.abspath(path))
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()


def _read_folder(
    folder: Path, globs: Globs, read: Reader, texts: dict[str, str], skipped: list[Skipped]
) -> None:
    for file, skip_reason in walk(folder, globs):
        content = Skipped(path="", reason=skip_reason) if skip_reason else read(file)
        if isinstance(content, str):
            texts[display_path(file)] = content
        else:
            is_unread = (not skip_reason or skip_reason == _NAME_NOT_UTF8) and is_code(file.name)
            path = readable(display_path(file))
            skipped.append(Skipped(path=path, reason=content.reason, uncovered=is_unread))


def walk(root: Path, globs: Globs) -> Iterator[tuple[Path, str | None]]:
    """Walk a folder in a fixed order: each file, and each skipped folder, with the reason to skip it."""
    ignores = Ignores(root)
    for folder, subfolders, names in os.walk(root):
        here = Path(folder)
        ignores.enter(here)
        for name in sorted(subfolders):
            path = here / name
            if reason := _reason_to_skip_folder(path, root, globs, ignores):
                subfolders.remove(name)  # os.walk descends only into what remains
                if not (name in _FOREIGN_FOLDERS and name.startswith(".")):
                    yield path, reason
        subfolders.sort()
        for name in sorted(names):
            yield here / name, _reason_to_skip_file(here / name, root, globs, ignores)


def _reason_to_skip_folder(path: Path, root: Path, globs: Globs, ignores: Ignores) -> str | None:
    if path.name in _FOREIGN_FOLDERS:
        return "not code of this project"
    if globs.exclude.match_file(f"{path.relative_to(root).as_posix()}/"):
        return "excluded"
    if path.is_symlink():
        return "symbolic link"
    return "ignored by .gitignore" if ignores.is_ignored(path, folder=True) else None


def _reason_to_skip_file(path: Path, root: Path, globs: Globs, ignores: Ignores) -> str | None:
    relative = path.relative_to(root).as_posix()
    if readable(path.name) != path.name:
        return _NAME_NOT_UTF8
    if path.is_symlink():
        return "symbolic link"
    if not path.is_file():
        return "not a regular file"
    if globs.exclude.match_file(relative):
        return "excluded"
    if ignores.is_ignored(path):
        return "ignored by .gitignore"
    if globs.include is not None:
        return None if globs.include.match_file(relative) else NOT_INCLUDED
    return None if is_source(path.name) else "not source code"
