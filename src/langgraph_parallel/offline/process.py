"""Engines as processes: no shell, a time limit, no secrets, and never the code under review.

Engines parse untrusted files. In a process of their own, a crash or an endless loop cannot take the run down:
the process is killed. Without the environment of the run, an engine cannot leak its secrets, and PYTHON*
variables cannot inject modules.
"""

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
    """An engine failed."""


class Output(NamedTuple):
    """The exit code and the output of a process."""

    code: int
    stdout: str
    stderr: str

    @property
    def last_error_line(self) -> str:
        """The last line of stderr."""
        return (self.stderr.strip().splitlines() or ["no message"])[-1]


async def run_module(
    module: str, arguments: Sequence[str], folder: Path, *, timeout: float, codes: Sequence[int]
) -> Output:
    """Run `python -m module` in a folder.

    The interpreter is isolated (`-I`): modules in the folder or in the user's site directory cannot shadow
    the engine's. Only a few harmless environment variables are passed on.

    Args:
        module: name of the module.
        arguments: command line arguments.
        folder: working directory.
        timeout: maximum seconds.
        codes: exit codes that mean success.

    Raises:
        EngineError: the exit code is not in `codes`.
        TimeoutError: the process was killed after `timeout` seconds.
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
            # The loop holds the future: a second cancellation ends this await, but not the reaping.
            reaping = asyncio.ensure_future(process.wait())
            loop_local("reaping", set[asyncio.Future[int]]).add(reaping)
            await asyncio.shield(reaping)
    output = Output(process.returncode or 0, stdout.decode(errors="replace"), stderr.decode(errors="replace"))
    if output.code not in codes:
        raise EngineError(f"{module} exited with code {output.code}: {output.last_error_line}")
    return output
