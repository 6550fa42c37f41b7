"""Testing your own graph without a real model: a server on loopback, a model in memory, pytest fixtures.

    from langgraph_parallel.testing import FakeModel, ModelServer, Reply

`ModelServer` speaks OpenAI's wire format, so that retries, limits, time limits and costs are real; it delays,
refuses and hangs on command, and has files and batches (`ModelServer.batches`). `FakeModel` is a LangChain
chat model in memory, for what needs no server. Both choose their answer by the text of the prompt, never by
the order of the calls, which a fan-out does not fix.
In a `conftest.py`, `pytest_plugins = ["langgraph_parallel.testing.fixtures"]` gives the fixtures
`model_server`, `served_model` and `fake_model`.
"""

from langgraph_parallel.testing.batches import BatchApi
from langgraph_parallel.testing.created_batch import CreatedBatch
from langgraph_parallel.testing.fake import FakeModel
from langgraph_parallel.testing.replies import Gate, Reply, Request
from langgraph_parallel.testing.scripted import Answer
from langgraph_parallel.testing.server import ModelServer

__all__ = ["Answer", "BatchApi", "CreatedBatch", "FakeModel", "Gate", "ModelServer", "Reply", "Request"]
