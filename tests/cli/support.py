"""Helpers for tests of the command line."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

MAIN = "from langgraph_parallel.cli import main; main()"
PATIENCE = 120.0
"""Seconds to wait for another process: on a busy machine its imports alone may take many."""
UNSAFE = "import subprocess\n\n\ndef run(name):\n    subprocess.call('ls ' + name, shell=True)\n"
CLEAN = '"""A module."""\n\nLIMIT = 3\n'


def write(files: Mapping[str, str | bytes]) -> None:
    """Write files below the current folder."""
    for name, content in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def git(*arguments: str) -> str:
    """Run git in the current folder and return its output."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout


def commit_all() -> None:
    """Make a repository of the current folder, with one commit."""
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")


@contextmanager
def started(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Start the command line in a process of its own; kill it if a test leaves it running."""
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def read_line(process: "subprocess.Popen[str]") -> str:
    """Return the next line that a process writes to standard error."""
    assert process.stderr is not None
    return process.stderr.readline()
