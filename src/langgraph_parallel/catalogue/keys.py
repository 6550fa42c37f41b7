"""The keys of a graph's input."""

from collections.abc import Mapping
from typing import Any

from langgraph_parallel.runtime.graph import ParallelGraph


def required_keys(graph: ParallelGraph, schema: Mapping[str, Any]) -> list[str]:
    """Return the keys that an input needs if it has no messages.

    Args:
        graph: whose input it is.
        schema: of the input.
    """
    spec = graph.governing.from_messages
    return [*schema.get("required", []), *(spec.keys if spec is not None and len(spec.keys) == 1 else [])]
