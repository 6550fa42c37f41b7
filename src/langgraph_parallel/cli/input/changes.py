"""Changes to review: a diff from git or standard input, and the current text of the files in it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from langgraph_parallel.cli.input.files import filter_paths, read_inside
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.text.diff import plain_path, read_diff
from langgraph_parallel.records import Skipped

_GIT = ("git", "-c", "core.quotepath=off")
_DIFF = (*_GIT, "diff", "--no-color", "--no-ext-diff", "--no-textconv",
         "--src-prefix=a/", "--dst-prefix=b/", "--find-renames", "--relative")  # fmt: skip
_TIMEOUT = 120
"""Seconds."""


def diff_since(revision: str, paths: Sequence[str]) -> str:
    """Return the changes in the working tree since a revision, below the current folder.

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
    try:
        done = subprocess.run(  # noqa: S603 - arguments are a list, and the revision cannot be an option
            [*_DIFF, revision, "--", *paths], capture_output=True, check=False, timeout=_TIMEOUT
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"--diff needs git, which failed: {error}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["git diff failed"]
        raise UsageError(f"cannot compare with {revision!r}: {lines[0]}; check the revision")
    return done.stdout.decode(errors="replace")


def untracked(paths: Sequence[str]) -> list[Skipped]:
    """List new files that git does not track yet, which a diff does not show."""
    done = subprocess.run(  # noqa: S603 - as above
        [*_GIT, "ls-files", "--others", "--exclude-standard", "-z", "--", *paths],
        capture_output=True,
        check=False,
        timeout=_TIMEOUT,
    )
    names = sorted(filter(None, done.stdout.decode(errors="replace").split("\0")))
    return [Skipped(path=name, reason="not in git yet, so not in the diff: git add it") for name in names]


def select_changes(
    diff: str, *, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> tuple[str, dict[str, str]]:
    """Filter a unified diff by globs, and read the files that it changes where they exist.

    Returns:
        The filtered diff, and the current text of its files by path.

    Raises:
        InputError: the text is not a unified diff.
    """
    from unidiff.patch import PatchSet

    changes, _ = read_diff(diff)
    paths = filter_paths([change.path for change in changes], include=include, exclude=exclude)
    if include or exclude:
        kept = set(paths)
        diff = "".join(str(file) for file in PatchSet(diff) if plain_path(file.path) in kept)
    here = Path.cwd()
    # Paths of a diff are relative to the repository, or to the current folder with `git diff --relative`.
    repository = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
    texts = {path: read_inside(repository, path) or read_inside(here, path) for path in paths}
    return diff, {path: text for path, text in texts.items() if text is not None}
