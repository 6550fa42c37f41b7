"""Git on a repository that may be hostile: its objects are read, and nothing that it says is run.

The configuration of a repository names programs that git runs: monitors, filters, drivers, hooks, helpers,
transports. Options can switch off those with a known name, but not filters, whose names the repository
chooses, nor the configurations of repositories inside it. So git never sees its configuration. It works in a
folder of ours with a configuration of ours, in which links lead to the objects and refs of the repository.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from langgraph_parallel.cli.input.repository import Repository
from langgraph_parallel.errors import UsageError

_TIMEOUT = 120
"""Seconds."""
_COPIED = (
    r"^(core\.(filemode|symlinks|ignorecase|precomposeunicode|autocrlf|eol|sparsecheckout|sparsecheckoutcone)"
    r"|extensions\.objectformat|index\.sparse"
    r"|push\.default|remote\.pushdefault|remote\..*\.(fetch|push)|branch\..*\.(remote|merge|pushremote))$"
)
"""Settings of a repository that say how to read files, and what `@{upstream}` is; none names a program."""
_OF_THE_USER = r"^core\.(autocrlf|eol|excludesfile|attributesfile)$"
_USERS_CONFIGURATION = (
    "HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM",
)  # fmt: skip
"""Variables that say where the configuration of the user is."""
_PASSED_ON = ("SYSTEMROOT", "TEMP", "TMP", "TMPDIR")
_CAREFUL = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
"""Nothing is fetched, written or asked, and messages are in English."""
_OURS = (
    ("core.repositoryformatversion", "1"),
    ("core.bare", "false"),
    ("core.fsmonitor", "false"),
    ("core.hookspath", os.devnull),
    ("diff.autorefreshindex", "false"),
    ("gc.auto", "0"),
    ("protocol.allow", "never"),
)
_ATTRIBUTES = "\n* !diff !filter\n"
"""The last word about every file: no driver, no filter, and whether it is text is seen from its bytes."""


@dataclass(frozen=True)
class Git:
    """Runs git on a repository.

    Attributes:
        repository: whose objects and files are read.
        folder: the git folder that stands in for its own.
        here: folder of the working tree that it runs in; None for the current one.
    """

    repository: Repository
    folder: Path
    here: Path | None = None

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        """Run a command that only reads. Paths among the arguments stand for themselves, not for patterns.

        Raises:
            UsageError: git is missing, or takes too long.
        """
        index = os.environ.get("GIT_INDEX_FILE")  # git sets it for hooks, and a review may be one
        environment = {
            "GIT_WORK_TREE": str(self.repository.root),
            "GIT_OBJECT_DIRECTORY": str(self.repository.common_dir / "objects"),
            "GIT_INDEX_FILE": str(Path(index).absolute() if index else self.repository.git_dir / "index"),
            "GIT_LITERAL_PATHSPECS": "1",
        }
        here = self.here or Path.cwd()
        return _run(self.folder, arguments, here, _no_configuration(self.folder) | environment)


@contextlib.contextmanager
def isolated_git(repository: Repository, here: Path | None = None) -> Iterator[Git]:
    """Open a repository for git; nothing is written to it.

    Args:
        repository: to open.
        here: folder of its working tree that git runs in; None for the current one.

    Raises:
        UsageError: git is missing, a configuration cannot be read, or the refs are a reftable.
    """
    with tempfile.TemporaryDirectory(prefix="langgraph-parallel-") as name:
        folder = Path(name)
        for empty in ("objects", "refs", "info", "home"):
            (folder / empty).mkdir()
        (folder / "HEAD").write_text("ref: refs/heads/none\n")
        _write_config(folder, _OURS)
        _write_config(folder, [*_users_settings(folder), *_settings_of(repository, folder), *_OURS])
        _link(repository, folder)
        yield Git(repository, folder, here)


def _settings_of(repository: Repository, folder: Path) -> list[tuple[str, str]]:
    """Return the harmless settings of a repository.

    Raises:
        UsageError: its refs are stored in another way than this module links.
    """
    file = repository.common_dir / "config"
    if not file.is_file():
        return []
    environment = _no_configuration(folder)
    where = (f"--file={file}", "--no-includes")
    storage = _read_settings(folder, environment, *where, "--get-regexp", r"^extensions\.refstorage$")
    if any(value != "files" for _, value in storage):
        raise UsageError(
            "--diff reads refs that are files, and those of this repository are a reftable; pass the changes "
            "instead: git diff REV | langgraph-parallel review -"
        )
    return _read_settings(folder, environment, *where, "--get-regexp", _COPIED)


def _users_settings(folder: Path) -> list[tuple[str, str]]:
    """Return settings of the user and of the system that say how to read files, and which to leave out."""
    own = Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")) / "git"
    defaults = [("core.excludesfile", str(own / "ignore")), ("core.attributesfile", str(own / "attributes"))]
    environment = {name: os.environ[name] for name in _USERS_CONFIGURATION if name in os.environ}
    return [*defaults, *_read_settings(folder, environment, "--type=path", "--get-regexp", _OF_THE_USER)]


def _read_settings(folder: Path, environment: Mapping[str, str], *arguments: str) -> list[tuple[str, str]]:
    """Return settings by name, in their order.

    Raises:
        UsageError: a configuration cannot be read.
    """
    done = _run(folder, ["config", "--null", *arguments], folder, environment)
    if done.returncode > 1:  # 1 means that there are none
        raise UsageError(f"--diff needs the configuration of git: {first_error(done)}")
    entries = [entry.partition("\n") for entry in os.fsdecode(done.stdout).split("\0") if entry]
    return [(name, value if separator else "true") for name, separator, value in entries]


def first_error(done: "subprocess.CompletedProcess[bytes]") -> str:
    """Return the first line that a command wrote to standard error."""
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[0] if lines else "git failed"


def _no_configuration(folder: Path) -> dict[str, str]:
    """Return variables by which git finds no other configuration than that of its git folder."""
    home = str(folder / "home")
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return {"HOME": home, "XDG_CONFIG_HOME": home, **nothing}


def _write_config(folder: Path, settings: Sequence[tuple[str, str]]) -> None:
    """Write a configuration file; whatever a value holds, it stays one value."""
    lines = []
    for name, value in settings:
        section, _, rest = name.partition(".")
        subsection, dot, key = rest.rpartition(".")
        head = f'[{section} "{_escaped(subsection)}"]' if dot else f"[{section}]"
        lines.append(f'{head}\n\t{key} = "{_escaped(value)}"\n')
    (folder / "config").write_bytes(os.fsencode("".join(lines)))


def _escaped(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text).replace("\n", r"\n")


def _link(repository: Repository, folder: Path) -> None:
    """Let a git folder of ours see the refs and objects of a repository; only plain files and folders."""
    git_dir, common_dir = repository.git_dir, repository.common_dir
    (folder / "refs").rmdir()
    (folder / "refs").symlink_to(common_dir / "refs")
    (folder / "logs").mkdir()
    for name in ("HEAD", "logs/HEAD"):  # git takes no links here
        if (git_dir / name).is_file():
            shutil.copyfile(git_dir / name, folder / name)
    for file in [*git_dir.glob("*_HEAD"), *git_dir.glob("sharedindex.*")]:
        if file.is_file():
            (folder / file.name).symlink_to(file)
    for name in ("packed-refs", "shallow", "info/exclude"):
        if (common_dir / name).is_file():
            (folder / name).symlink_to(common_dir / name)
    if (common_dir / "logs/refs").is_dir():
        (folder / "logs/refs").symlink_to(common_dir / "logs/refs")
    attributes = common_dir / "info/attributes"
    own = attributes.read_bytes() if attributes.is_file() else b""
    (folder / "info/attributes").write_bytes(own + _ATTRIBUTES.encode())


def find_git() -> str | None:
    """Return the path of git; None if it is not installed."""
    return shutil.which("git", path=_search_path())


def _search_path() -> str:
    """Return the folders of programs, without those that depend on the current folder."""
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(filter(os.path.isabs, places))


def _run(
    git_dir: Path, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[bytes]":
    """Run git in a folder, with an environment of ours.

    Raises:
        UsageError: git is missing, or takes too long.
    """
    git = find_git()
    if git is None:
        raise UsageError("--diff needs git, which is not installed")
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        return subprocess.run(  # noqa: S603 - arguments are a list
            [git, "--no-pager", *arguments],
            cwd=folder,
            env={**passed_on, "PATH": _search_path(), "GIT_DIR": str(git_dir), **_CAREFUL, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise UsageError(f"--diff needs git, which did not finish within {_TIMEOUT} s") from None
