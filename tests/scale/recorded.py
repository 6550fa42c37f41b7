"""Functions of a row that write down when they begin and end, and that wait for the test."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.scale.driving import until


def _write(row: Mapping[str, Any], what: str) -> None:
    line = f"{time.time()} {os.getpid()} {what} {row['number']}\n"
    file = os.open(row["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)


async def logged(row: Mapping[str, Any]) -> dict[str, Any]:
    """Take some milliseconds, and write down begin and end."""
    _write(row, "begins")
    await asyncio.sleep(0.005)
    _write(row, "ends")
    return {"number": row["number"]}


async def gated(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write down that it has begun, and wait for the file of the row's gate."""
    _write(row, "begins")
    await until(Path(row["gate"]).exists)
    _write(row, "ends")
    return {"number": row["number"]}


def blocking(row: Mapping[str, Any]) -> dict[str, Any]:
    """Do the same in a thread."""
    _write(row, "begins")
    while not Path(row["gate"]).exists():
        time.sleep(0.01)
    return {"number": row["number"]}


async def blocking_loop(row: Mapping[str, Any]) -> dict[str, Any]:
    """Do the same, and hold up the event loop of all rows meanwhile."""
    return blocking(row)


async def calling(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write a line every 20 ms for ever, as if each were a call."""
    while True:
        _write(row, "calls")
        await asyncio.sleep(0.02)


async def printing(row: Mapping[str, Any]) -> dict[str, Any]:
    """Print what would break a protocol on standard output, and read standard input."""
    print(f"printed {row['number']} \x00\x01 ü")
    print(f"complained {row['number']}", file=sys.stderr)
    os.write(1, b"\xff\xfe not text\n")
    return {"read": sys.stdin.read()}


async def killing(row: Mapping[str, Any]) -> dict[str, Any]:
    """Leave the process without a word, for row 7."""
    if row["number"] == 7:
        os._exit(0)
    await asyncio.sleep(0.001)
    return {}


async def interrupting(row: Mapping[str, Any]) -> dict[str, Any]:
    """Interrupt the own process, as a terminal would."""
    os.kill(os.getpid(), 2)
    await asyncio.sleep(0)
    return {"went": "on"}


async def where(row: Mapping[str, Any]) -> dict[str, Any]:
    """Tell the process that runs the row."""
    return {"pid": os.getpid()}


async def fails_sometimes(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is not JSON, for row 2."""
    return {"value": object() if row["number"] == 2 else row["number"]}


inside = where
"""Another name of a function."""
