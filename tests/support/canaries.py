"""A repository in which everything that can name a program names one that leaves a mark when it runs.

The tables list the ways, and which of them git takes by itself, so that a test can see that marks are real.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.support import git

PROGRAMS: dict[str, tuple[str | None, bool]] = {
    "core.fsmonitor": (None, True),
    "filter.cleaned.clean": ("filter=cleaned", True),
    "filter.smudged.smudge": ("filter=smudged", True),
    "filter.processed.process": ("filter=processed", True),
    "diff.external": (None, True),
    "diff.driven.command": ("diff=driven", True),
    "diff.shown.textconv": ("diff=shown", True),
    "merge.merged.driver": ("merge=merged", False),
}
"""Settings by which git looks at a working tree, and whose value is a program: the attribute of a file that
asks for it, and whether git runs it for `status` or `diff`."""

OTHER_PROGRAMS = (
    "core.pager", "pager.diff", "pager.config", "pager.ls-files", "core.editor", "sequence.editor",
    "interactive.diffFilter", "core.askPass", "credential.helper", "gpg.program", "gpg.ssh.program",
    "gpg.x509.program", "gpg.ssh.defaultKeyCommand", "core.sshCommand", "core.gitProxy",
    "core.alternateRefsCommand", "uploadpack.packObjectsHook", "remote.origin.uploadpack",
    "remote.origin.receivepack", "remote.origin.vcs", "difftool.tool.cmd", "mergetool.tool.cmd",
    "browser.tool.cmd", "man.tool.cmd", "guitool.tool.cmd", "trailer.sign.command", "trailer.sign.cmd",
    "submodule.sub.update", "alias.diff", "alias.ls-files", "alias.config",
)  # fmt: skip
"""Other settings whose value is a program: it shows, edits, signs, asks, fetches, serves, or is an alias."""

FILTERS = {
    "included": "a file that the configuration includes",
    "included-if": "a file that it includes if the folder matches",
    "of-the-worktree": "the configuration of one working tree",
    "by-attributes-file": "attributes in a file that the configuration names",
    "by-info-attributes": "attributes in the git folder",
    "by-macro": "an attribute that is a macro",
}
"""Filters by the place from which they come into effect; `git diff` runs each."""
EMBEDDED = ("embedded-fsmonitor", "embedded-filter")
"""Programs of a repository inside of the repository; `git diff` runs both."""

HOOKS = (
    "applypatch-msg", "commit-msg", "fsmonitor-watchman", "p4-changelist", "p4-post-changelist",
    "p4-pre-submit", "p4-prepare-changelist", "post-applypatch", "post-checkout", "post-commit",
    "post-index-change", "post-merge", "post-receive", "post-rewrite", "post-update", "pre-applypatch",
    "pre-auto-gc", "pre-commit", "pre-merge-commit", "pre-push", "pre-rebase", "pre-receive",
    "prepare-commit-msg", "proc-receive", "push-to-checkout", "reference-transaction", "sendemail-validate",
    "update",
)  # fmt: skip
"""All hooks of git; `git status` runs `post-index-change`."""

MODULES = (
    "sitecustomize", "usercustomize", "conftest", "setup", "noxfile", "json", "ast", "typing", "subprocess",
    "tokenize", "re", "os", "logging", "importlib", "asyncio", "sqlite3", "typer", "rich", "pydantic",
    "langgraph", "langgraph_parallel", "bandit", "ruff", "flake8", "pycodestyle", "pyflakes", "mccabe",
    "dlint", "vulture", "yaml", "stevedore", "pluggy", "mypy", "pylint", "plugin",
)  # fmt: skip
"""Modules that a process would import from its current folder in place of those that it means."""

NAMES = (
    "$(touch {0}).py", "`touch {0}`.py", ";touch {0};.py", "|touch {0}", "-o{0}.py", "--output={0}",
    "!touch {0}.py", "a\ntouch {0}\n.py", ":(exclude)*.py", ":!{0}.py", "%(touch {0}).py", "[red]{0}.py",
)  # fmt: skip
"""Names of files that a shell, or git, could take for something else."""


class Canaries:
    """Programs that leave marks, and repositories that name them.

    Args:
        folder: empty; outside of the repositories.
    """

    def __init__(self, folder: Path) -> None:
        self._programs, self._marks = folder / "programs", folder / "marks"
        self._programs.mkdir(parents=True)
        self._marks.mkdir()

    def program(self, name: str, *, ends: bool = False) -> str:
        """Return the path of a program that leaves a mark.

        Args:
            name: of the mark.
            ends: whether it does nothing else, and fails; otherwise it prints what it is given.
        """
        file = self._programs / name.replace("/", "_")
        rest = "exit 1" if ends else 'test $# = 1 && exec cat "$1"\nexec cat'
        file.write_text(f"#!/bin/sh\n: > '{self._marks}/{file.name}'\n{rest}\n")
        file.chmod(0o755)
        return str(file)

    def module(self, name: str) -> str:
        """Return the source of a module that leaves a mark when it is imported."""
        return f"open({str(self._marks / name)!r}, 'w').close()\n"

    def taken(self) -> set[str]:
        """Return the names of the marks so far, and remove them."""
        marks = list(self._marks.iterdir())
        for mark in marks:
            mark.unlink()
        return {mark.name for mark in marks}


def make_repository(canaries: Canaries, folder: Path) -> None:
    """Make a repository with all canaries, each in a file of its own that has changed since the commit."""
    folder.mkdir()
    os.chdir(folder)
    git("init", "-q", "-b", "main")
    files, attributes, settings = {}, [], {}
    programs = PROGRAMS | dict.fromkeys(OTHER_PROGRAMS, (None, False))
    for number, (key, (attribute, _)) in enumerate(programs.items()):
        files[f"program_{number}.py"] = "X = 1\n"
        attributes += [f"program_{number}.py {attribute}"] if attribute else []
        settings[key] = canaries.program(key)
    for name in FILTERS:
        files[f"{name}.py"] = "X = 1\n"
    attributes += [f"{name}.py filter={name}" for name in ("included", "included-if", "of-the-worktree")]
    attributes += ["[attr]macro filter=by-macro", "by-macro.py macro"]
    files |= {name.format("fired"): "X = 1\n" for name in NAMES}
    files |= {f"{name}.py": canaries.module(f"{name}.py") for name in MODULES}
    files |= _configurations(canaries)
    for file, text in files.items():
        Path(file).write_text(text)
    _embed(canaries, Path("sub"))
    git("--literal-pathspecs", "add", ".")
    git("commit", "-qm", "one")
    Path(".gitattributes").write_text("\n".join(attributes) + "\n")
    for file in files:
        if file.endswith(".py") and file.removesuffix(".py") not in MODULES:
            Path(file).write_text("X = 1\nY = 2\n")
    Path("sub/a.py").write_text("X = 2\n")  # of the same size, so that git has to read it
    _hooks(canaries, Path(".git/our-hooks"))
    _settings(canaries, settings)


def _settings(canaries: Canaries, settings: dict[str, str]) -> None:
    """Write the configuration last: git would run it while the repository is made."""
    lines = []
    plain = {
        "core.attributesFile": ".git/attributes-file",
        "core.hooksPath": ".git/our-hooks",
        "core.worktree": "..",
        "core.repositoryFormatVersion": "1",
        "log.showSignature": "true",
        "alias.status": "!" + canaries.program("alias.status"),
        "include.path": "included",
        "includeIf.gitdir:**.path": "included-if",
        "extensions.worktreeConfig": "true",
        "protocol.allow": "always",
    }
    for name in ("by-attributes-file", "by-info-attributes", "by-macro"):
        plain[f"filter.{name}.clean"] = canaries.program(name)
    for key, value in (settings | plain).items():
        section, _, rest = key.partition(".")
        subsection, dot, name = rest.rpartition(".")
        lines += [f'[{section} "{subsection}"]' if dot else f"[{section}]", f"\t{name} = {value}"]
    for name, file in (
        ("included", "included"),
        ("included-if", "included-if"),
        ("of-the-worktree", "config.worktree"),
    ):
        Path(".git", file).write_text(f'[filter "{name}"]\n\tclean = {canaries.program(name)}\n')
    Path(".git/attributes-file").write_text("by-attributes-file.py filter=by-attributes-file\n")
    Path(".git/info/attributes").write_text("by-info-attributes.py filter=by-info-attributes\n")
    # A setting that is harmless by its name, and whose value is not, for whoever copies it.
    injected = f"refs/heads/x\\n[core]\\n\\tfsmonitor = {canaries.program('injected')}"
    lines += ['[branch "a\\"]\\\\"]', f'\tmerge = "{injected}"']
    with Path(".git/config").open("a") as config:
        config.write("\n".join(lines) + "\n")


def _embed(canaries: Canaries, folder: Path) -> None:
    """Make a repository inside of another one, which holds its commit as it holds that of a submodule."""
    folder.mkdir()
    with_identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    (folder / "a.py").write_text("X = 1\n")
    (folder / ".gitattributes").write_text("*.py filter=embedded\n")
    for command in (["init", "-q"], ["add", "."], [*with_identity, "commit", "-qm", "one"]):
        git("-C", str(folder), *command)
    config = folder / ".git/config"
    with config.open("a") as opened:
        opened.write(f"[core]\n\tfsmonitor = {canaries.program('embedded-fsmonitor')}\n")
        opened.write(f'[filter "embedded"]\n\tclean = {canaries.program("embedded-filter")}\n')


def _hooks(canaries: Canaries, folder: Path) -> None:
    folder.mkdir()
    for hook in HOOKS:
        (folder / hook).symlink_to(canaries.program(f"hook-{hook}"))


def _configurations(canaries: Canaries) -> dict[str, str]:
    """Return files that configure static engines: each names a plug-in, or code, of the repository."""
    flake8 = "[flake8:local-plugins]\nextension =\n  XYZ = plugin:Check\npaths = .\n"
    return {
        ".flake8": flake8,
        "setup.cfg": flake8 + "[mypy]\nplugins = plugin\n[tool:pytest]\naddopts = -p plugin\n",
        "tox.ini": flake8,
        ".bandit": "[bandit]\nskips = B602\n",
        "bandit.yaml": "plugins: [plugin]\n",
        "mypy.ini": "[mypy]\nplugins = plugin\n",
        ".pylintrc": f"[MAIN]\ninit-hook={canaries.module('pylint init-hook')}load-plugins=plugin\n",
        "pylintrc": f"[MASTER]\ninit-hook={canaries.module('pylint init-hook')}",
        "ruff.toml": 'extend = "pyproject.toml"\n',
        ".ruff.toml": 'extend = "ruff.toml"\n',
        "pyproject.toml": "[tool.vulture]\nmin_confidence = 100\n[tool.mypy]\nplugins = ['plugin']\n"
        "[tool.pylint.main]\nload-plugins = ['plugin']\n[tool.ruff]\nextend = 'other.toml'\n",
        "evil.pth": f"import os; {canaries.module('evil.pth')}",
    }


def expected_of_plain_git() -> set[str]:
    """Return the canaries that git is known to run when it looks at changes."""
    settings = {key for key, (_, runs) in PROGRAMS.items() if runs}
    return {*settings, *FILTERS, *EMBEDDED, "hook-post-index-change"}


def fired_by_plain_git(canaries: Canaries) -> set[str]:
    """Return the canaries that git runs in the current folder when it looks at the changes."""
    for command in (["status"], ["diff", "HEAD"], ["diff", "--no-ext-diff", "HEAD"]):
        subprocess.run(["git", *command], capture_output=True, check=False, env=_user())
    return canaries.taken()


def fired_by_plain_engines(canaries: Canaries) -> set[str]:
    """Return the canaries that run when an engine is started in the current folder, also isolated from it."""
    for isolation in ([], ["-I"]):
        command = [sys.executable, *isolation, "-m", "flake8", "sub"]
        subprocess.run(command, capture_output=True, check=False, env=_user())
    return canaries.taken()


def _user() -> dict[str, str]:
    return os.environ | {"GIT_PAGER": "cat"}
