"""Graphs that run in the task of whoever calls them, with nothing of LangGraph's loop around their nodes.

For each step LangGraph prepares what somebody may want of it: checkpoints, traces, streams, answers of
people, the task's own scratchpad and runtime. Of a small graph that runs many thousand times, such as the
vote on one item, this is most of the cost. Where nobody wants any of it, the same nodes read the same
channels and go the same ways here: what a graph returns and raises does not tell who ran it, except that an
error has no note of LangGraph's that names its task, and metadata nothing of its checkpoints and paths.
Of a vote in a branch the checkpoints are stored, too (`runtime.wave_store`).
"""

from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, var_child_runnable_config
from langgraph.constants import END, START
from langgraph.runtime import Runtime
from langgraph.types import Send

from langgraph_parallel.runtime.stored_ballots import knows_tasks
from langgraph_parallel.runtime.together import together
from langgraph_parallel.runtime.wave_store import CHECKPOINTER, WaveStore
from langgraph_parallel.runtime.wiring import Channel, Graph, Node, Wiring, empty

_RUNTIME, _READ, _TASK = "__pregel_runtime", "__pregel_read", "__pregel_task_id"
"""Config keys under which LangGraph passes the runtime, what reads the state, and the task around a graph."""
_TOLD = ("thread_id", "checkpoint_id", "task_id", "run_id", "assistant_id", "graph_id")
"""Configurable values that LangGraph puts into the metadata of what it runs."""
_OWN_LINEAGE = ("thread_id", "checkpoint_ns", "checkpoint_id", "checkpoint_map")
"""Configurable values with which a caller says that nothing configurable of the graph around applies."""
_NEEDS_LANGGRAPH = ("__pregel_stream", "__pregel_resuming")
"""Config keys under which LangGraph passes what it alone can serve."""


def runs_in_task(
    graph: Graph, config: RunnableConfig | None, *, is_inner: bool, stores: bool = False
) -> bool:
    """Return whether nobody wants anything of a run that only LangGraph has.

    Args:
        graph: to be run; with a checkpointer or settings of its own, LangGraph runs it.
        config: of the caller.
        is_inner: whether it is part of a run of this package. An outermost one inside of a graph of others,
            which may do what it likes with it, is left to LangGraph.
        stores: whether a checkpointer of a graph around it can be served here.
    """
    own: Any = graph
    if (
        own.checkpointer
        or own.config
        or own.debug
        or own.cache
        or own.step_timeout
        or own.interrupt_before_nodes
        or own.interrupt_after_nodes
    ):
        return False
    around: Mapping[str, Any] = var_child_runnable_config.get() or {}
    given: Mapping[str, Any] = config or {}
    configurable = {**(around.get("configurable") or {}), **(given.get("configurable") or {})}
    needed = _NEEDS_LANGGRAPH if stores else (CHECKPOINTER, *_NEEDS_LANGGRAPH)
    if any(configurable.get(key) for key in needed) or (_TASK in configurable and not is_inner):
        return False
    if given.get("max_concurrency") or around.get("max_concurrency"):
        return False
    callbacks = {id(each): each for each in (given.get("callbacks"), around.get("callbacks"))}
    if any(AsyncCallbackManager.configure(each).handlers for each in callbacks.values()):
        return False
    return not stores or knows_tasks()


def may_bundle(graph: Graph, config: RunnableConfig | None, *, is_inner: bool) -> bool:
    """Return whether branches of a run may share tasks of LangGraph's: nobody sees which tasks it has."""
    own: Any = graph
    return own.governing.bundles and runs_in_task(graph, config, is_inner=is_inner)


def run_in_task(
    graph: Graph,
    wiring: Wiring,
    given: Mapping[str, Any],
    config: RunnableConfig,
    context: Any,
    store: WaveStore | None = None,
) -> Coroutine[Any, Any, dict[str, Any]]:
    """Run a graph, and return its output as LangGraph would.

    Args:
        graph: to be run.
        wiring: of the graph.
        given: its input.
        config: of the run, which its nodes get.
        context: the runtime context; None for that of the graph around.
        store: makes the checkpoints of the run; None for none.

    Raises:
        Exception: of a node. The others of the same step are cancelled, and have ended.
    """
    return _Walk(wiring, config, graph.store, context, store).run(given)


def _read(channels: Mapping[str, Channel], keys: Iterable[str], fresh: bool = False) -> dict[str, Any]:
    """Return the values of channels that have one, as of the last step.

    Args:
        channels: by their keys, those that may have a value.
        keys: of the channels to read.
        fresh: has no meaning here: no node reads what it has just written.
    """
    found = ((key, channels[key]) for key in keys if key in channels)
    return {key: channel.get() for key, channel in found if channel.is_available()}


