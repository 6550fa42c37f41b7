"""Agents and graphs of others: as workers and voters, with checked tools, with models that obey limits.

    agents.adapt(graph, input=..., output=...)
    agents.checked_tool(tool, input_checks=..., output_checks=...)
    create_agent(model, tools, middleware=[agents.GovernedMiddleware()])
    agents.one_form(out["__interrupt__"]), agents.reply(out["__interrupt__"], {"decisions": [...]})

The middleware needs langchain, from the extra `agents`.
"""

from typing import TYPE_CHECKING, Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.work.adapter import adapt
from langgraph_parallel.runtime.people import one_form, reply

if TYPE_CHECKING:
    from langgraph_parallel.graphs.checked_tool import checked_tool
    from langgraph_parallel.nodes.work.middleware import GovernedMiddleware

__all__ = ["GovernedMiddleware", "adapt", "checked_tool", "one_form", "reply"]


def __getattr__(name: str) -> Any:
    """Import what is used: the middleware needs langchain, which this package does not.

    Raises:
        UsageError: langchain is not installed.
    """
    if name == "checked_tool":
        from langgraph_parallel.graphs.checked_tool import checked_tool

        return checked_tool
    if name != "GovernedMiddleware":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from langgraph_parallel.nodes.work.middleware import GovernedMiddleware
    except ImportError:
        raise UsageError(
            "agents.GovernedMiddleware needs langchain: pip install 'langgraph-parallel[agents]'"
        ) from None
    return GovernedMiddleware
