"""What graphs of this package, as nodes of others, resume from when a run of those is redriven.

The run around them goes back to before its nodes, which then start anew. A graph that finds what it did on
the same input resumes from it.
"""

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

KEY = "__langgraph_parallel_redriven"
"""Config key. Two underscores keep it out of traces and checkpoints."""
Path = tuple[str, ...]
"""The names of the nodes around a graph, from the outermost, its own last."""


class Redriven:
    """The earlier runs of graphs inside a run.

    Args:
        key: the config key under which a graph finds what it resumes from.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self._earlier: dict[Path, list[tuple[Mapping[str, Any], Any]]] = {}

    def add(self, path: Path, given: Mapping[str, Any], resumed: Any) -> None:
        """Note a run.

        Args:
            path: of the graph.
            given: its input, by the keys that the graph has.
            resumed: what it resumes from.
        """
        self._earlier.setdefault(path, []).append((given, resumed))

    def take(self, path: Path, given: Mapping[str, Any]) -> Any:
        """Return what a graph resumes from, once; None if it did not run on this input."""
        earlier = self._earlier.get(path, [])
        for index, (before, resumed) in enumerate(earlier):
            if all(value == given.get(key) for key, value in before.items()):
                del earlier[index]
                return resumed
        return None


def path_of(place: str) -> Path:
    """Return the path of a namespace of LangGraph's checkpoints."""
    return tuple(part.partition(":")[0] for part in place.split("|"))


def take_over(config: RunnableConfig | None, given: Mapping[str, Any]) -> RunnableConfig | None:
    """Return the config of a graph's run with what it resumes from, if the run around it is redriven.

    Args:
        config: of the run.
        given: its input, by the keys that the graph has.
    """
    own = (config or {}).get("configurable") or {}
    around = own
    if KEY not in own and "thread_id" not in own:  # a function in a node calls it, and passes no config
        around = (var_child_runnable_config.get() or {}).get("configurable") or {}
    redriven: Redriven | None = around.get(KEY)
    if redriven is None:
        return config
    resumed = redriven.take(path_of(str(around.get("checkpoint_ns") or "")), given)
    if resumed is None:
        return config
    return {**(config or {}), "configurable": {**own, redriven.key: resumed}}
