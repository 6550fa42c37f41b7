"""What changed: diffs from git or from standard input, with the files as they are now."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from langgraph_parallel.cli.files import keep, read_inside
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.text.diff import plain_path, read_diff
from langgraph_parallel.records import Skipped

_GIT = ("git", "-c", "core.quotepath=off", "diff", "--no-color", "--no-ext-diff", "--no-textconv",
        "--src-prefix=a/", "--dst-prefix=b/", "--find-renames", "--relative")  # fmt: skip


def diff_since(revision: str, paths: Sequence[str]) -> str:
    """The changes in the working tree since a revision, below the current folder.

    Raises:
        UsageError: git is missing, this is no repository, or there is no such revision.
    """
    if revision.startswith("-"):
        raise UsageError(f"{revision!r} is not a revision")
    for path in paths:
        if not Path(path).resolve().is_relative_to(Path.cwd()):
            raise UsageError(f"--diff looks below the current folder, and {path} is not there")
    try:
        done = subprocess.run(  # noqa: S603 - arguments are a list, and the revision cannot be an option
            [*_GIT, revision, "--", *paths], capture_output=True, check=False, timeout=120
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"--diff needs git, which does not answer: {error}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["git diff failed"]
        raise UsageError(f"cannot compare with {revision!r}: {lines[0]}")
    return done.stdout.decode(errors="replace")


def untracked(paths: Sequence[str]) -> list[Skipped]:
    """New files that git does not know yet, and a diff therefore does not show."""
    done = subprocess.run(  # noqa: S603 - as above
        [*_GIT[:3], "ls-files", "--others", "--exclude-standard", "-z", "--", *paths],
        capture_output=True,
        check=False,
        timeout=120,
    )
    names = sorted(filter(None, done.stdout.decode(errors="replace").split("\0")))
    return [Skipped(path=name, reason="not in git yet, so not in the diff: git add it") for name in names]


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
        diff = "".join(str(file) for file in PatchSet(diff) if plain_path(file.path) in wanted)
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
    texts = {path: read_inside(root, path) or read_inside(here, path) for path in paths}
    return diff, {path: text for path, text in texts.items() if text is not None}
