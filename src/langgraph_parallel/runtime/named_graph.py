"""Graphs whose keys have names of the caller's own.

Names are translated at the door: nodes, updates and checkpoints inside keep the keys of the pattern, so that
a graph with names may take up what one without them has begun.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from copy import copy
from dataclasses import is_dataclass
from typing import Any, TypeVar, cast, get_type_hints

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel.protocol import StreamProtocol
from langgraph.types import Command, StateSnapshot, StateUpdate
from pydantic import BaseModel, create_model
from typing_extensions import TypedDict

from langgraph_parallel.arguments import fields_of
from langgraph_parallel.errors import InputError
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.messages import KEY
from langgraph_parallel.runtime.names import Names, check_names

_CHECKPOINTER = "__pregel_checkpointer"
_STREAM = "__pregel_stream"
_TASK = "__pregel_task_id"
_AS_INPUT = ("__input__", "__start__")
"""Nodes that LangGraph takes for the input in updates of a state."""
_keeps_own_keys: ContextVar[bool] = ContextVar("keeps_own_keys", default=False)
GraphT = TypeVar("GraphT", bound=CompiledStateGraph)  # type: ignore[type-arg]


class NamedGraph(ParallelGraph):
    """A graph of this package whose input and output have names of the caller's own."""

    def __init__(self, *, names: Names, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # `with_config` copies a graph by its constructor
        self.names = names

    @property
    def own(self) -> ParallelGraph:
        """The same graph with its own keys."""
        graph: Any = copy(self)
        del graph.names
        graph.__class__ = ParallelGraph
        return cast("ParallelGraph", graph)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, *, context: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Stream as `ParallelGraph` does. `ainvoke` is built on this."""
        output_keys = kwargs.get("output_keys")
        rename = self.names.shown if output_keys is None else self.names.leaving
        if output_keys is not None and output_keys is not self.output_channels:  # which `ainvoke` passes
            kwargs["output_keys"] = self.names.output_keys(output_keys)
        mode = kwargs.get("stream_mode")
        if mode is None:  # as LangGraph chooses it
            nested = _TASK in ((config or {}).get("configurable") or {})
            mode = kwargs["stream_mode"] = "values" if nested else self.stream_mode
        if config is not None:
            config = _renaming_stream(config, rename)
        chunks = super().astream(self._entering(input), config, context=context, **kwargs)
        try:
            async with aclosing(cast("Any", chunks)) as stream:
                async for chunk in stream:
                    yield _renamed(chunk, mode, rename)
        except InputError as error:
            self.names.explain(error)
            raise

    def astream_events(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Stream events as LangGraph does; the output of the graph's own run has the caller's names."""
        events = super().astream_events(input, config, **kwargs)
        is_of_streams = kwargs.get("version") == "v3"  # it builds on `astream`
        return events if is_of_streams else self._renamed_events(events)

    async def _renamed_events(self, events: Any) -> AsyncIterator[Any]:
        async with aclosing(events) as stream:
            own = None
            async for event in stream:
                own = own or event["run_id"]  # the first one is the graph's own
                data = event["data"]
                is_end = event["run_id"] == own and event["event"] == "on_chain_end"
                yield (
                    {**event, "data": {**data, "output": self.names.shown(data["output"])}}
                    if is_end
                    else event
                )

    def _entering(self, input: Any) -> Any:
        if isinstance(input, Command):
            return self.names.commanding(input)
        if isinstance(input, BaseModel) or is_dataclass(input):
            input = fields_of(input)
        return self.names.entering(input) if isinstance(input, Mapping) else input

    async def aget_state(self, config: RunnableConfig, *, subgraphs: bool = False) -> StateSnapshot:
        """Return the state, as `ParallelGraph` does; its values have the caller's names."""
        return self._shown(config, await super().aget_state(config, subgraphs=subgraphs))

    def get_state(self, config: RunnableConfig, *, subgraphs: bool = False) -> StateSnapshot:
        """Return the state, as `aget_state`."""
        return self._shown(config, super().get_state(config, subgraphs=subgraphs))

    async def aget_state_history(
        self, config: RunnableConfig, **selected: Any
    ) -> AsyncIterator[StateSnapshot]:
        """Yield the states, as `ParallelGraph` does; their values have the caller's names."""
        async with aclosing(cast("Any", super().aget_state_history(config, **selected))) as states:
            async for state in states:
                yield self._shown(config, state)

    def get_state_history(self, config: RunnableConfig, **selected: Any) -> Iterator[StateSnapshot]:
        """Yield the states, as `aget_state_history`."""
        for state in super().get_state_history(config, **selected):
            yield self._shown(config, state)

    async def abulk_update_state(self, config: RunnableConfig, supersteps: Any) -> RunnableConfig:
        """Update the state, as `ParallelGraph` does, by the caller's names."""
        return await super().abulk_update_state(config, self._updating(config, supersteps))

    def bulk_update_state(self, config: RunnableConfig, supersteps: Any) -> RunnableConfig:
        """Update the state, as `abulk_update_state`."""
        return super().bulk_update_state(config, self._updating(config, supersteps))

    def _shown(self, config: RunnableConfig, state: StateSnapshot) -> StateSnapshot:
        if _keeps_own_keys.get() or not _is_own(config):
            return state
        return state._replace(values=self.names.shown(state.values))

    def _updating(self, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]) -> Any:
        if not _is_own(config):
            return supersteps
        return [[update._replace(values=self._updated(update)) for update in step] for step in supersteps]

    def _updated(self, update: StateUpdate) -> Any:
        if update.as_node in _AS_INPUT and isinstance(update.values, Mapping):
            return self.names.entering(update.values)
        return self.names.updating(update.values)

    @property
    def InputType(self) -> Any:  # noqa: N802 - LangGraph's name
        """The type of the input, by the caller's names."""
        return _renamed_type("Input", self.builder.input_schema, self.names.entering_keys)

    def get_input_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """Return the JSON schema of the input, by the caller's names."""
        schema = super().get_input_jsonschema(config)
        schema = {**schema, "required": [*self._needed, *schema.get("required", ())]}
        return _renamed_schema(schema, self.names.entering_keys)

    @property
    def _needed(self) -> Sequence[str]:
        """The key of which messages could take the place, if none may enter."""
        spec = self.governing.from_messages
        return () if spec is None or KEY in self.names.entering_keys or spec.keys[1:] else spec.keys

    def get_output_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """Return the JSON schema of the output, by the caller's names."""
        return _renamed_schema(super().get_output_jsonschema(config), self.names.outputs)

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the output as a pydantic model, by the caller's names."""
        hints = get_type_hints(self.builder.output_schema)
        fields: dict[str, Any] = {name: (hints[key], None) for key, name in self.names.outputs.items()}
        return create_model(self.get_name("Output"), **fields)


