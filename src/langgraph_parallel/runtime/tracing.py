"""The traces of one invocation of a graph: tracers in its config are replaced by thin copies of them."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackManager
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tracers.langchain import LangChainTracer
from langsmith import uuid7
from langsmith.utils import tracing_is_enabled

from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.run import Run
from langgraph_parallel.runtime.thin_tracer import is_thin, is_thinnable, thin_callbacks
from langgraph_parallel.runtime.thinning import GraphRun, Tracing, count_of
from langgraph_parallel.runtime.trace_options import level_of, shows_contents

if TYPE_CHECKING:
    from langgraph_parallel.runtime.governing import Governing

_END = object()


class Traced(NamedTuple):
    """An invocation as it is traced."""

    config: RunnableConfig | None
    """Of the graph, with thin copies of the tracers."""
    is_enclosed: bool = False
    """Whether the callbacks around the graph are in the config already, as thin copies."""

    @classmethod
    def of(
        cls,
        run: Run,
        config: RunnableConfig | None,
        bound: RunnableConfig | None,
        built: "Governing",
        context: Context,
    ) -> "Traced":
        """Prepare the traces of an invocation.

        Tracers around the outermost graph are thin for all of its levels. A graph inside of it may be
        followed by others: those in its own config, or in that of a function that calls it.

        Args:
            run: of the invocation.
            config: of the caller.
            bound: to the graph by `with_config`.
            built: how the graph was built.
            context: of the run.

        Raises:
            UsageError: the environment has an invalid value.
        """
        given: RunnableConfig = config or {}
        contents = shows_contents(context.trace_contents, built.trace_contents)
        run.shows_contents = contents and (run.outer is None or run.outer.shows_contents)
        level = level_of(context.trace, built.trace)
        if run.outer is not None and not _adds_tracers(given, bound):
            return cls(_as_graph(given, run, built))
        if (callbacks := _found_callbacks(given, bound)) is None:
            return cls(config)
        tracing = run.root.tracing
        if tracing is None:
            count, chosen = count_of(_trace_of(callbacks)), _chosen(given, bound, callbacks)
            tracers = [each for each in _handlers(callbacks) if isinstance(each, LangChainTracer)]
            tracing = run.root.tracing = Tracing(level, run.shows_contents, count, run.note, chosen, tracers)
        is_enclosed = bool((var_child_runnable_config.get() or {}).get("callbacks"))
        thin: RunnableConfig = {**given, "callbacks": thin_callbacks(callbacks, tracing)}
        return cls(_as_graph(thin, run, built), is_enclosed)

    def started(self, stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Return a stream that begins without the callbacks around it: LangGraph would unite them."""
        return _without_callbacks(stream) if self.is_enclosed else stream


@contextmanager
def traced_update(config: RunnableConfig, bound: RunnableConfig | None) -> Iterator[RunnableConfig]:
    """Trace an update of a stored state: one run with the sizes of what is written.

    A redrive writes what earlier traces hold, and whoever it belongs to may keep it out of these.

    Args:
        config: of the caller.
        bound: to the graph by `with_config`.

    Yields:
        the config of the update.
    """
    if (callbacks := _found_callbacks(config, bound)) is None:
        yield config
        return
    count, chosen = count_of(_trace_of(callbacks)), _chosen(config, bound, callbacks)
    tracing = Tracing("graph", contents=False, count=count, note=lambda remark: None, allowed=chosen)
    with _no_callbacks_around():
        yield {**config, "callbacks": thin_callbacks(callbacks, tracing)}


@contextmanager
def _no_callbacks_around() -> Iterator[None]:
    around = dict(var_child_runnable_config.get() or {})
    around.pop("callbacks", None)
    token = var_child_runnable_config.set(cast("RunnableConfig", around))
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


