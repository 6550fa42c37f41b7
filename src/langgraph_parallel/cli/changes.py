"""What changed: diffs from git or from standard input, with the files as they are now."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from langgraph_parallel.cli.files import keep, read_inside
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.diff import read_diff

_GIT = ("git", "-c", "core.quotepath=off", "diff", "--no-color", "--no-ext-diff", "--no-textconv",
        "--src-prefix=a/", "--dst-prefix=b/", "--find-renames", "--relative")  # fmt: skip


def diff_since(revision: str, paths: Sequence[str]) -> str:
    """The changes in the working tree since a revision, below the current folder.

    Raises:
        UsageError: git is missing, this is no repository, or there is no such revision.
    """
    if revision.startswith("-"):
        raise UsageError(f"{revision!r} is not a revision")
    try:
        done = subprocess.run(  # noqa: S603 - arguments are a list, and the revision cannot be an option
            [*_GIT, revision, "--", *paths], capture_output=True, check=False, timeout=120
        )
    except FileNotFoundError:
        raise UsageError("--diff needs git, which is not installed") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["git diff failed"]
        raise UsageError(f"cannot compare with {revision!r}: {lines[0]}")
    return done.stdout.decode(errors="replace")


def select(
    diff: str, *, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> tuple[str, dict[str, str]]:
    """The part of a diff that is wanted, and the files that it changes, as far as they are here.

    Raises:
        InputError: it is no unified diff.
    """
    from unidiff.patch import PatchSet

    changes, _ = read_diff(diff)
    paths = keep([change.path for change in changes], include=include, exclude=exclude)
    if include or exclude:
        wanted = set(paths)
        diff = "".join(str(file) for file in PatchSet(diff) if file.path in wanted)
    texts = {path: read_inside(Path.cwd(), path) for path in paths}
    return diff, {path: text for path, text in texts.items() if text is not None}
