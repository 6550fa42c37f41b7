"""Engines as processes: no shell, a limit of CPU time, no secrets, and never the code under review.

Engines parse untrusted files. In a process of their own, a crash or an endless loop cannot take the run down:
the process is killed. What is limited is the time on the processor: a loaded or slow machine takes longer for
the same work, and that is no failure. Without the environment of the run, an engine cannot leak its secrets,
and PYTHON* variables cannot inject modules.
"""

import asyncio
import contextlib
import math
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from langgraph_parallel.errors import ParallelError
from langgraph_parallel.runtime.loops import loop_local

_HANGS = 3600.0
"""Seconds after which a process is killed although it has used little CPU time: it waits for something that
does not come."""
_LAUNCHER = """
import runpy, sys
try:
    import resource
except ImportError:  # not on Windows
    pass
else:
    most, (_, hard) = int(sys.argv[1]), resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard < 0 else min(most, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
del sys.argv[:2]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""Run a module as `python -m` does, within a limit of CPU time, and without a core dump of what it has read.
The limit holds for a program, too, that the module replaces itself with."""
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
    module: str,
    arguments: Sequence[str],
    folder: Path,
    *,
    cpu_seconds: float,
    codes: Sequence[int],
    hangs_after: float = _HANGS,
) -> Output:
    """Run `python -m module` in a folder.

    The interpreter is isolated (`-I`): modules in the folder or in the user's site directory cannot shadow
    the engine's. Only a few harmless environment variables are passed on.

    Args:
        module: name of the module.
        arguments: command line arguments.
        folder: working directory.
        cpu_seconds: maximum seconds of CPU time, rounded up; however long the process waits for a processor.
        codes: exit codes that mean success.
        hangs_after: maximum seconds in all.

    Raises:
        EngineError: the exit code is not in `codes`.
        TimeoutError: the process was killed after `cpu_seconds` or `hangs_after`.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    most = math.ceil(cpu_seconds)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-c",
        _LAUNCHER,
        str(most),
        module,
        *arguments,
        cwd=folder,
        env=environment | {"PYTHONIOENCODING": "utf-8"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(hangs_after):
            stdout, stderr = await process.communicate()
    except TimeoutError:
        raise TimeoutError(f"{module} did not finish within {hangs_after:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            # The loop holds the future: a second cancellation ends this await, but not the reaping.
            reaping = asyncio.ensure_future(process.wait())
            loop_local("reaping", set[asyncio.Future[int]]).add(reaping)
            await asyncio.shield(reaping)
    output = Output(process.returncode or 0, stdout.decode(errors="replace"), stderr.decode(errors="replace"))
    if output.code == -getattr(signal, "SIGXCPU", 0) != 0:
        raise TimeoutError(f"{module} did not finish within {most} s of CPU time")
    if output.code not in codes:
        raise EngineError(f"{module} exited with code {output.code}: {output.last_error_line}")
    return output
