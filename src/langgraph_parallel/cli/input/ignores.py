"""The .gitignore files that apply below a folder."""

from pathlib import Path

from pathspec import GitIgnoreSpec


class Ignores:
    """The .gitignore files of a folder, of its subfolders, and of its parents up to the repository root."""

    def __init__(self, root: Path) -> None:
        self._specs: dict[Path, GitIgnoreSpec] = {}
        root = root.absolute()
        upwards = [root, *root.parents]
        repository = next((folder for folder in upwards if (folder / ".git").exists()), root)
        for folder in upwards[: upwards.index(repository) + 1]:
            self.enter(folder)

    def enter(self, folder: Path) -> None:
        """Read the .gitignore file of a folder, if it has one."""
        folder = folder.absolute()
        file = folder / ".gitignore"
        if folder not in self._specs and file.is_file():
            self._specs[folder] = GitIgnoreSpec.from_lines(file.read_text(errors="replace").splitlines())

    def is_ignored(self, path: Path, *, folder: bool = False) -> bool:
        """Return whether a path is ignored; the nearest .gitignore file that matches it decides."""
        path = path.absolute()
        for parent in path.parents:
            if spec := self._specs.get(parent):
                relative = path.relative_to(parent).as_posix() + ("/" if folder else "")
                decision = spec.check_file(relative).include
                if decision is not None:
                    return decision
        return False
