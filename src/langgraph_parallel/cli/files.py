"""Which files a review reads: paths and folders in, texts out, and a reason for everything left out."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pathspec import GitIgnoreSpec

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.text.diff import readable
from langgraph_parallel.records import Skipped

SOURCE_SUFFIXES = frozenset(
    """
    .py .pyi .js .jsx .mjs .cjs .ts .tsx .vue .svelte .go .rs .java .kt .kts .scala .groovy .c .h .cc .cpp
    .cxx .hpp .hh .m .mm .cs .fs .vb .swift .rb .php .pl .pm .lua .r .jl .ex .exs .erl .hs .ml .clj .dart
    .zig .nim .sh .bash .zsh .ps1 .sql .proto .graphql .tf .html .css .scss .md .rst
    """.split()  # noqa: SIM905 - a list that people read and extend
)
_SOURCE_NAMES = frozenset(
    ("Dockerfile", "Makefile", "Rakefile", "Gemfile", "Jenkinsfile", "CMakeLists.txt"),
)
_NEVER = frozenset(
    {".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", "venv", ".tox", ".mypy_cache"}
)
_LARGEST = 1_000_000


class Files(NamedTuple):
    """What was read, by path as a person would write it, and what was not."""

    texts: dict[str, str]
    skipped: list[Skipped]


def collect(
    paths: Sequence[str],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    read: "Callable[[Path], str | Skipped] | None" = None,
    use: str = "review",
) -> Files:
    """Read files, and the source files below folders.

    A file that is named is read whatever it is called, and has to be readable. Below a folder,
    .gitignore is respected, links are not followed, and only source files are read, or what `include`
    names.

    Args:
        paths: files and folders.
        include: globs in the syntax of .gitignore, relative to the folder; they replace the built-in list.
        exclude: globs of what to leave out.
        read: reads a file, or says why it cannot; by default text in UTF-8.
        use: what the files are for, as errors say it.

    Raises:
        UsageError: a path does not exist or cannot be read, or there is nothing to read.
    """
    read = read or _read_or_reason
    wanted = GitIgnoreSpec.from_lines(include) if include else None
    unwanted = GitIgnoreSpec.from_lines(exclude)
    texts: dict[str, str] = {}
    skipped: list[Skipped] = []
    for given in paths:
        path = Path(given)
        if not exists(path):
            raise UsageError(f"no such path: {given}")
        if path.is_dir():
            for file, reason in _below(path, wanted, unwanted):
                text = None if reason else read(file)
                if isinstance(text, str):
                    texts[shown(file)] = text
                else:
                    why = reason or (text.reason if text else "")
                    skipped.append(Skipped(path=readable(shown(file)), reason=why))
        else:
            held = read(path)
            if not isinstance(held, str):
                raise UsageError(f"cannot {use} {given}: {held.reason}")
            texts[shown(path)] = held
    if not texts:
        raise UsageError(
            f"nothing to {use} in {', '.join(paths)}: there is no such file (--include adds others)"
        )
    return Files(texts, skipped)


def keep(paths: Sequence[str], *, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
    """Filter paths by the same globs."""
    wanted = GitIgnoreSpec.from_lines(include) if include else None
    unwanted = GitIgnoreSpec.from_lines(exclude)
    return [p for p in paths if (wanted is None or wanted.match_file(p)) and not unwanted.match_file(p)]


def read_inside(folder: Path, path: str) -> str | None:
    """Read a file that a diff names, if it lies in the folder and is text; None otherwise."""
    target = (folder / path).resolve()
    if not target.is_relative_to(folder.resolve()) or not target.is_file():
        return None
    held = _read_or_reason(target)
    return held if isinstance(held, str) else None


def exists(path: Path) -> bool:
    """Whether there is something at a path, which may be too long or too odd to be one."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def shown(path: Path) -> str:
    """A path as it is shown: relative to here where it lies below, with forward slashes."""
    here = Path.cwd()
    absolute = Path(os.path.abspath(path))
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()


def _read_or_reason(path: Path) -> str | Skipped:
    try:
        if not path.is_file():
            return Skipped(path=str(path), reason="not a regular file")
        if path.stat().st_size > _LARGEST:
            return Skipped(path=str(path), reason=f"larger than {_LARGEST:,} bytes")
        data = path.read_bytes()
    except OSError as error:
        return Skipped(path=str(path), reason=f"cannot be read: {error.strerror or error}")
    if b"\0" in data:
        return Skipped(path=str(path), reason="binary")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Skipped(path=str(path), reason="not UTF-8 text")


def _below(
    root: Path, wanted: GitIgnoreSpec | None, unwanted: GitIgnoreSpec
) -> Iterator[tuple[Path, str | None]]:
    """Files below a folder in a fixed order, each with the reason to skip it, if there is one."""
    ignores = _Ignores(root)
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        ignores.enter(here)
        for name in sorted(folders):
            path = here / name
            if name in _NEVER:
                folders.remove(name)
                if not name.startswith("."):
                    yield path, "not code of this project"
            elif unwanted.match_file(f"{path.relative_to(root).as_posix()}/"):
                folders.remove(name)
                yield path, "excluded"
            elif path.is_symlink():
                folders.remove(name)
                yield path, "symbolic link"
            elif ignores.ignored(path, folder=True):
                folders.remove(name)
                yield path, "ignored by .gitignore"
        folders.sort()
        for name in sorted(names):
            path = here / name
            yield path, _reason(path, path.relative_to(root).as_posix(), wanted, unwanted, ignores)


def _reason(
    path: Path, relative: str, wanted: GitIgnoreSpec | None, unwanted: GitIgnoreSpec, ignores: "_Ignores"
) -> str | None:
    if readable(path.name) != path.name:
        return "its name is not UTF-8"
    if path.is_symlink():
        return "symbolic link"
    if not path.is_file():
        return "not a regular file"
    if unwanted.match_file(relative):
        return "excluded"
    if ignores.ignored(path):
        return "ignored by .gitignore"
    if wanted is not None:
        return None if wanted.match_file(relative) else "not included"
    is_source = path.suffix.lower() in SOURCE_SUFFIXES or path.name in _SOURCE_NAMES
    return None if is_source else "not source code"


class _Ignores:
    """The .gitignore files that apply in a folder: those above it, up to the repository, and its own."""

    def __init__(self, root: Path) -> None:
        self._specs: dict[Path, GitIgnoreSpec] = {}
        root = root.absolute()
        above = [root, *root.parents]
        repository = next((folder for folder in above if (folder / ".git").exists()), root)
        for folder in above[: above.index(repository) + 1]:
            self.enter(folder)

    def enter(self, folder: Path) -> None:
        """Read the folder's own file."""
        folder = folder.absolute()
        file = folder / ".gitignore"
        if folder not in self._specs and file.is_file():
            self._specs[folder] = GitIgnoreSpec.from_lines(file.read_text(errors="replace").splitlines())

    def ignored(self, path: Path, *, folder: bool = False) -> bool:
        """Whether a path is ignored; the file nearest to it has the last word."""
        path = path.absolute()
        for above in path.parents:
            if spec := self._specs.get(above):
                said = spec.check_file(path.relative_to(above).as_posix() + ("/" if folder else "")).include
                if said is not None:
                    return said
        return False
