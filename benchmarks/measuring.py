"""Measure a way of making calls, in a process of its own that warms up first."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable


def measure(way: Callable[[int], Awaitable[int | None]], n: int) -> dict[str, float]:
    """Measure one way in this process; `cpu_ms` is per call.

    Args:
        way: makes about as many calls as it is told; returns their number, or None if it is that one.
        n: calls.
    """

    async def run() -> dict[str, float]:
        await way(8)
        before = time.process_time(), time.perf_counter()
        calls = await way(n) or n
        wall, cpu = time.perf_counter() - before[1], time.process_time() - before[0]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"wall": wall, "cpu_ms": cpu / calls * 1000, "peak_mb": peak}

    return asyncio.run(run())


def measured_apart(module: str, name: str, *arguments: object, **environment: str) -> dict[str, float]:
    """Measure one way in a new process.

    Args:
        module: that is run with `--one NAME` and prints JSON.
        name: of the way.
        arguments: after the name, such as the number of calls.
        environment: variables to set.
    """
    process = subprocess.run(
        [sys.executable, "-m", module, "--one", name, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    if process.returncode:
        raise SystemExit(process.stderr)
    result: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    return result
