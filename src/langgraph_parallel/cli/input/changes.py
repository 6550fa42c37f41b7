"""Changes to review: a diff from git or standard input, and the current text of the files in it."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from langgraph_parallel.cli.input.files import filter_paths, read_inside
from langgraph_parallel.cli.input.isolated_git import Git, first_error, isolated_git
from langgraph_parallel.cli.input.repository import find_repository, named_repository
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.text.diff import Change, plain_path, read_diff
from langgraph_parallel.records import Skipped

_DIFF = ("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/",
         "--find-renames", "--relative", "--submodule=short", "--ignore-submodules=dirty")  # fmt: skip
"""Looking whether a submodule is dirty would run git in it, with its own configuration."""
_UNQUOTED = ("-c", "core.quotepath=off")


class Changes(NamedTuple):
    """What has changed.

    Attributes:
        diff: unified.
        texts: the current text of its files by path, where it can be read.
        folder: that its paths are relative to.
    """

    diff: str
    texts: dict[str, str]
    folder: Path


def diff_since(revision: str, paths: Sequence[str]) -> tuple[str, list[Skipped]]:
    """Compare the working tree with a revision, below the current folder. Nothing of the repository runs.

    Returns:
        The changes, and the new files that git does not track yet, which a diff does not show.

    Raises:
        UsageError: git is missing, this is not a repository, the revision does not exist, or a path lies
            outside the current folder.
    """
    if revision.startswith("-"):
        raise UsageError(f"{revision!r} is not a revision; expected a commit, a branch or a tag")
    for path in paths:
        if not Path(path).resolve().is_relative_to(Path.cwd()):
            raise UsageError(
                f"--diff looks below the current folder; {path} lies outside it; run it from a folder above"
            )
    repository = named_repository() or find_repository(Path.cwd())
    if repository is None:
        raise UsageError(f"cannot compare with {revision!r}: there is no git repository in {Path.cwd()}")
    with isolated_git(repository) as git:
        return _diff(git, revision, paths), _untracked(git, paths)


def _diff(git: Git, revision: str, paths: Sequence[str]) -> str:
    done = git.run(*_UNQUOTED, *_DIFF, revision, "--", *paths)
    if done.returncode and revision == "HEAD" and git.run("rev-parse", "--verify", "HEAD").returncode:
        # Before the first commit all is new: that is the difference from the tree without files.
        nothing = git.run("hash-object", "-t", "tree", os.devnull).stdout.decode().strip()
        done = git.run(*_UNQUOTED, *_DIFF, nothing, "--", *paths)
    if done.returncode == 0:
        return done.stdout.decode(errors="replace")
    way_out = "check the revision"
    if b"unable to read" in done.stderr or b"missing" in done.stderr:
        way_out = "nothing is fetched during a review: fetch the missing objects first"
    raise UsageError(f"cannot compare with {revision!r}: {first_error(done)}; {way_out}")


def _untracked(git: Git, paths: Sequence[str]) -> list[Skipped]:
    done = git.run(*_UNQUOTED, "ls-files", "--others", "--exclude-standard", "-z", "--", *paths)
    names = sorted(filter(None, done.stdout.decode(errors="replace").split("\0")))
    return [Skipped(path=name, reason="not in git yet, so not in the diff: git add it") for name in names]


def select_changes(
    diff: str, *, include: Sequence[str] = (), exclude: Sequence[str] = (), folder: Path | None = None
) -> Changes:
    """Filter a unified diff by globs, and read the files that it changes where they exist.

    Args:
        diff: unified.
        include: globs in .gitignore syntax; empty for all files.
        exclude: globs of files to leave out.
        folder: that the paths are relative to; None to see it from the files: the root of the repository, or
            the current folder (`git diff --relative`).

    Raises:
        InputError: the text is not a unified diff.
    """
    from unidiff.patch import PatchSet

    changes, _ = read_diff(diff)
    kept = set(filter_paths([change.path for change in changes], include=include, exclude=exclude))
    if include or exclude:
        diff = "".join(str(file) for file in PatchSet(diff) if plain_path(file.path) in kept)
    changes = [change for change in changes if change.path in kept]
    folders = [folder] if folder else _possible_folders()
    texts = [_texts_below(one, changes) for one in folders]
    fitting = [sum(change.lies_in(found.get(change.path, "")) for change in changes) for found in texts]
    best = fitting.index(max(fitting))
    return Changes(diff, texts[best], folders[best])


def _possible_folders() -> list[Path]:
    here = Path.cwd()
    repository = find_repository(here)
    return [here] if repository is None or repository.root == here else [repository.root, here]


def _texts_below(folder: Path, changes: Iterable[Change]) -> dict[str, str]:
    texts = {change.path: read_inside(folder, change.path) for change in changes}
    return {path: text for path, text in texts.items() if text is not None}
