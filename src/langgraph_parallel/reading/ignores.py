"""The .gitignore files that apply below a folder."""

import os
from collections.abc import Sequence
from pathlib import Path

from pathspec import GitIgnoreSpec

_ANY_NAME = "\ufffd"
"""A name that only a pattern for any name matches."""


class Ignores:
    """The .gitignore files of a folder, of its subfolders, and of its parents up to the repository root.

    Patterns that leave out the folder itself, or all that is in it, do not count: who names a folder wants it
    to be read. So its parents may ignore it, or one of them may ignore itself, as a `.venv` does.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._specs: dict[Path, GitIgnoreSpec] = {}
        root = _absolute(root)
        upwards = [root, *root.parents]
        repository = next((folder for folder in upwards if (folder / ".git").exists()), root)
        for folder in upwards[: upwards.index(repository) + 1]:
            self.enter(folder)
            if spec := self._specs.get(folder):
                self._specs[folder] = _admitting(spec, root.relative_to(folder).parts)

    def enter(self, folder: Path) -> None:
        """Read the .gitignore file of a folder, if it has one."""
        folder = _absolute(folder)
        file = folder / ".gitignore"
        if folder not in self._specs and file.is_file():
            self._specs[folder] = GitIgnoreSpec.from_lines(file.read_text(errors="replace").splitlines())

    def is_ignored(self, path: Path, *, folder: bool = False) -> bool:
        """Return whether a path is ignored; the nearest .gitignore file that matches it decides."""
        path = _absolute(path)
        for parent in path.parents:
            if spec := self._specs.get(parent):
                relative = path.relative_to(parent).as_posix() + ("/" if folder else "")
                decision = spec.check_file(relative).include
                if decision is not None:
                    return decision
        return False


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _admitting(spec: GitIgnoreSpec, steps: Sequence[str]) -> GitIgnoreSpec:
    """Return patterns without those that leave out a whole folder; unchanged if they let it in.

    Args:
        spec: patterns of a .gitignore file.
        steps: names of the folders from there to the folder; empty if the file is in it.
    """
    folders = ["/".join(steps[:end]) + "/" for end in range(1, len(steps) + 1)]
    places = [*folders, "/".join([*steps, _ANY_NAME])]
    lets_some_in = not steps and any(pattern.include is False for pattern in spec.patterns)
    if lets_some_in or not any(spec.match_file(place) for place in places):
        return spec
    return GitIgnoreSpec(
        pattern
        for pattern in spec.patterns
        if not (pattern.include and any(pattern.match_file(place) for place in places))
    )
