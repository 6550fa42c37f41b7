"""The code to review: paths, changes since a git revision, or a diff on standard input."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langgraph_parallel.cli.input.changes import diff_since, select_changes, untracked
from langgraph_parallel.cli.input.files import collect, path_exists
from langgraph_parallel.errors import UsageError

_STANDARD_INPUT = "-"


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

    def read(self) -> dict[str, Any]:
        """Read the graph's input.

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
        return {"files": files.texts, "skipped": files.skipped}

    def _read_standard_input(self) -> dict[str, Any]:
        if len(self.paths) > 1 or self.revision is not None:
            raise UsageError("- reads a diff from standard input; leave out other paths and --diff")
        diff, files = select_changes(sys.stdin.read(), include=self.include, exclude=self.exclude)
        return {"files": files, "diff": diff}

    def _read_changes(self, revision: str) -> dict[str, Any]:
        for path in self.paths:
            if not path_exists(Path(path)):
                raise UsageError(f"there is no file or folder {path}; check the path")
        diff = diff_since(revision, self.paths)
        diff, files = select_changes(diff, include=self.include, exclude=self.exclude)
        return {"files": files, "diff": diff, "skipped": untracked(self.paths)}
