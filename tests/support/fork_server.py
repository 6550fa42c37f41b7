"""Processes that are forked from a small one, which has imported what they need and nothing else.

To fork the process of the tests costs many times more: all pages of the memory that it has used are copied
when they are written to next.

    python -m tests.support.fork_server module ...

Imports the modules, reads pickled functions, each after a line with its length, and answers with the id of
the process that calls it, and with its exit code.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Self

from tests.support.forked import in_fork

_ROOT = Path(__file__).parents[2]


class ForkServer:
    """The small process; it ends with the block.

    Args:
        modules: what each process would import again, beside the modules of the functions.
    """

    def __init__(self, *modules: str) -> None:
        self._modules = modules

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.support.fork_server", *self._modules]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
        )
        return self

    def start(self, work: Callable[[], object]) -> int:
        """Call a function that can be pickled in a process of its own; return the id of the process.

        The next one starts when this one has been waited for.
        """
        assert self._process.stdin is not None
        pickled = pickle.dumps(work)
        self._process.stdin.write(b"%d\n" % len(pickled) + pickled)
        self._process.stdin.flush()
        return self._answer()

    def wait(self) -> int:
        """Wait for the end of the process that was started last.

        Returns:
            The exit code: 1 if the function has raised, and negative for the signal that has ended it.
        """
        return self._answer()

    def run(self, work: Callable[[], object]) -> int:
        """Start a process, and wait for its end; return its exit code."""
        self.start(work)
        return self.wait()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def main() -> None:
    """Fork a process for every function."""
    for name in sys.argv[1:]:
        import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a function prints is no answer
    while line := sys.stdin.buffer.readline():
        work: Callable[[], object] = pickle.loads(sys.stdin.buffer.read(int(line)))
        child = in_fork(work)
        print(child.pid, file=answers, flush=True)
        print(child.wait(), file=answers, flush=True)


if __name__ == "__main__":
    main()
