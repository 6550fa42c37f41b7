"""Branches that share one task of LangGraph's: a bundle, where nobody can see which tasks it has.

LangGraph prepares each task for what somebody may want of it: a trace, a stream, checkpoints, answers of
people. Of a voter that answers at once this is most of the cost. Tasks are seen by tracers, callbacks,
streams, checkpointers, and a bound of concurrency; in a run without any of these, those of a wave are one.
Each branch has a task of asyncio, and a config that places it where LangGraph would have put it.
"""

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime

from langgraph_parallel.runtime.stored_ballots import task_of

BUNDLING = "__langgraph_parallel_bundling"
"""Key in the config; LangGraph keeps keys with two underscores out of traces and checkpoints."""
_NS, _MAP, _TASK = "checkpoint_ns", "checkpoint_map", "__pregel_task_id"
_RUNTIME = "__pregel_runtime"
"""Config keys under which LangGraph passes to a node where its task is, and its runtime."""


def bundling(config: RunnableConfig | None) -> RunnableConfig:
    """Return the config of a run whose tasks nobody can see."""
    config = config or {}
    return {**config, "configurable": {**(config.get("configurable") or {}), BUNDLING: True}}


def is_bundling(config: RunnableConfig | None) -> bool:
    """Return whether the branches of a run with this config may share tasks."""
    return bool(((config or {}).get("configurable") or {}).get(BUNDLING))


class Places:
    """Where LangGraph would have put the branches of a bundle.

    Args:
        config: of the bundle's node.
    """

    def __init__(self, config: RunnableConfig) -> None:
        self._config = config
        self._configurable: Mapping[str, Any] = config.get("configurable") or {}
        self._metadata: Mapping[str, Any] = config.get("metadata") or {}
        place = str(self._configurable[_NS]).rpartition("|")[0]
        self._checkpoint, self._around = self._configurable[_MAP][place], place
        self._node, self._path = self._metadata["langgraph_node"], self._metadata["langgraph_path"]
        self._runtime: Runtime[Any] = self._configurable[_RUNTIME]
        self.step: int = self._metadata["langgraph_step"]
        """In which they run."""

    def config(self, number: int) -> RunnableConfig:
        """Return the config of a branch.

        Args:
            number: of the branch in the bundle.
        """
        id, _ = task_of(self._checkpoint, self._around, self.step, self._node, number)
        place = f"{self._around}|{self._node}:{id}" if self._around else f"{self._node}:{id}"
        runtime = self._runtime.patch_execution_info(task_id=id, checkpoint_ns=place)
        told = {
            "langgraph_step": self.step,
            "langgraph_path": (self._path[0], number, *self._path[2:]),
            "langgraph_checkpoint_ns": place,
        }
        return {
            **self._config,
            "metadata": {**self._metadata, **told},
            "configurable": {**self._configurable, _NS: place, _TASK: id, _RUNTIME: runtime},
        }
