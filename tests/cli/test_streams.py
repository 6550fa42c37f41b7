"""Standard streams that are closed, full or not read, in a process of its own."""

import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from langgraph_parallel.cli.app import run
from tests.cli.support import MAIN, PATIENCE, write

TEXT = "A tram runs along the river. It stops at the old mill.\n"
BRIEF = "brief --offline a.md"


def shell(arguments: str, redirections: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line in a shell that redirects its streams."""
    command = f"{shlex.join([sys.executable, '-c', MAIN])} {arguments} {redirections}"
    return subprocess.run(command, shell=True, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("arguments", "redirections", "message"),
    [
        (BRIEF, ">/dev/full", "cannot write to standard output: No space left on device"),
        (BRIEF, ">&-", "standard output is closed"),
        ("brief --help", ">/dev/full", "No space left on device"),
        ("--version", ">/dev/full", "cannot write to standard output: No space left on device"),
        ("--version", ">&-", "standard output is closed"),
        (f"{BRIEF} --output /dev/full", "", "cannot write all of the result to /dev/full: No space left"),
        ("moderate --offline -", "<&-", "cannot moderate standard input: it has no text"),
    ],
)
def test_a_result_that_cannot_be_written_is_an_error(arguments: str, redirections: str, message: str) -> None:
    """The last line says so, nothing else fails after it, and the exit code is 2."""
    write({"a.md": TEXT})
    done = shell(arguments, redirections)
    last = done.stderr.splitlines()[-1]
    assert (done.returncode, last.startswith("langgraph-parallel: error: ")) == (2, True), done.stderr
    assert message in last
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@cache
def quiet() -> str:
    """Return what the brief prints where nothing is told beside it; the first test that asks runs it."""
    return shell(f"{BRIEF} --quiet", "").stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("redirections", ["2>/dev/full", "2>&-", "2>&- <&-"])
def test_progress_that_cannot_be_written_does_not_stop_a_run(redirections: str) -> None:
    """The result is complete, and no progress is written into it."""
    write({"a.md": TEXT})
    done = shell(BRIEF, redirections)
    assert (done.returncode, done.stdout) == (0, quiet())
    assert "tram" in done.stdout


def test_a_closed_output_does_not_matter_where_a_file_is_named() -> None:
    """A service without standard streams writes its result to a file, and nothing else into it."""
    write({"a.md": TEXT})
    done = shell(f"{BRIEF} --output b.md --format markdown", "<&- >&- 2>&-")
    assert (done.returncode, "tram" in Path("b.md").read_text()) == (0, True)


def test_a_file_whose_name_is_not_utf8_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Alone it is the reason of the error; beside others it is in the report, with a replacement."""
    write({b"caf\xe9.py".decode(errors="surrogateescape"): "x = 1\n"})
    assert run(["review", ".", "--offline", "--no-keep"]) == 2
    assert "; cannot read caf" in (err := capsys.readouterr().err)
    assert err.endswith(" (its name is not UTF-8)\n")
    write({"a.py": "x = 1\n"})
    for form in ("text", "markdown", "json", "sarif"):
        assert run(["review", ".", "--offline", "--no-keep", "-f", form, "-o", str(tmp_path / form)]) == 0
        assert (tmp_path / form).read_text(encoding="utf-8")


def test_an_interrupt_while_modules_are_imported_is_no_traceback() -> None:
    """The first import of the command line is interrupted, as by a Ctrl-C right after the start."""
    code = """
import sys
from importlib.abc import MetaPathFinder
class Interrupting(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "langgraph_parallel.cli.app":
            raise KeyboardInterrupt
from langgraph_parallel.cli import main
sys.meta_path.insert(0, Interrupting())
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
