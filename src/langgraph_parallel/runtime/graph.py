"""Compiled graphs whose every invocation is a governed run, sync or async."""

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import is_dataclass
from functools import cached_property
from queue import SimpleQueue
from typing import Any, TypeVar, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.config import get_config
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command
from pydantic import BaseModel

from langgraph_parallel.arguments import fields_of
from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.reducers.completion import as_completion
from langgraph_parallel.runtime.active_runs import active
from langgraph_parallel.runtime.around import find_around
from langgraph_parallel.runtime.batch.claims import claiming
from langgraph_parallel.runtime.bundling import bundling, is_bundling
from langgraph_parallel.runtime.context import Context, as_context, current_context
from langgraph_parallel.runtime.gathering import find_items
from langgraph_parallel.runtime.governing import Governing
from langgraph_parallel.runtime.hearer_of_run import hearer_of
from langgraph_parallel.runtime.in_task import may_bundle, run_in_task, runs_in_task
from langgraph_parallel.runtime.limits import PREFIX
from langgraph_parallel.runtime.messages import take_messages
from langgraph_parallel.runtime.own_code import is_unwatched_model
from langgraph_parallel.runtime.parent_keys import check_parent
from langgraph_parallel.runtime.people import check_answers, refusing
from langgraph_parallel.runtime.redriven import take_over
from langgraph_parallel.runtime.run import Run, find_run
from langgraph_parallel.runtime.settings import as_settings
from langgraph_parallel.runtime.shown import show_public_keys
from langgraph_parallel.runtime.stamp import check_stamp
from langgraph_parallel.runtime.start_channel import store_input_once
from langgraph_parallel.runtime.stored_graph import StoredGraph
from langgraph_parallel.runtime.stored_once import nested_input
from langgraph_parallel.runtime.told_run import heard_only, streams_custom, told
from langgraph_parallel.runtime.tool_face import graph_as_tool
from langgraph_parallel.runtime.tracing import Traced
from langgraph_parallel.runtime.wave_saver import storing_waves
from langgraph_parallel.runtime.wave_store import CHECKPOINTER, WaveStore, can_store
from langgraph_parallel.runtime.whole_streams import whole_updates, within_stream
from langgraph_parallel.runtime.wiring import Wiring

_RESUMING = "__pregel_resuming"
"""The config key under which LangGraph tells nested graphs that a run is resumed."""

GraphT = TypeVar("GraphT", bound=CompiledStateGraph)  # type: ignore[type-arg]


def is_resuming(config: RunnableConfig | None) -> bool:
    """Return whether a graph with this config, or this code, is part of a run that is resumed."""
    if config is None:
        with contextlib.suppress(RuntimeError):  # outside of any graph
            config = get_config()
    return bool(((config or {}).get("configurable") or {}).get(_RESUMING))


