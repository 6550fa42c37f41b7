"""The model server of the package, under the name that its own tests use."""

import ssl

from langgraph_parallel.testing.replies import Gate, Reply, Request
from langgraph_parallel.testing.server import ModelServer
from langgraph_parallel.testing.wire import smallest

__all__ = ["Gate", "ModelServer", "Reply", "Request", "smallest"]

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that ask this server alone, over plain HTTP: to read certificates takes 20 ms."""
