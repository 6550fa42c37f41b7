"""The tools of agents, as far as the answer of a person may name them."""

from collections.abc import Mapping, Sequence

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Interrupt

from langgraph_parallel.nodes.work.adapter import Adapter
from langgraph_parallel.runtime.people import check_tools


def check_edits(worker: object, waiting: Mapping[str, Sequence[Interrupt]], config: RunnableConfig) -> None:
    """Check, before an agent goes on, that no edit in the answer to it names a tool that it does not have.

    The agent would find out once it has taken the answer, and could not be given another one.

    Args:
        worker: any.
        waiting: what waits for an answer, by the ids of LangGraph's tasks.
        config: of the node that runs the worker.

    Raises:
        InputError: one does.
    """
    while isinstance(worker, Adapter):
        worker = worker.runnable
    place = str((config.get("configurable") or {}).get("checkpoint_ns", ""))
    interrupts = waiting.get(place.rpartition(":")[2])
    if interrupts is None or not isinstance(worker, CompiledStateGraph):
        return
    # Only LangGraph's `ToolNode` has them; its class is in a package of its own.
    tools = {name for node in worker.nodes.values() for name in getattr(node.bound, "tools_by_name", ())}
    if tools:
        check_tools(interrupts, tools, config)
