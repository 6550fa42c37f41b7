"""CPU time and memory of a command with all processes below it, on Linux."""

import os
import resource
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_INTERVAL = 0.05
"""Seconds between two looks at the memory."""


class Used(NamedTuple):
    """What a command has used."""

    cpu: float
    """Seconds, user and system, of all its processes."""
    seconds: float
    """From its start to its end."""
    parent: float
    """Peak of its first process, in MB."""
    tree: float
    """Peak of all processes at one moment, in MB."""

    def __str__(self) -> str:
        return (
            f"{self.cpu:>8.1f} s CPU in {self.seconds:.0f} s, at most {self.parent:.0f} MB, "
            f"{self.tree:.0f} MB with its children"
        )


def measure_tree(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> Used:
    """Run a command, without its output, and return what it has used.

    Args:
        command: the program and its arguments.
        folder: working directory.
        environment: variables to set.

    Raises:
        SystemExit: the command was killed.
    """
    before, started = _cpu_of_children(), time.perf_counter()
    parent = tree = 0.0
    with subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | (environment or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            own, *below = [*_sizes(process.pid, _command_of(process.pid))] or [0.0]
            parent, tree = max(parent, own), max(tree, own + sum(below))
            time.sleep(_INTERVAL)
    if process.returncode < 0:
        raise SystemExit(f"{command[:6]} was killed by signal {-process.returncode}")
    return Used(_cpu_of_children() - before, time.perf_counter() - started, parent, tree)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _sizes(process: int, command: bytes) -> Iterator[float]:
    """Yield the resident memory of a process in MB, and of those below it.

    A child that has not begun its own program yet still shows the memory of its parent, and is left out.
    """
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        yield pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (thread / "children").read_text().split()):
                if (_command_of(child) or command) != command:
                    yield from _sizes(child, command)
    except (OSError, IndexError):  # it has ended
        return


def _command_of(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
