"""What runs around a graph whose events are heard: it tells the end, to the stream and to other hearers."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Any, cast

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records.run_record import Outcome
from langgraph_parallel.runtime.hearers import Hearer
from langgraph_parallel.runtime.levels import Level
from langgraph_parallel.runtime.run import Run

_STREAM = "__pregel_stream"
"""The config key under which LangGraph passes the stream of the graphs around."""


def told(
    stream: AsyncIterator[Any],
    run: Run,
    graph: Any,
    config: RunnableConfig,
    options: Mapping[str, Any],
) -> AsyncIterator[Any]:
    """Return the stream of a graph, with the end of the run if events are listened to.

    Args:
        stream: that has not begun.
        run: of the graph; it gets its level.
        graph: a `ParallelGraph`.
        config: of the invocation.
        options: of `astream`.
    """
    own = streams_custom(graph, options)
    around: Any = (config.get("configurable") or {}).get(_STREAM)
    heard = own or (around is not None and "custom" in around.modes)
    if not heard and run.root.hearer is None:
        return stream
    thread = (config.get("configurable") or {}).get("thread_id")
    run.level = level = Level(run, graph.name, graph.governing.kind, thread, own=own, heard=heard)
    told_of = _with_end(stream, level, options)
    return told_of if run.hearer is None else _heard(told_of, run.hearer)


def streams_custom(graph: Any, options: Mapping[str, Any]) -> bool:
    """Return whether the caller of `astream` gets what is written to the stream.

    Args:
        graph: that is streamed.
        options: of `astream`.
    """
    modes = options.get("stream_mode") or graph.stream_mode
    return modes == "custom" or (not isinstance(modes, str) and "custom" in modes)


@contextmanager
def heard_only(run: Run, graph: Any, config: RunnableConfig | None) -> Iterator[None]:
    """Tell the events of a run that has no stream to who hears the whole run.

    Args:
        run: of the graph; it gets its level.
        graph: a `ParallelGraph`.
        config: of the invocation.
    """
    if run.root.hearer is None:
        yield
        return
    thread = ((config or {}).get("configurable") or {}).get("thread_id")
    run.level = level = Level(run, graph.name, graph.governing.kind, thread, own=False, heard=False)
    with _closing(run.hearer):
        try:
            yield
        except Exception as error:
            level.close(error)
            raise
        level.close(None)


@contextmanager
def _closing(hearer: Hearer | None) -> Iterator[None]:
    """Tell that a run has ended, in whatever way."""
    outcome: Outcome = "cancelled"
    try:
        yield
        outcome = "ok"
    except Exception:
        outcome = "failed"
        raise
    finally:
        if hearer is not None:
            hearer.close(outcome)


async def _heard(stream: AsyncIterator[Any], hearer: Hearer) -> AsyncIterator[Any]:
    with _closing(hearer):
        async with aclosing(cast("Any", stream)) as chunks:
            async for chunk in chunks:
                yield chunk


async def _with_end(
    stream: AsyncIterator[Any], level: Level, options: Mapping[str, Any]
) -> AsyncIterator[Any]:
    async with aclosing(cast("Any", stream)) as chunks:
        try:
            async for chunk in chunks:
                yield chunk
        except Exception as error:
            for event in level.close(error):
                yield _as_chunk(event, options)
            raise
    for event in level.close(None):
        yield _as_chunk(event, options)


def _as_chunk(event: dict[str, Any], options: Mapping[str, Any]) -> Any:
    """Return an event in the shape in which LangGraph gives it."""
    if options.get("version") == "v2":
        return {"type": "custom", "ns": (), "data": event}
    shape: list[Any] = [()] if options.get("subgraphs") else []
    shape += ["custom"] if isinstance(options.get("stream_mode"), list) else []
    return (*shape, event) if shape else event
