"""Start-up: `--version` and `--help` are quick, complete and readable."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.commands import COMMANDS
from langgraph_parallel.runtime.limits import Limits
from tests.cli.support import MAIN, PATIENCE

NAMES = [command.__name__ for command in COMMANDS]


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints it and exits with 0."""
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"{version('langgraph-parallel')}\n"


def test_help_lists_every_command_in_a_whole_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """No line of the overview is cut off."""
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.partition("Commands:\n")[2].splitlines()[: len(NAMES)]] == NAMES
    assert "..." not in out.partition("Commands:\n")[2]


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """It goes to standard error, and the exit code is that of bad usage."""
    assert run([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Usage: langgraph-parallel ")
    assert "Commands:" in err


@pytest.mark.parametrize("name", ["", *NAMES])
def test_help_has_a_short_form(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`-h` is `--help`, of the whole and of each command."""
    shown = []
    for option in ("-h", "--help"):
        assert run([*name.split(), option]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


@pytest.mark.parametrize("name", NAMES)
def test_options_that_commands_share_have_the_same_short_forms(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever an option with a short form occurs, it has that form."""
    short = {"--format": "-f", "--output": "-o", "--quiet": "-q", "--model": "-m", "--concurrency": "-j"}
    assert run([name, "--help"]) == 0
    words = capsys.readouterr().out.replace(",", "").split()
    for option, form in short.items():
        assert all(
            words[i - 1] == form for i, word in enumerate(words) if word == option and words[i - 1][0] == "-"
        )
        assert (option in words) <= (form in words), option


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
@pytest.mark.parametrize("name", ["", *NAMES])
def test_help_is_never_cut(
    name: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a terminal of any width, each sentence is there to its end."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run([*name.split(), "--help"]) == 0
    _, _, below_usage = capsys.readouterr().out.partition("\n\n")
    words = " ".join(below_usage.split())
    assert "..." not in words
    for command in COMMANDS if not name else ():
        assert " ".join((command.__doc__ or "").partition("\n\n")[0].split()) in words


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_completion_is_installed_and_completes(tmp_path: Path) -> None:
    """What `--install-completion` writes makes bash complete commands, options and values."""
    command = tmp_path / "bin" / "langgraph-parallel"
    command.parent.mkdir()
    command.write_text(f"#!{sys.executable}\n{MAIN}\n")
    command.chmod(0o755)
    script = (
        "langgraph-parallel --install-completion >/dev/null && source ~/.bashrc\n"
        'complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        "_langgraph_parallel_completion langgraph-parallel; echo ${COMPREPLY[@]}; }\n"
        "complete_words langgraph-parallel mod\n"
        "complete_words langgraph-parallel review --fail-on ''\n"
        "complete_words langgraph-parallel vote --no-trace\n"
    )
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
    }
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=PATIENCE, env=environment, check=False
    )
    assert done.stdout.splitlines() == ["moderate", "high medium low", "--no-trace-contents"], done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every option has a description."""
    assert run([name, "--help"]) == 0
    options = capsys.readouterr().out.partition("Options:\n")[2].splitlines()
    for line, following in zip(options, [*options[1:], ""], strict=True):
        has_text = "  " in line.strip() or following.startswith("        ")
        assert has_text or not line.startswith("  --"), line


def test_defaults_in_the_help_are_those_of_the_limits(capsys: pytest.CaptureFixture[str]) -> None:
    """They are written by hand, because importing the limits would slow down `--help`."""
    assert run(["review", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    limits = Limits()
    for option, value in {
        "--timeout": limits.call_timeout,
        "--concurrency": limits.concurrency,
        "--grace": limits.grace,
        "--hedge": limits.hedge,
        "--samples": limits.samples,
        "--max-tokens": limits.section_tokens,
    }.items():
        shown = value if isinstance(value, str) else f"{value:g}"
        assert f"[default: {shown}]" in out.partition(f" {option} ")[2].partition(" --")[0], option


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], *([name, "--help"] for name in NAMES)])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """No command's work is imported before a command runs."""
    heavy = {"langgraph", "langchain_core", "pydantic", "rich", "langgraph_parallel.records"}
    listing = f"atexit.register(lambda: print('loaded', *({heavy} & sys.modules.keys())))"
    code = f"import atexit, sys\n{listing}\n{MAIN}"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded"


@pytest.mark.parametrize("module", ["typer", "platformdirs"])
def test_without_the_extra_the_command_says_what_to_install(module: str) -> None:
    """A bare installation has the command, and it names the extra; so does an incomplete one."""
    code = f"import sys; sys.modules[{module!r}] = None\n{MAIN}"
    done = subprocess.run(
        [sys.executable, "-c", code, "runs"], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 2
    assert "pip install 'langgraph-parallel[cli,offline]'" in done.stderr
    assert "Traceback" not in done.stderr
