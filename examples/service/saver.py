"""Checkpoints in SQLite, for many runs at once: one thread, and one trip to it for each operation."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.sqlite import SqliteSaver

T = TypeVar("T")


class OneTripSaver(SqliteSaver):
    """LangGraph's saver for sync code, used from an event loop.

    `AsyncSqliteSaver` makes four trips to its thread for each checkpoint, one after another for all runs: of
    200 at once, each waits longer for these than for its models.

    Args:
        connection: that any thread may use.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.thread = ThreadPoolExecutor(1, "checkpoints")

    async def aget_tuple(self, config: Any) -> CheckpointTuple | None:
        """Return a checkpoint."""
        return await self._there(self.get_tuple, config)

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        """Store a checkpoint."""
        return await self._there(self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        """Store what a task has written."""
        await self._there(self.put_writes, config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete all checkpoints of a run."""
        await self._there(self.delete_thread, thread_id)

    async def _there(self, do: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.thread, partial(do, *args))


@asynccontextmanager
async def sqlite_saver(file: str) -> AsyncIterator[OneTripSaver]:
    """Open the checkpoints in a file of their own: two writers of one file would wait for each other."""
    connection = sqlite3.connect(file, timeout=30, check_same_thread=False)
    saver = OneTripSaver(connection)
    try:
        await saver._there(saver.setup)
        # What is committed outlives a process that is killed; to wait for the disk each time takes longer.
        await saver._there(connection.execute, "PRAGMA synchronous = NORMAL")
        yield saver
    finally:
        await asyncio.to_thread(saver.thread.shutdown)
        connection.close()
