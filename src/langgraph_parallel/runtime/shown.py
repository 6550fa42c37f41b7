"""What a graph shows of its state: the keys of its input and output, and none that only its nodes know."""

import copy
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

Graph = CompiledStateGraph[Any, Any, Any, Any]


def show_public_keys(graph: Graph) -> None:
    """Let streams, states and schemas of a compiled graph show the keys of its input and output alone."""
    schemas = graph.builder.schemas
    public = schemas[graph.builder.input_schema].keys() | schemas[graph.builder.output_schema].keys()
    graph.stream_channels = [key for key in graph.stream_channels_list if key in public]


async def read_all(graph: Graph, config: RunnableConfig) -> StateSnapshot:
    """Return the state of a graph as `aget_state`, with the internal channels as well."""
    whole = copy.copy(graph)
    whole.stream_channels = None
    return await whole.aget_state(config)
