"""Checkpoints that are held back until an answer may be seen."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)


class HeldSaver(BaseCheckpointSaver[Any]):
    """Reads from another checkpointer, and writes to it what it was given, in that order, once it is flushed.

    Args:
        saver: that keeps the checkpoints.
    """

    def __init__(self, saver: BaseCheckpointSaver[Any]) -> None:
        super().__init__(serde=saver.serde)
        self._saver = saver
        self._held: list[Callable[[], Any]] = []
        self._is_flushed = False

    async def flush(self) -> None:
        """Write all that is held; from now on, nothing is."""
        while self._held:
            held, self._held = self._held, []
            for write in held:
                await write()
        self._is_flushed = True

    @property
    def config_specs(self) -> list[Any]:
        """Those of the other checkpointer."""
        return self._saver.config_specs

    def get_next_version(self, current: Any, channel: None) -> Any:
        """Return the next version of a channel."""
        return self._saver.get_next_version(current, channel)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint that was stored."""
        return self._saver.get_tuple(config)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint that was stored."""
        return await self._saver.aget_tuple(config)

    def get_delta_channel_history(self, *, config: RunnableConfig, channels: Sequence[str]) -> Any:
        """Return the updates of channels that were stored."""
        return self._saver.get_delta_channel_history(config=config, channels=channels)

    async def aget_delta_channel_history(self, *, config: RunnableConfig, channels: Sequence[str]) -> Any:
        """Return the updates of channels that were stored."""
        return await self._saver.aget_delta_channel_history(config=config, channels=channels)

    def list(self, config: RunnableConfig | None, **kwargs: Any) -> Iterator[CheckpointTuple]:
        """Yield the checkpoints that were stored."""
        return self._saver.list(config, **kwargs)

    def alist(self, config: RunnableConfig | None, **kwargs: Any) -> AsyncIterator[CheckpointTuple]:
        """Yield the checkpoints that were stored."""
        return self._saver.alist(config, **kwargs)

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint, or hold it."""
        if self._is_flushed:
            return self._saver.put(config, checkpoint, metadata, new_versions)
        kept = checkpoint.copy()
        self._held.append(lambda: asyncio.to_thread(self._saver.put, config, kept, metadata, new_versions))
        return _config_of(config, checkpoint)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote, or hold it."""
        if self._is_flushed:
            self._saver.put_writes(config, writes, task_id, task_path)
        else:
            held = partial(self._saver.put_writes, config, writes, task_id, task_path)
            self._held.append(lambda: asyncio.to_thread(held))

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint, or hold it."""
        if self._is_flushed:
            return await self._saver.aput(config, checkpoint, metadata, new_versions)
        kept = checkpoint.copy()
        self._held.append(lambda: self._saver.aput(config, kept, metadata, new_versions))
        return _config_of(config, checkpoint)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote, or hold it."""
        if self._is_flushed:
            await self._saver.aput_writes(config, writes, task_id, task_path)
        else:
            self._held.append(lambda: self._saver.aput_writes(config, writes, task_id, task_path))


def _config_of(config: RunnableConfig, checkpoint: Checkpoint) -> RunnableConfig:
    """Return the config of a checkpoint, as the one that stores it will."""
    given: dict[str, Any] = dict(config.get("configurable") or {})
    kept: dict[str, Any] = {key: given[key] for key in ("thread_id", "checkpoint_ns") if key in given}
    return {"configurable": {**kept, "checkpoint_id": checkpoint["id"]}}
