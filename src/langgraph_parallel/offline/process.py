"""Run an engine as a process: no shell, a time limit, no secrets, never the code that it looks at."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from langgraph_parallel.errors import ParallelError

_PASSED_ON = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG", "LC_ALL")


class EngineError(ParallelError):
    """An engine could not be run, or did not finish."""


class Output(NamedTuple):
    """What a process has printed."""

    stdout: str
    stderr: str


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
    output = Output(stdout.decode(errors="replace"), stderr.decode(errors="replace"))
    if process.returncode not in codes:
        last = output.stderr.strip().splitlines()[-1:] or ["no message"]
        raise EngineError(f"{module} exited with code {process.returncode}: {last[0]}")
    return output
