"""Compiled graphs as their checkpoints hold them: states with whole records, read and updated."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from functools import cache
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from langgraph_parallel.records import record_types
from langgraph_parallel.runtime import read_records  # noqa: F401 - what LangGraph logs of records
from langgraph_parallel.runtime.excerpts import hold_sources
from langgraph_parallel.runtime.input_values import keep_values, whole_results
from langgraph_parallel.runtime.stored_ballots import finding_ballots
from langgraph_parallel.runtime.tracing import traced_update

_CHECKPOINTER = "__pregel_checkpointer"
"""The config key under which LangGraph passes a checkpointer down to nested graphs."""


def _around(config: RunnableConfig) -> list[RunnableConfig]:
    """Return the configs of the states around the one of a config, if it is asked of the outermost graph."""
    given = config.get("configurable") or {}
    parts = [] if given.get(_CHECKPOINTER) else str(given.get("checkpoint_ns") or "").split("|")
    places = ["|".join(parts[:depth]) for depth in range(len(parts)) if parts != [""]]
    return [
        {"configurable": {"thread_id": given.get("thread_id"), "checkpoint_ns": place}} for place in places
    ]


@cache
def _record_names() -> frozenset[tuple[str, str]]:
    """Return what `allow_records` allows, once: every run and every branch asks for it."""
    return frozenset((kind.__module__, kind.__name__) for kind in record_types())


class StoredGraph(CompiledStateGraph):  # type: ignore[type-arg]
    """A compiled graph that reads its records back, whole, with a checkpointer of its own or lent to it."""

    @property
    def stores_waves(self) -> bool:
        """Whether several ballots of it may be stored in one operation (`runtime.wave_store`)."""
        return False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._serde_allowlist = kwargs.get("_serde_allowlist")  # a copy would lose it

    def _apply_checkpointer_allowlist(self, checkpointer: Any) -> Any:
        """Return the checkpointer that a run or a read uses; LangGraph calls this for each."""
        told = super()._apply_checkpointer_allowlist(checkpointer)
        if not isinstance(told, BaseCheckpointSaver):
            return told
        told = told.with_allowlist(_record_names())
        return finding_ballots(told) if self.stores_waves else told

    async def aget_state(self, config: RunnableConfig, *, subgraphs: bool = False) -> StateSnapshot:
        """Return the state as LangGraph does; that of a graph inside with the texts that others store."""
        around = [await super(StoredGraph, self).aget_state(outer) for outer in _around(config)]
        held = [hold_sources(state.values) for state in around]
        try:
            with keep_values():
                return whole_results(await super().aget_state(config, subgraphs=subgraphs))  # type: ignore[no-any-return]
        finally:
            held.clear()

    def get_state(self, config: RunnableConfig, *, subgraphs: bool = False) -> StateSnapshot:
        """Return the state, as `aget_state`."""
        held = [hold_sources(super(StoredGraph, self).get_state(outer).values) for outer in _around(config)]
        try:
            with keep_values():
                return whole_results(super().get_state(config, subgraphs=subgraphs))  # type: ignore[no-any-return]
        finally:
            held.clear()

    async def aget_state_history(
        self, config: RunnableConfig, **selected: Any
    ) -> AsyncIterator[StateSnapshot]:
        """Yield the states as LangGraph does, with whole results of their tasks."""
        async with aclosing(cast("Any", super().aget_state_history(config, **selected))) as states:
            while True:
                with keep_values():
                    if (state := await anext(states, None)) is None:
                        return
                    state = whole_results(state)
                yield state

    def get_state_history(self, config: RunnableConfig, **selected: Any) -> Iterator[StateSnapshot]:
        """Yield the states, as `aget_state_history`."""
        states = super().get_state_history(config, **selected)
        while True:
            with keep_values():
                if (state := next(states, None)) is None:
                    return
                state = whole_results(state)
            yield state

    async def abulk_update_state(self, config: RunnableConfig, supersteps: Any) -> RunnableConfig:
        """Update the state as LangGraph does. `aupdate_state` is built on this."""
        with traced_update(config, self.config) as traced:
            return await super().abulk_update_state(traced, supersteps)

    def bulk_update_state(self, config: RunnableConfig, supersteps: Any) -> RunnableConfig:
        """Update the state, as `abulk_update_state`."""
        with traced_update(config, self.config) as traced:
            return super().bulk_update_state(traced, supersteps)
