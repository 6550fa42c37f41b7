"""The hooks for pre-commit: what it runs for a commit, on the files that it passes."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from langgraph_parallel.cli.app import run
from tests.cli.support import CLEAN, UNSAFE, commit_all, git, write
from tests.support.documents import blocks

ROOT = Path(__file__).parents[2]
HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
}
FILES, LINES = "langgraph-parallel-review", "langgraph-parallel-review-diff"
BOTH = pytest.mark.parametrize("id", [FILES, LINES])


def hook(id: str, *files: str, args: list[str] | None = None) -> int:
    """Run a hook on files as pre-commit does, and return its exit code."""
    program, *command = HOOKS[id]["entry"].split()
    assert program == "langgraph-parallel"
    return run([*command, *(HOOKS[id]["args"] if args is None else args), *files])


@BOTH
def test_a_commit_with_a_grave_finding_is_refused(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Another passes; the first commit of a repository and names with spaces are no exceptions."""
    git("init", "-q")
    write({"bad file.py": UNSAFE, "good file.py": CLEAN, "empty.py": ""})
    git("add", ".")
    assert hook(id, "good file.py", "empty.py") == 0
    assert hook(id, "bad file.py", "good file.py") == 1
    assert "subprocess.call(" in capsys.readouterr().out


def test_the_second_hook_looks_at_changed_lines_alone() -> None:
    """What was there before does not stop a commit; what is added does."""
    write({"a.py": UNSAFE})
    commit_all()
    write({"a.py": UNSAFE + "\n\nLIMIT = 3\n"})
    assert (hook(LINES, "a.py"), hook(FILES, "a.py")) == (0, 1)
    write({"a.py": UNSAFE + UNSAFE.replace("run", "more")})
    assert hook(LINES, "a.py") == 1


@BOTH
def test_a_name_that_looks_like_an_option_is_a_file(id: str) -> None:
    """A repository cannot add options to its review by naming files."""
    git("init", "-q")
    write({"--output=x.py": UNSAFE, "-f.py": CLEAN, "--no-engines": CLEAN})
    git("add", ".")
    assert hook(id, "-f.py", "--no-engines", "--output=x.py") == 1
    assert hook(id, "-f.py") == 0
    assert not Path("x.py").exists()


def test_nothing_is_kept_of_a_hook(capsys: pytest.CaptureFixture[str]) -> None:
    """The list of runs does not grow with each commit."""
    write({"a.py": CLEAN})
    assert hook(FILES, "a.py") == 0
    capsys.readouterr()
    assert run(["runs", "--format", "json"]) == 0
    assert "[]" in capsys.readouterr().out


def test_the_guide_says_how_to_use_the_hooks() -> None:
    """It names both, and its other arguments are taken, too."""
    (block,) = blocks("yaml")
    (repository,) = yaml.safe_load(block.code)["repos"]
    assert [configured["id"] for configured in repository["hooks"]] == [FILES]
    assert LINES in block.code
    guide = (ROOT / "docs" / "guides" / "command-line.md").read_text()
    (args,) = re.findall(r"`args: (\[.*?\])`", guide)
    (packages,) = re.findall(r"`additional_dependencies: (\[.*?\])`", guide)
    assert set(HOOKS[FILES]["additional_dependencies"]) < set(yaml.safe_load(packages))
    write({"a.py": "import hashlib\n\nprint(hashlib.md5(input().encode()))\n", "b.py": CLEAN})
    assert hook(FILES, "b.py", args=yaml.safe_load(args)) == 0
    assert hook(FILES, "a.py", args=yaml.safe_load(args)) == 1


def test_the_hooks_get_the_extras_that_they_need() -> None:
    """They are those that the command asks for; pre-commit itself installs none."""
    for id in HOOKS:
        assert HOOKS[id]["additional_dependencies"] == [".[cli,offline]"]
        assert (HOOKS[id]["language"], HOOKS[id]["require_serial"]) == ("python", True)


def test_a_hook_imports_nothing_from_the_folder_of_the_commit(tmp_path: Path) -> None:
    """The command is started as a program there, whose modules are not taken from the current folder."""
    ran = tmp_path / "ran"
    modules = ("sitecustomize", "typer", "json", "langgraph_parallel/__init__", "ruff", "bandit")
    write({f"{module}.py": f'open("{ran}", "a").write(__file__)\n' for module in modules})
    program, *command = HOOKS[FILES]["entry"].split()
    started = [str(Path(sys.executable).with_name(program)), *command, *HOOKS[FILES]["args"]]
    done = subprocess.run([*started, "json.py"], capture_output=True, text=True, check=False)
    assert (done.returncode, ran.exists()) == (0, False), done.stderr
