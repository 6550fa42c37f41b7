"""Agents and graphs of others as workers and voters: adapters, and a middleware for their models.

agents.adapt(graph, input=..., output=...)
create_agent(model, tools, middleware=[agents.GovernedMiddleware()])
"""

from typing import TYPE_CHECKING, Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.work.adapter import adapt

if TYPE_CHECKING:
    from langgraph_parallel.nodes.work.middleware import GovernedMiddleware

__all__ = ["GovernedMiddleware", "adapt"]


def __getattr__(name: str) -> Any:
    """Import the middleware when it is first used: it needs langchain, which this package does not.

    Raises:
        UsageError: langchain is not installed.
    """
    if name != "GovernedMiddleware":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from langgraph_parallel.nodes.work.middleware import GovernedMiddleware
    except ImportError:
        raise UsageError(
            "agents.GovernedMiddleware needs langchain: pip install 'langgraph-parallel[agents]'"
        ) from None
    return GovernedMiddleware
