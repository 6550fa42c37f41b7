"""Changes to review: a diff from git or standard input, and the current text of the files in it."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from langgraph_parallel.cli.input.isolated_git import Git, first_error, isolated_git
from langgraph_parallel.cli.input.repository import find_repository, named_repository
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.text.diff import NOT_UTF8_TEXT, Change, Texts, read_diff, readable, without
from langgraph_parallel.nodes.text.diffs.hunks import NOT_UTF8
from langgraph_parallel.reading.files import Globs, read_inside
from langgraph_parallel.records import Skipped

_DIFF = ("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/",
         "--find-renames", "--relative", "--submodule=short", "--ignore-submodules=dirty")  # fmt: skip
"""Looking whether a submodule is dirty would run git in it, with its own configuration."""
_UNQUOTED = ("-c", "core.quotepath=off")


class Changes(NamedTuple):
    """What has changed.

    Attributes:
        diff: unified.
        texts: the current text of its files by path, where it has the lines of the diff.
        folder: that its paths are relative to.
        skipped: what is not in the diff, or cannot be read there, with the reasons.
    """

    diff: str
    texts: dict[str, str]
    folder: Path
    skipped: list[Skipped]


def diff_since(revision: str, paths: Sequence[str], folder: Path | None = None) -> tuple[str, list[Skipped]]:
    """Compare the working tree with a revision, below a folder. Nothing of the repository runs.

    Args:
        revision: of git.
        paths: files and folders to compare; empty for all.
        folder: resolved; None for the current one, in the repository that git names to its hooks, if it does.

    Returns:
        The changes, and the new files that git does not track yet, which a diff does not show.

    Raises:
        UsageError: git is missing, this is not a repository, the revision does not exist, or a path lies
            outside the folder.
    """
    here = folder or Path.cwd()
    if revision.startswith("-"):
        raise UsageError(f"{revision!r} is not a revision; expected a commit, a branch or a tag")
    for path in paths:
        if not Path(path).resolve().is_relative_to(here):
            raise UsageError(
                f"--diff looks below the current folder; {path} lies outside it; run it from a folder above"
            )
    repository = (None if folder else named_repository()) or find_repository(here)
    if repository is None:
        raise UsageError(f"cannot compare with {revision!r}: there is no git repository in {here}")
    with isolated_git(repository, here) as git:
        return _diff(git, revision, paths), _untracked(git, paths)


def _diff(git: Git, revision: str, paths: Sequence[str]) -> str:
    done = git.run(*_UNQUOTED, *_DIFF, revision, "--", *paths)
    if done.returncode and revision == "HEAD" and git.run("rev-parse", "--verify", "HEAD").returncode:
        # Before the first commit all is new: that is the difference from the tree without files.
        nothing = git.run("hash-object", "-t", "tree", os.devnull).stdout.decode().strip()
        done = git.run(*_UNQUOTED, *_DIFF, nothing, "--", *paths)
    if done.returncode == 0:
        return done.stdout.decode(errors="surrogateescape")
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
        diff: unified; bytes that are not UTF-8 as surrogates.
        include: globs in .gitignore syntax; empty for all files.
        exclude: globs of files to leave out.
        folder: that the paths are relative to; None to see it from the files: the root of the repository, or
            the current folder (`git diff --relative`).

    Raises:
        InputError: the text is not a unified diff.
    """
    changes, skipped = read_diff(diff)
    candidates = [_located(changes, one) for one in ([folder] if folder else _possible_folders())]
    best = max(candidates, key=lambda one: one.fitting)
    left_out: list[Skipped] = []
    if include or exclude:
        globs = Globs.parse(include, exclude)
        diff, left_out = _filtered(diff, lambda path: globs.reason_to_leave_out(best.paths.get(path, path)))
        _, skipped = read_diff(diff)
    not_utf8 = [  # in the diff no longer, and in files that declare another encoding it is text
        item for item in skipped if item.reason == NOT_UTF8_TEXT and item.path not in best.paths
    ]
    return Changes(readable(NOT_UTF8.sub("\ufffd", diff)), best.texts, best.folder, [*left_out, *not_utf8])


def _filtered(diff: str, reason: Callable[[str], str | None]) -> tuple[str, list[Skipped]]:
    """Take files out of a diff, and name them."""
    rest, names = without(diff, lambda paths: reason(paths[0]) is not None)
    return rest, [Skipped(path=readable(name), reason=reason(name) or "") for name in names]


class _Located(NamedTuple):
    """The files of a diff in a folder: paths by what their names most likely stand for, and texts."""

    folder: Path
    paths: dict[str, str]
    texts: dict[str, str]
    fitting: int


def _located(changes: Iterable[Change], folder: Path) -> _Located:
    files = Texts(partial(read_inside, folder))
    fitting = [(change.path, path) for change in changes for path, fits in [files.locate(change)] if fits]
    texts = {path: files.text(path) or "" for _, path in fitting}
    return _Located(folder, dict(fitting), texts, len(fitting))


def _possible_folders() -> list[Path]:
    here = Path.cwd()
    repository = find_repository(here)
    return [here] if repository is None or repository.root == here else [repository.root, here]