class _Walk:
    """One run of a graph.

    Args:
        wiring: of the graph.
        config: of the run.
        store: of the graph; None for that of the graph around.
        context: of the run; None for that of the graph around.
        checkpoints: makes those of the run; None for none.
    """

    def __init__(
        self,
        wiring: Wiring,
        config: RunnableConfig,
        store: Any,
        context: Any,
        checkpoints: WaveStore | None,
    ) -> None:
        self._wiring, self._checkpoints = wiring, checkpoints
        # The others begin when they are written to: each run has a dozen of them, and thousands may go on.
        self._channels = {key: empty(wiring.channels[key]) for key in wiring.first}
        # The config below has it: as a method, it would leave each run in a cycle.
        self.read = partial(_read, self._channels)
        config = {**ensure_config(config), "configurable": _configurable(config)}
        around: Runtime[Any] = (config.get("configurable") or {}).get(_RUNTIME) or Runtime()
        changes = {key: value for key, value in (("context", context), ("store", store)) if value is not None}
        # Nobody streams this run: what its nodes write belongs to no stream of a graph around.
        self._runtime = around.override(**changes, stream_writer=_write_nowhere)
        configurable = {**(config.get("configurable") or {}), _READ: self.read, _RUNTIME: self._runtime}
        told = {key: configurable[key] for key in _TOLD if configurable.get(key)}
        metadata = {**told, **(config.get("metadata") or {})}
        self._config: RunnableConfig = {**config, "configurable": configurable, "metadata": metadata}
        self._config.pop("run_id", None)  # of the graph itself
        self._step = 0

    async def run(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Run step by step, until no node is next, and return the output."""
        written = self._write([{key: given[key] for key in self._wiring.input_keys if key in given}])
        due: Sequence[str | Send] = self._wiring.edges[START]
        if self._checkpoints is not None:
            self._checkpoints.begun(written, due)
        while due:
            self._step += 1
            due = await self._run_step(due)
        return self.read(self._wiring.output_keys)

    async def _run_step(self, due: Sequence[str | Send]) -> Sequence[str | Send]:
        """Run what is due, write what it returns, and return what is next."""
        names = list(dict.fromkeys(one.node if isinstance(one, Send) else one for one in due))
        configs = {name: self._config_of(name) for name in names}
        if len(due) == 1 and isinstance(due[0], str):
            written = self._write([await self._run_node(due[0], configs[due[0]])])
        else:  # a branch may be cancelled by itself, so that it needs a task of its own
            if self._checkpoints is not None:
                await self._checkpoints.send(self._in_order(), due, self._step)
            written = self._write(await together(self._run_all(due, configs)))
        ends = [end for name in names for end in self._wiring.edges.get(name, ())]
        choices = [(name, choice) for name in names for choice in self._wiring.choices.get(name, ())]
        chosen = [one for name, choice in choices for one in self._choose(name, choice, configs[name])]
        following = [one for one in (*dict.fromkeys(ends), *chosen) if one != END]
        if self._checkpoints is not None:
            self._checkpoints.stepped(due, written, following)
        return following

    def _in_order(self) -> Mapping[str, Channel]:
        """Return the channels that may have a value, in the order in which they are stored."""
        return {key: self._channels[key] for key in self._wiring.channels if key in self._channels}

    def _run_all(
        self, due: Sequence[str | Send], configs: Mapping[str, RunnableConfig]
    ) -> Iterator[Coroutine[Any, Any, Mapping[str, Any] | None]]:
        for number, one in enumerate(due):
            name, given = (one.node, one.arg) if isinstance(one, Send) else (one, self._state_for(one))
            yield self._run_in_own(number, name, given, configs[name])

    async def _run_in_own(
        self, number: int, name: str, given: Any, config: RunnableConfig
    ) -> Mapping[str, Any] | None:
        """Run a node in a task of its own, and store what it writes as soon as it has ended."""
        var_child_runnable_config.set(config)
        update: Mapping[str, Any] | None = await self._call(self._wiring.nodes[name], given, config)
        if self._checkpoints is not None:
            self._checkpoints.ended(name, number, self._known(update), self._wiring.edges.get(name, ()))
        return update

    def _known(self, update: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Return what an update writes to channels of the graph."""
        return {key: value for key, value in (update or {}).items() if key in self._wiring.channels}

    def _state_for(self, name: str) -> Mapping[str, Any]:
        """Return what a node gets that nothing was sent to."""
        return self.read(self._wiring.nodes[name].reads or ())

    async def _run_node(self, name: str, config: RunnableConfig) -> Mapping[str, Any] | None:
        token = var_child_runnable_config.set(config)
        try:
            given = self._state_for(name)
            update: Mapping[str, Any] | None = await self._call(self._wiring.nodes[name], given, config)
            return update
        finally:
            var_child_runnable_config.reset(token)

    def _choose(self, name: str, choice: Node, config: RunnableConfig) -> Sequence[str | Send]:
        token = var_child_runnable_config.set(config)
        try:
            chosen = self._call(choice, self.read(choice.reads or ()), config)
        finally:
            var_child_runnable_config.reset(token)
        several = chosen if isinstance(chosen, list | tuple) else [chosen]
        return [one if isinstance(one, Send) else choice.ends[one] for one in several]

    def _call(self, node: Node, given: Any, config: RunnableConfig) -> Any:
        offers = {"config": config, "runtime": self._runtime}
        return node.call(given, **{name: offers[name] for name in node.wants})

    def _config_of(self, name: str) -> RunnableConfig:
        told = {"langgraph_step": self._step, "langgraph_node": name}
        metadata = {**(self._config.get("metadata") or {}), **told}
        return {**self._config, "run_name": name, "metadata": metadata}

    def _write(self, updates: Iterable[Mapping[str, Any] | None]) -> Sequence[str]:
        """Write the updates of one step, in the order of its nodes; return the channels."""
        written: dict[str, list[Any]] = {}
        for update in updates:
            for key, value in (update or {}).items():
                if key in self._wiring.channels:
                    written.setdefault(key, []).append(value)
        for key, values in written.items():
            if key not in self._channels:
                self._channels[key] = empty(self._wiring.channels[key])
            self._channels[key].update(values)
        return list(written)


def _configurable(given: RunnableConfig) -> dict[str, Any]:
    """Return the configurable values of a run and of what runs around it, merged as LangGraph does."""
    own: Mapping[str, Any] = given.get("configurable") or {}
    around: Mapping[str, Any] = var_child_runnable_config.get() or {}
    if any(own.get(key) for key in _OWN_LINEAGE):
        return {**own}
    return {**(around.get("configurable") or {}), **own}


def _write_nowhere(value: object) -> None:
    """Take what a node writes to a stream that nobody reads."""
