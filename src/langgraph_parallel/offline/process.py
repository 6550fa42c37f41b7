"""Run an engine as a process: no shell, a time limit, no secrets, never the code that it looks at."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from langgraph_parallel.errors import ParallelError
from langgraph_parallel.runtime.loops import loop_local

_PASSED_ON = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG", "LC_ALL")


class EngineError(ParallelError):
    """An engine could not be run, or did not finish."""


class Output(NamedTuple):
    """How a process has ended, and what it has printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def last_words(self) -> str:
        """The last line of its errors."""
        return (self.stderr.strip().splitlines() or ["no message"])[-1]


async def run_module(
    module: str, arguments: Sequence[str], folder: Path, *, timeout: float, codes: Sequence[int]
) -> Output:
    """Run `python -m module` on files in a folder.

    The interpreter is isolated (`-I`): neither the folder that it runs in nor the user's settings can put
    a module in its way, and of the environment it gets a few harmless variables only.

    Raises:
        EngineError: it exits with a code that is not among `codes`.
        TimeoutError: it takes longer than `timeout` seconds; it is killed.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        module,
        *arguments,
        cwd=folder,
        env=environment | {"PYTHONIOENCODING": "utf-8"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(timeout):
            stdout, stderr = await process.communicate()
    except TimeoutError:
        raise TimeoutError(f"{module} did not finish within {timeout:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            reaping = asyncio.ensure_future(process.wait())
            loop_local("reaping", set[asyncio.Future[int]]).add(reaping)  # a second cancellation leaves it
            await asyncio.shield(reaping)
    output = Output(process.returncode or 0, stdout.decode(errors="replace"), stderr.decode(errors="replace"))
    if output.code not in codes:
        raise EngineError(f"{module} exited with code {output.code}: {output.last_words}")
    return output
