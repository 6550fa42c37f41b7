"""The code to review: paths, changes since a git revision, or a diff on standard input."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from langgraph_parallel.cli.input.changes import Changes, diff_since, select_changes
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reading.contents import read_standard_input
from langgraph_parallel.reading.files import collect, display_path, path_exists
from langgraph_parallel.records import Skipped

_STANDARD_INPUT = "-"


class Code(NamedTuple):
    """The code to review.

    Attributes:
        inputs: of the graph.
        folder: that relative paths start from.
    """

    inputs: dict[str, Any]
    folder: Path


@dataclass(frozen=True)
class Source:
    """The arguments and options that name the code.

    Attributes:
        paths: files and folders, or `-` alone.
        revision: of git; None without `--diff`.
        include: globs that replace the built-in choice of source files.
        exclude: globs of files and folders to skip.
    """

    paths: Sequence[str]
    revision: str | None
    include: Sequence[str]
    exclude: Sequence[str]

    @property
    def is_empty(self) -> bool:
        """Whether no code is named."""
        return not self.paths and not self.revision

    @property
    def command(self) -> str:
        """The command as the list of runs shows it."""
        return " ".join(["review", *map(shlex.quote, self.paths)])

    @property
    def folder(self) -> Path:
        """The deepest folder that all paths are in, absolute; without paths, and for `-`, the current one."""
        if not self.paths or _STANDARD_INPUT in self.paths:
            return Path.cwd()
        paths = [Path(os.path.abspath(path)) for path in self.paths]
        return Path(os.path.commonpath([path if _is_folder(path) else path.parent for path in paths]))

    @property
    def below(self) -> str:
        """The folder that a report shows paths relative to; empty if it shows them as they are.

        It is the argument if that is one folder, the folder of the argument if that is one file, and for
        several the deepest folder that all are in. The paths of a diff are shown as the diff has them.
        """
        if not self.paths or self.revision is not None or _STANDARD_INPUT in self.paths:
            return ""
        folder = display_path(self.folder)
        shown = [display_path(Path(path)) for path in self.paths]
        inside = all(path == folder or path.startswith(f"{folder}/") for path in shown)
        return folder if inside and folder != "." else ""

    def read(self) -> Code:
        """Read the code.

        Raises:
            UsageError: no code is named, the paths contradict each other, or one cannot be read.
            InputError: standard input is not a unified diff.
        """
        if _STANDARD_INPUT in self.paths:
            return self._read_standard_input()
        if self.revision is not None:
            return self._read_changes(self.revision)
        if not self.paths:
            raise UsageError("give files or folders to review, - for a diff on standard input, or --diff REV")
        files = collect(self.paths, include=self.include, exclude=self.exclude)
        return Code({"files": files.texts, "skipped": files.skipped}, Path.cwd())

    def _read_standard_input(self) -> Code:
        if len(self.paths) > 1 or self.revision is not None:
            raise UsageError("- reads a diff from standard input; leave out other paths and --diff")
        changes = select_changes(read_standard_input(), include=self.include, exclude=self.exclude)
        return self._code(changes, [])

    def _read_changes(self, revision: str) -> Code:
        for path in self.paths:
            if not path_exists(Path(path)):
                raise UsageError(f"there is no file or folder {path}; check the path")
        diff, untracked = diff_since(revision, self.paths)
        changes = select_changes(diff, include=self.include, exclude=self.exclude, folder=Path.cwd())
        return self._code(changes, untracked)

    def _code(self, changes: Changes, skipped: Sequence[Skipped]) -> Code:
        left_out = [*changes.skipped, *skipped]
        return Code({"files": changes.texts, "diff": changes.diff, "skipped": left_out}, changes.folder)


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder; False also for a name that the system refuses."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
