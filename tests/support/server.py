"""The model server of the package, under the name that its own tests use."""

from langgraph_parallel.testing.replies import Gate, Reply, Request
from langgraph_parallel.testing.server import ModelServer
from langgraph_parallel.testing.wire import smallest

__all__ = ["Gate", "ModelServer", "Reply", "Request", "smallest"]
