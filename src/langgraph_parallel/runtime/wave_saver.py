"""Saver of a vote inside of another graph: it stores what cannot be had again, and nothing else.

A vote counts in several supersteps, each of which would be stored, and its result is stored by the branch
around it. What costs something is the ballots of a wave: stored is the checkpoint that sends it, to which
the ballots belong, and the one at which a person is asked. A vote that is resumed counts again from there.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver

_CHECKPOINTER = "__pregel_checkpointer"
"""The config key under which LangGraph passes a checkpointer down to nested graphs."""
_TASKS, _SENT = "__pregel_tasks", "~__pregel_push"
"""The channel of what is sent, and how the paths of tasks begin that were."""
_TO_KEEP = frozenset({"__interrupt__", "__resume__", "__error__"})
"""Writes of a task that belong to a checkpoint that has to be stored."""


def storing_waves(config: RunnableConfig | None) -> RunnableConfig | None:
    """Return the config of a nested graph, of which only the checkpoints of its waves are stored."""
    configurable = (config or {}).get("configurable") or {}
    if not isinstance(saver := configurable.get(_CHECKPOINTER), BaseCheckpointSaver):
        return config
    thin: Any = copy.copy(saver)
    waves = _Waves(saver, configurable.get("checkpoint_ns") or "")
    thin.aput, thin.aput_writes = waves.aput, waves.aput_writes
    return {**(config or {}), "configurable": {**configurable, _CHECKPOINTER: thin}}


class _Waves:
    """The checkpoints of one run of a graph: those that are stored, and the last that is not.

    Args:
        saver: stores them.
        place: the graph's `checkpoint_ns`.
    """

    def __init__(self, saver: BaseCheckpointSaver[Any], place: str) -> None:
        self._put, self._put_writes, self._place = saver.aput, saver.aput_writes, place
        self._held: tuple[RunnableConfig, Any, Any] | None = None
        self._passed_over: set[str] = set()
        self._asked_for: set[str] = set()
        self._last: str | None = None
        self._versions: dict[str, Any] = {}

    async def aput(
        self, config: RunnableConfig, checkpoint: Any, metadata: Any, new_versions: Mapping[str, Any]
    ) -> RunnableConfig:
        """Store a checkpoint that sends a wave, or that is asked for; hold back another one."""
        configurable = config["configurable"]
        if not self._is_own(configurable):
            return await self._put(config, checkpoint, metadata, dict(new_versions))
        before, id = configurable.get("checkpoint_id"), checkpoint["id"]
        if before not in self._passed_over:
            self._last = before
        self._versions |= new_versions
        self._held = config, checkpoint, metadata
        self._passed_over.add(id)
        if checkpoint["channel_values"].get(_TASKS) or id in self._asked_for:
            await self._store()
        return {"configurable": {**configurable, "checkpoint_id": id}}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store the writes of a voter; of another node, only those that ask a person."""
        configurable = config["configurable"]
        id = configurable.get("checkpoint_id", "")
        if self._is_own(configurable) and not task_path.startswith(_SENT):
            if not any(channel in _TO_KEEP for channel, _ in writes):
                return
            self._asked_for.add(id)
            if self._held is not None and self._held[1]["id"] == id:
                await self._store()
        await self._put_writes(config, writes, task_id, task_path)

    async def _store(self) -> None:
        assert self._held is not None
        (config, checkpoint, metadata), self._held = self._held, None
        versions, self._versions = self._versions, {}
        configurable = {**config["configurable"], "checkpoint_id": self._last}
        self._last = checkpoint["id"]
        self._passed_over.discard(self._last)
        await self._put({**config, "configurable": configurable}, checkpoint, metadata, versions)

    def _is_own(self, configurable: Mapping[str, Any]) -> bool:
        """Return whether a checkpoint is one of the graph, and not of a graph inside of it."""
        place = str(configurable.get("checkpoint_ns", ""))
        rest = place.removeprefix(self._place)  # LangGraph adds a number for the second graph of a task
        return place.startswith(self._place) and (not rest or rest[1:].isdigit())
