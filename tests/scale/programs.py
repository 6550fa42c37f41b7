"""Programs that tests run over many items, named as users name theirs: `tests.scale.programs:nothing`."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

from langgraph_parallel import create_labeling, create_voting
from langgraph_parallel.runtime.graph import ParallelGraph


async def nothing(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a column without any work."""
    return {"done": True}


def nothing_sync(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a column without any work, in a thread."""
    return {"done": True}


async def double(number: int) -> int:
    """Return a value, which becomes the column `result`."""
    return 2 * number


async def fails_on_odd(number: int) -> dict[str, Any]:
    """Fail on odd numbers."""
    if number % 2:
        raise ValueError(f"{number} is odd")
    return {"half": number // 2}


async def sleeps(row: Mapping[str, Any]) -> dict[str, Any]:
    """Take the seconds that the row says, by default 0.05."""
    await asyncio.sleep(float(row.get("seconds", 0.05)))
    return {"slept": True}


def sleeps_sync(row: Mapping[str, Any]) -> dict[str, Any]:
    """Take the seconds that the row says, by default 0.05, in a thread."""
    time.sleep(float(row.get("seconds", 0.05)))
    return {"slept": True}


async def kills(row: Mapping[str, Any]) -> dict[str, Any]:
    """End the process that works on it, if the row says so."""
    if row.get("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"done": True}


def voting() -> ParallelGraph:
    """Build a vote of three voters on the question of the row: yes or no."""
    graph: Any = create_voting(voters=3, choices=["yes", "no"])
    return graph  # type: ignore[no-any-return]


def labeling() -> ParallelGraph:
    """Build a labeling by three voters, which takes many rows in one run: column `items`, or `--input`."""
    graph: Any = create_labeling(labels=["good", "bad"], voters=3)
    return graph  # type: ignore[no-any-return]
