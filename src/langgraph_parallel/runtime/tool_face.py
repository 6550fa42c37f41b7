"""The method by which a graph becomes a tool of an agent."""

from typing import Any

from langchain_core.tools import BaseTool


def graph_as_tool(self: Any, **options: Any) -> BaseTool:
    """Make a tool of the graph: `langgraph_parallel.as_tool(graph, ...)`, which has the options.

    LangChain's own would require every input key, and return the whole state as text.

    Raises:
        UsageError: an option is not valid.
    """
    from langgraph_parallel import as_tool  # the public name: the runtime does not know what is above it

    return as_tool(self, **options)