async def _without_callbacks(stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async with aclosing(cast("Any", stream)) as chunks:
        with _no_callbacks_around():
            first = await anext(chunks, _END)
        if first is _END:
            return
        yield first
        async for chunk in chunks:
            yield chunk


def _as_graph(config: RunnableConfig, run: Run, built: "Governing") -> RunnableConfig:
    """Return the config with the id of the graph's run, by which its trace knows it."""
    tracing = run.root.tracing
    if tracing is None:
        return config
    run_id = config.get("run_id") or uuid7()
    tracing.graphs[run_id] = GraphRun(frozenset(filter(None, ("plan", built.close_node))), run.shows_contents)
    return {**config, "run_id": run_id}


def _trace_of(callbacks: Any) -> object:
    """Return the id of the trace that a graph is a part of; a new one if it begins one."""
    parent = callbacks.parent_run_id if isinstance(callbacks, BaseCallbackManager) else None
    for handler in callbacks.handlers if parent is not None else ():
        if isinstance(handler, LangChainTracer) and parent in handler.order_map:
            return handler.order_map[parent][0]
    return object()


def _handlers(callbacks: Any) -> Sequence[Any]:
    return callbacks.handlers if isinstance(callbacks, BaseCallbackManager) else callbacks


def _chosen(config: RunnableConfig, bound: RunnableConfig | None, callbacks: Any) -> frozenset[str]:
    """Return the names of the metadata that the caller has chosen for traces."""
    chosen = {name for each in (config, bound or {}) for name in each.get("metadata") or {}}
    if isinstance(callbacks, BaseCallbackManager):
        chosen |= set(callbacks.metadata)
    for handler in _handlers(callbacks):
        metadata: Any = getattr(handler, "tracing_metadata", None)
        chosen |= set(metadata) if isinstance(metadata, Mapping) else set()
    return frozenset(chosen)


def _found_callbacks(config: RunnableConfig, bound: RunnableConfig | None) -> Any:
    """Return the callbacks of the outermost graph, with the tracer that the environment asks for.

    Args:
        config: of the caller.
        bound: to the graph by `with_config`; LangGraph adds its callbacks, if they are not there yet.

    Returns:
        A list; or a manager, if the graph runs inside something else. None if there is nothing to trace.
    """
    given: Any = config.get("callbacks")
    around: Any = (var_child_runnable_config.get() or {}).get("callbacks")
    if isinstance(around, BaseCallbackManager) and not isinstance(given, BaseCallbackManager):
        joined = around.copy()
        for handler in given or []:
            joined.add_handler(handler)
        given = joined
    elif isinstance(around, list) and not isinstance(given, BaseCallbackManager):
        given = [*around, *(given or [])]
    if own := (bound or {}).get("callbacks"):
        given = _with_own(given, own)
    found = AsyncCallbackManager.configure(given).handlers
    if not any(map(is_thinnable, found)):
        return None
    known = given.handlers if isinstance(given, BaseCallbackManager) else list(given or [])
    added = [one for one in found if isinstance(one, LangChainTracer) and one not in known]
    if not isinstance(given, BaseCallbackManager):
        return [*known, *added]
    manager = given.copy() if added else given
    for handler in added:
        manager.add_handler(handler)
    return manager


def _adds_tracers(config: RunnableConfig, bound: RunnableConfig | None) -> bool:
    """Return whether tracers follow a graph inside of a run that do not follow the run.

    Args:
        config: of the caller.
        bound: to the graph by `with_config`.
    """
    every: list[Any] = []
    for each in (config, bound, var_child_runnable_config.get()):
        if callbacks := each and each.get("callbacks"):
            every += callbacks.handlers if isinstance(callbacks, BaseCallbackManager) else callbacks
    if any(not is_thin(handler) and is_thinnable(handler) for handler in every):
        return True
    return bool(tracing_is_enabled()) and not any(isinstance(handler, LangChainTracer) for handler in every)


def _with_own(given: Any, own: Any) -> BaseCallbackManager:
    """Return the callbacks of a caller with those of the graph, as a manager, which has each of them once."""
    manager = given.copy() if isinstance(given, BaseCallbackManager) else AsyncCallbackManager([])
    for handler in own.handlers if isinstance(own, BaseCallbackManager) else own:
        manager.add_handler(handler)
    for handler in [] if isinstance(given, BaseCallbackManager) else given or []:
        manager.add_handler(handler)
    return manager
