"""The wiring of a graph: its channels, its nodes, and how these follow each other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from langgraph.channels.base import BaseChannel
from langgraph.graph.state import CompiledStateGraph

from langgraph_parallel.runtime.wave_store import NOTHING

Graph = CompiledStateGraph[Any, Any, Any, Any]
Channel = BaseChannel[Any, Any, Any]


class Node(NamedTuple):
    """A node, or what chooses the next ones."""

    call: Callable[..., Any]
    wants: Sequence[str]
    """Of `config` and `runtime`, those that it takes."""
    reads: Sequence[str] | None
    """The channels that it gets; None for what a `Send` carries."""
    ends: Mapping[Any, str]
    """From what it returns to the nodes that are next, if it chooses."""


class Wiring:
    """How the nodes of a compiled graph follow each other.

    Args:
        graph: whose nodes return mappings, and whose edges lead from one node each.
    """

    def __init__(self, graph: Graph) -> None:
        builder = graph.builder
        keys = builder.schemas[builder.state_schema]
        self.channels = {
            key: channel
            for key, channel in graph.channels.items()
            if key in keys and isinstance(channel, BaseChannel)
        }
        self.first = [key for key, channel in self.channels.items() if empty(channel).is_available()]
        """Keys of the channels that have a value before anything is written."""
        self.input_keys = list(builder.schemas[builder.input_schema])
        self.output_keys = list(builder.schemas[builder.output_schema])
        self.nodes = {
            name: _node(
                spec.runnable, [key for key in builder.schemas[spec.input_schema] if key in self.channels]
            )
            for name, spec in builder.nodes.items()
        }
        self.edges: dict[str, list[str]] = {}
        for start, end in sorted(builder.edges):
            self.edges.setdefault(start, []).append(end)
        self.choices = {
            start: [_node(branch.path, list(self.channels), branch.ends) for branch in branches.values()]
            for start, branches in builder.branches.items()
        }


def empty(channel: Channel) -> Channel:
    """Return a channel that nothing was written to."""
    return channel.from_checkpoint(NOTHING)


def _node(runnable: Any, reads: Sequence[str], ends: Mapping[Any, str] | None = None) -> Node:
    call = runnable.func or runnable.afunc
    return Node(call, [*runnable.func_accepts], list(reads) or None, ends or {})
