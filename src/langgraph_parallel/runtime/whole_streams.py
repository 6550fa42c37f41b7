"""Streams with whole sections, where an update has them as they are stored (`excerpts`)."""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.pregel.protocol import StreamProtocol

from langgraph_parallel.runtime.excerpts import hold_sources, is_stored_plan, planned

_STREAM = "__pregel_stream"
"""The config key under which LangGraph passes the stream of a graph down to those inside."""
_COORDINATES = ("thread_id", "checkpoint_ns", "checkpoint_id", "checkpoint_map")
"""With one of these in its config, a graph that is called in a node takes nothing over from around it."""
_DEBUG = {"step", "timestamp", "type", "payload"}


def whole_updates(chunk: Any) -> Any:
    """Return a part of a stream with whole sections, where it is an update that stores them.

    Args:
        chunk: of any stream mode of LangGraph.
    """
    payload = chunk[-1] if isinstance(chunk, tuple) else chunk
    if not isinstance(payload, dict):
        return chunk
    if isinstance(payload.get("type"), str) and "data" in payload:  # the second version of streams
        return {**chunk, "data": whole_updates(payload["data"])}
    if payload.keys() == _DEBUG:
        changed = {"payload": whole_updates(payload["payload"])}
    else:
        changed = {
            node: _whole(update)
            for node, update in payload.items()
            if isinstance(update, dict) and is_stored_plan(update.get("sections"))
        }
    if not changed:
        return chunk
    whole = {**payload, **changed}
    return (*chunk[:-1], whole) if isinstance(chunk, tuple) else whole


def _whole(update: dict[str, Any]) -> dict[str, Any]:
    """Return the update of a plan with whole sections.

    A plan that is made from messages adds the input that they stand for. It is in the update alone, if a
    stream is read before the channels have got it.
    """
    held = hold_sources({name: value for name, value in update.items() if name != "sections"})
    whole = {**update, "sections": planned(None, [update["sections"]])}
    del held
    return whole


def within_stream(config: RunnableConfig, bound: RunnableConfig | None) -> RunnableConfig:
    """Return the config of a graph inside another one, whose stream gets whole sections.

    Args:
        config: of the caller.
        bound: to the graph by `with_config`.
    """
    given = config.get("configurable") or {}
    stream: Any = given.get(_STREAM)
    if stream is None and not any(
        key in each for each in (given, _configurable(bound)) for key in _COORDINATES
    ):
        stream = _configurable(var_child_runnable_config.get()).get(_STREAM)
    if stream is None:
        return config

    def put(chunk: Any) -> None:
        stream(whole_updates(chunk))

    return {**config, "configurable": {**given, _STREAM: StreamProtocol(put, stream.modes)}}


def _configurable(config: RunnableConfig | None) -> dict[str, Any]:
    return (config or {}).get("configurable") or {}