class ParallelGraph(StoredGraph):
    """A compiled graph whose every invocation is a `Run` with a budget and a deadline of its own.

    `invoke` and `stream` run the async nodes in one event loop of a thread of their own. LangGraph would run
    sync nodes in a thread pool of a few workers, which caps the parallelism, so there are no sync nodes. The
    sync face works while another loop is running, for example in a notebook, and needs a checkpointer that
    works in any loop, such as `InMemorySaver`.
    """

    as_tool = graph_as_tool  # type: ignore[assignment]  # in place of what LangChain makes of any Runnable

    def __init__(self, *, governing: Governing, inner: "ParallelGraph | None" = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # `with_config` copies a graph by its constructor
        self.governing = governing
        self.inner = inner

    @property
    def stores_waves(self) -> bool:
        """Whether it stores nothing but waves, as a branch of another graph."""
        return self.governing.stores_waves

    @property
    def in_branch(self) -> "ParallelGraph":
        """The graph that runs as a branch: `inner`, unless this one has settings of its own."""
        if self.inner is None or self.checkpointer is not None or self.config:
            return self
        return self.inner

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, *, context: Any = None, **kwargs: Any
    ) -> Any:
        """Return the output, as LangGraph does; without it where nobody could tell (`runtime.in_task`)."""
        is_ours, resumes = type(self) is ParallelGraph, input is None or isinstance(input, Command)
        is_inner = bool(find_run(config))
        stores = is_inner and self.governing.stores_waves and can_store(config)
        if (
            kwargs
            or resumes
            or not (is_ours and self.governing.in_task)
            or not runs_in_task(self, config, is_inner=is_inner, stores=stores)
            or not all(map(is_unwatched_model, self._models_with(context)))
        ):
            if is_ours and not (resumes or kwargs) and may_bundle(self, config, is_inner=is_inner):
                config = bundling(config)
            return await super().ainvoke(input, config, context=context, **kwargs)
        run = self.run(config, context)
        check_parent(self, config)
        run.hearer = hearer_of(self, run, config, continues=is_resuming(config))
        given, config = self._as_input(input, config, run)
        config = Traced.of(run, config, None, self.governing, self.as_context(context)).config
        context = None if context is None else self.as_context(context)
        if run.outer is not None and run.root.hearer is None:  # nothing to begin, and nothing to end
            return await self._run_in_task(run, given, config, context, stores=stores)
        with active(run), claiming(run, config), refusing(self.name), heard_only(run, self, config):
            return await self._run_in_task(run, given, config, context, stores=stores)

    def _run_in_task(
        self, run: Run, given: Mapping[str, Any], config: RunnableConfig | None, context: Any, *, stores: bool
    ) -> Awaitable[dict[str, Any]]:
        config = run.within(config)
        store = WaveStore(config, run.storing) if stores else None
        return run_in_task(self, self.wiring, given, config, context, store)

    def _models_with(self, context: Any) -> list[Any]:
        """Return the models that a run with this context may ask: callbacks may be set at any time."""
        given = self.as_context(context)
        return [*self._built_models, given.model, *(given.fallbacks or ())]

    @cached_property
    def _built_models(self) -> list[Any]:
        models = [model for ask in self.governing.asks for model in ask.models]
        return list({id(model): model for model in (*models, *(self.governing.fallbacks or ()))}.values())

    @cached_property
    def wiring(self) -> Wiring:
        """How its nodes follow each other."""
        return Wiring(self)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, *, context: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Stream as LangGraph does, within a new run. `ainvoke` is built on this."""
        run = self.run(config, context)
        run.bundles = is_bundling(config)
        self._check_can_store(config, run)
        check_parent(self, config)
        await self._check_stored(input, config, run)
        run.hearer = hearer_of(
            self,
            run,
            config,
            continues=input is None or isinstance(input, Command) or is_resuming(config),
            is_streamed=streams_custom(self, kwargs),
        )
        if input is not None and not isinstance(input, Command):
            input, config = self._as_input(input, config, run)
        if run.outer is not None and self.governing.stores_waves:
            config = storing_waves(config)
        traced = Traced.of(run, config, self.config, self.governing, self.as_context(context))
        inner = within_stream(run.within(traced.config), self.config)
        stream = traced.started(super().astream(input, inner, context=context, **kwargs))
        stream = told(stream, run, self, inner, kwargs)
        stored = run.storing if run.outer is None else contextlib.nullcontext()
        with active(run), claiming(run, config), refusing(self.name):
            async with stored, aclosing(cast("Any", stream)) as chunks:
                async for chunk in chunks:
                    yield whole_updates(chunk)

    def _as_input(
        self, input: Any, config: RunnableConfig | None, run: Run
    ) -> tuple[Mapping[str, Any], RunnableConfig | None]:
        """Return an input as the graph takes it, and the config with what its run resumes from.

        Raises:
            InputError: it is no mapping, or has nothing to work on.
        """
        if isinstance(input, BaseModel) or is_dataclass(input):
            input = fields_of(input)  # the state of a graph around this one may be a record
        if not isinstance(input, Mapping):
            keys = ", ".join(f"{key!r}: ..." for key in self.governing.input_keys or ("question",))
            raise InputError(f"the input is {type(input).__name__}; expected a mapping: {{{keys}}}")
        # A key left out would keep the value of an earlier run on the thread.
        given, messages = take_messages(input, self.governing.from_messages, is_resuming(config))
        config = take_over(config, given)
        stored = given if run.outer is None else nested_input(given, run.outer.texts)
        return {**dict.fromkeys(self.governing.input_keys), **stored, **messages}, config

    def run(self, config: RunnableConfig | None, context: Any) -> Run:
        """Open a run, nested in the enclosing one if there is one.

        Raises:
            UsageError: the runtime context or the environment holds an invalid limit or policy.
        """
        outer, built = find_run(config), self.governing
        around = find_around(config, inherited=outer is None)
        if outer is not None:
            run = Run(
                built.limits,
                completion=built.completion,
                outer=outer,
                around=around,
                fallbacks=built.fallbacks,
            )
            run.answers.use(built.cache)
            return run
        given = self.as_context(context)
        completion = (
            as_completion(given.completion)
            or built.completion
            or as_completion(os.environ.get(f"{PREFIX}COMPLETION", ""))
        )
        run = Run(built.limits, given.limits, completion, around=around, fallbacks=built.fallbacks)
        run.answers.begin(built.cache, given.cache, config)
        run.items = find_items(config, built.gathers)
        return run

    def _check_can_store(self, config: RunnableConfig | None, run: Run) -> None:
        """Check, before any call, that a run can be stored, and resumed if it may ask a person."""
        configurable = (config or {}).get("configurable") or {}
        if isinstance(self.checkpointer, BaseCheckpointSaver) and "thread_id" not in configurable:
            raise UsageError(
                "the graph has a checkpointer, and the config has no thread; pass "
                "config={'configurable': {'thread_id': '...'}}"
            )
        if not self.governing.escalates or run.outer is not None:
            return
        if not self.checkpointer and not configurable.get(CHECKPOINTER):
            raise UsageError(
                "on_undecided='escalate' interrupts the run, which needs a checkpointer; pass "
                "checkpointer= to this graph or to the enclosing one"
            )

    async def _check_stored(self, input: Any, config: RunnableConfig | None, run: Run) -> None:
        """Check, before a run is resumed, its records against this graph, and answers against what waits."""
        configurable = (config or {}).get("configurable") or {}
        resumes = input is None or isinstance(input, Command) or is_resuming(config)
        own = self.checkpointer if isinstance(self.checkpointer, BaseCheckpointSaver) else None
        saver = self._apply_checkpointer_allowlist(own or configurable.get(CHECKPOINTER))
        if not resumes or config is None or saver is None or run.outer is not None:
            return
        if (stored := await saver.aget_tuple(config)) is not None:
            values = stored.checkpoint["channel_values"]
            check_stamp(values, self.governing.built, configurable.get("thread_id"))
            check_answers(stored.pending_writes, input, config)

    def as_context(self, context: Any) -> Context:
        """Return the runtime context as a record; without one, that of the enclosing run.

        Raises:
            UsageError: it has an unknown key or an invalid value.
        """
        if context is None:
            return current_context()
        if isinstance(context, Mapping):
            return as_settings(context, self.governing.context, "context")
        return as_context(context, Context)

    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Iterator[Any]:
        """Stream as `astream` does. `invoke` is built on this."""
        from anyio.from_thread import start_blocking_portal

        chunks: SimpleQueue[tuple[Any] | None] = SimpleQueue()

        async def pump() -> None:
            try:
                async for chunk in self.astream(input, config, **kwargs):
                    chunks.put((chunk,))
            finally:
                chunks.put(None)

        with start_blocking_portal() as portal:
            running = portal.start_task_soon(pump)
            try:
                while (held := chunks.get()) is not None:
                    yield held[0]
                running.result()
            finally:
                running.cancel()


def parallel_graph(graph: GraphT, governing: Governing, inner: GraphT | None = None) -> GraphT:
    """Turn a compiled graph into a `ParallelGraph`.

    `StateGraph.compile` chooses the class of its result, so the class is changed afterwards.

    Args:
        graph: as LangGraph compiled it.
        governing: how it was built.
        inner: the same graph as a branch of others runs it; None if that makes no difference.
    """
    store_input_once(graph)
    show_public_keys(graph)
    graph.__class__ = ParallelGraph  # type: ignore[assignment]
    graph.governing, graph.inner = governing, inner  # type: ignore[attr-defined]
    return graph
