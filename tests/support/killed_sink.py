"""A run that writes to a sink, and is killed at the n-th thing that it does to its disk or server."""

import asyncio
import os
import random
import signal
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from langgraph_parallel.scale.rows import Result, Spent
from langgraph_parallel.scale.sinks.choose import as_sink
from tests.scale.sinks import MANIFEST, failed, kind_of, ok

KEYS = [f"{number:02d}" for number in range(12)]
"""Of the input. The last third fails when it is run first."""
PATCHED = ["pwrite", "fsync", "ftruncate", "replace", "unlink", "mkdir"]


class Steps:
    """Counts what is done, and kills the process at one of the steps.

    Args:
        last: number of the step to be killed at; None to do all.
    """

    def __init__(self, last: int | None) -> None:
        self._last = last
        self.done = 0

    def step(self) -> None:
        """Count."""
        self.done += 1
        if self.done == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Count before and after something."""

        def counted(*args: Any, **options: Any) -> Any:
            self.step()
            result = work(*args, **options)
            self.step()
            return result

        return counted

    def half(self, write: Callable[..., int]) -> Callable[..., int]:
        """Count in the middle of a write, too."""

        def counted(file: int, data: Any, at: int) -> int:
            self.step()
            size = write(file, bytes(data)[: len(data) // 2], at)
            self.step()
            return size or write(file, data, at)

        return counted


def install(steps: Steps, kind: str) -> None:
    """Count what a sink of a kind does."""
    for name in PATCHED:
        wrap = steps.half if name == "pwrite" else steps.around
        setattr(os, name, wrap(getattr(os, name)))

    class Counted(sqlite3.Connection):
        def execute(self, *args: Any) -> Any:
            steps.step()
            return super().execute(*args)

        def executemany(self, *args: Any) -> Any:
            steps.step()
            return super().executemany(*args)

        def __exit__(self, *args: Any) -> Any:
            steps.step()
            result = super().__exit__(*args)
            steps.step()
            return result

        def close(self) -> None:
            steps.step()
            super().close()

    connect = sqlite3.connect
    sqlite3.connect = lambda *args, **options: connect(*args, **options, factory=Counted)  # type: ignore[assignment]
    if kind == "parquet":
        from pyarrow import parquet

        for name in ("write_table", "close"):
            setattr(parquet.ParquetWriter, name, steps.around(getattr(parquet.ParquetWriter, name)))
    if kind == "postgres":
        import psycopg

        for owner in (psycopg.AsyncConnection, psycopg.AsyncCursor):
            setattr(owner, "execute", _around_async(steps, owner.execute))  # noqa: B010
        setattr(psycopg.AsyncCopy, "write_row", _around_async(steps, psycopg.AsyncCopy.write_row))  # noqa: B010


def _around_async(steps: Steps, work: Callable[..., Any]) -> Callable[..., Any]:
    async def counted(*args: Any, **options: Any) -> Any:
        steps.step()
        result = await work(*args, **options)
        steps.step()
        return result

    return counted


def label(key: str) -> str:
    """The output of a row."""
    return f"label of {key}"


async def run(address: str, told: int | None = None, *, part_rows: int = 5) -> None:
    """Go on where the sink is: rows that are missing, then those that failed, which now succeed.

    Args:
        address: of the sink.
        told: a file that gets the key of each row that was stored.
        part_rows: of a Parquet part.
    """
    sink = sink_of(address, part_rows)
    found = await sink.open()
    manifest = found or replace(MANIFEST, spent=Spent())
    stored = await sink.stored(KEYS)
    missing = [key for key in KEYS if key not in stored]
    first = [failed(key) if key in KEYS[-4:] else ok(key, label(key)) for key in missing]
    again = [ok(key, label(key)) for key in KEYS if key in KEYS[-2:] and stored.get(key) == "failed"]
    results = first + again
    random.Random(len(missing)).shuffle(results)
    for start in range(0, len(results), 3):
        some = results[start : start + 3]
        manifest = replace(manifest, spent=manifest.spent + Spent(calls=len(some)))
        await sink.write(some, manifest)
        _tell(told, some)
    await sink.close()


def sink_of(address: str, part_rows: int = 5) -> Any:
    """A sink whose parts, if it has any, are small."""
    if kind_of(address) != "parquet":
        return as_sink(address)
    from langgraph_parallel.scale.sinks.parquet import ParquetSink

    return ParquetSink(address, part_rows=part_rows)


def _tell(told: int | None, results: list[Result]) -> None:
    if told is not None:
        os.write(told, "".join(f"{result.key} {result.status}\n" for result in results).encode())


def killed_run(address: str, last: int | None, told: Path) -> int:
    """Run, and be killed at a step; return the number of steps if it came to its end."""
    steps = Steps(last)
    file = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    tempfile.tempdir = str(told.parent)
    install(steps, kind_of(address))
    asyncio.run(run(address, file))
    return steps.done
