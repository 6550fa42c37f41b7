"""The tools of agents, as far as the answer of a person may name them."""

from collections.abc import Collection

from langgraph.graph.state import CompiledStateGraph

from langgraph_parallel.nodes.work.adapter import Adapter


def tools_of(worker: object) -> Collection[str]:
    """Return the names of an agent's tools; empty for any other worker, whose tools are not known."""
    while isinstance(worker, Adapter):
        worker = worker.runnable
    if not isinstance(worker, CompiledStateGraph):
        return ()
    # Only LangGraph's `ToolNode` has them; its class is in a package of its own.
    return {name for node in worker.nodes.values() for name in getattr(node.bound, "tools_by_name", ())}
