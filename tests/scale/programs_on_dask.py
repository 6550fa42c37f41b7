"""Programs that tests run on Dask."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


async def tells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write a line to a file as the row begins, then take the seconds that the row says."""
    _note(row)
    await asyncio.sleep(row["seconds"])
    return {"process": os.getpid()}


async def waits(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write a line to a file as the row begins; if it is slow, wait until the file that it names is there."""
    _note(row)
    while row["slow"] and not Path(row["gate"]).exists():  # noqa: ASYNC110, ASYNC240 - set by another process
        await asyncio.sleep(0.01)
    return {"process": os.getpid()}


async def blocks(row: Mapping[str, Any]) -> dict[str, Any]:
    """Hold up the event loop of the rows, until the file that the row names is there."""
    _note(row)
    while not Path(row["gate"]).exists():  # noqa: ASYNC240 - what users do
        time.sleep(0.01)  # noqa: ASYNC251
    return {"process": os.getpid()}


async def kills_at(row: Mapping[str, Any]) -> dict[str, Any]:
    """End the process at one row."""
    if row["number"] == row["fatal"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"process": os.getpid()}


def _note(row: Mapping[str, Any]) -> None:
    with Path(row["file"]).open("a") as file:
        file.write(f"{row['number']}\n")