def name_keys(graph: GraphT, inputs: object, outputs: object) -> GraphT:
    """Give the keys of a `ParallelGraph` the caller's names, if there are any.

    Args:
        graph: as `parallel_graph` returns it.
        inputs: the caller's name of each input key that enters; None for all under their own names.
        outputs: the caller's name of each output key that leaves; None for all under their own names.

    Raises:
        UsageError: a key does not exist, or a name is not valid.
    """
    schemas = graph.builder.schemas
    entering, leaving = (list(schemas[s]) for s in (graph.builder.input_schema, graph.builder.output_schema))
    if (names := check_names(inputs, outputs, entering, leaving)) is not None:
        graph.__class__ = NamedGraph  # type: ignore[assignment]
        graph.names = names  # type: ignore[attr-defined]
    return graph


def with_own_keys(graph: ParallelGraph) -> ParallelGraph:
    """Return a graph with its own keys, for code of this package, which knows them."""
    return graph.own if isinstance(graph, NamedGraph) else graph


@contextmanager
def keep_own_keys() -> Iterator[None]:
    """Have the states of graphs that are nodes of others by the graphs' own keys."""
    token = _keeps_own_keys.set(True)
    try:
        yield
    finally:
        _keeps_own_keys.reset(token)


def _is_own(config: RunnableConfig) -> bool:
    """Return whether a config names the state of a graph itself, and not that of one inside."""
    given = config.get("configurable") or {}
    return not given.get("checkpoint_ns") or _CHECKPOINTER in given


def _renaming_stream(config: RunnableConfig, rename: Any) -> RunnableConfig:
    """Return the config of a graph inside another one, whose stream gets its values by the caller's names."""
    given = config.get("configurable") or {}
    stream: Any = given.get(_STREAM)
    if stream is None:
        return config
    depth = len(str(given.get("checkpoint_ns") or "").split("|"))

    def put(chunk: Any) -> None:
        place, mode, payload = chunk
        renames = mode == "values" and len(place) == depth
        stream((place, mode, rename(payload)) if renames else chunk)

    return {**config, "configurable": {**given, _STREAM: StreamProtocol(put, stream.modes)}}


def _renamed(chunk: Any, modes: Any, rename: Any) -> Any:
    """Return a part of a stream, in any form of LangGraph's, with the caller's names if it is values."""
    if isinstance(chunk, dict) and chunk.keys() >= {"type", "ns", "data"}:  # the second version of streams
        is_own = chunk["type"] == "values" and not chunk["ns"]
        return {**chunk, "data": rename(chunk["data"])} if is_own else chunk
    place, mode, payload = (), modes, chunk
    if isinstance(chunk, tuple):
        *before, payload = chunk
        if before and isinstance(before[0], tuple):
            place = before.pop(0)
        mode = before[0] if before else modes
    if mode != "values" or place:
        return chunk
    return (*chunk[:-1], rename(payload)) if isinstance(chunk, tuple) else rename(payload)


def _renamed_type(name: str, schema: Any, names: Mapping[str, str]) -> Any:
    hints = get_type_hints(schema, include_extras=True)
    return TypedDict(name, {name: hints[key] for key, name in names.items()})  # type: ignore[operator]


def _renamed_schema(schema: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    renamed: dict[str, Any] = {name: properties[key] for key, name in names.items() if key in properties}
    required = [names[key] for key in schema.get("required", []) if key in names]
    rest = {key: value for key, value in schema.items() if key != "required"}
    return {**rest, "properties": renamed, **({"required": required} if required else {})}
