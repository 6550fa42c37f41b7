"""What the config of a node says: where it is among graphs of others, its stream, and whether to stop."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.runtime import RunControl, Runtime

_RUNTIME = "__pregel_runtime"
"""The config key under which LangGraph passes what writes to the stream, and what asks it to stop."""


def nodes_around(config: RunnableConfig) -> str:
    """Return the path of the nodes around a graph of which a node has this config."""
    place = str((config.get("configurable") or {}).get("checkpoint_ns", ""))
    names = [part.partition(":")[0] for part in place.split("|")[:-1]]
    return "/".join(name for name in names if not name.isdecimal())  # a number tells calls in a node apart


def control_of(config: RunnableConfig) -> RunControl | None:
    """Return what asks LangGraph to stop the run of a node."""
    runtime: Runtime[Any] | None = (config.get("configurable") or {}).get(_RUNTIME)
    return None if runtime is None else runtime.control


def writer(config: RunnableConfig) -> Callable[[dict[str, Any]], None]:
    """Return what writes to the stream of the graph of a node, from any thread."""
    inner: Mapping[str, Any] = config.get("configurable") or {}
    write, place = inner[_RUNTIME].stream_writer, {"checkpoint_ns": inner.get("checkpoint_ns", "")}
    # LangGraph's writer looks up where it writes from, in the config of the code that calls it.
    of_node = cast("RunnableConfig", {"configurable": place})

    def put(event: dict[str, Any]) -> None:
        token = var_child_runnable_config.set(of_node)
        try:
            write(event)
        except RuntimeError:  # the event loop is closed: nobody listens any more
            return
        finally:
            var_child_runnable_config.reset(token)

    return put
