"""Fixtures for pytest: `pytest_plugins = ["langgraph_parallel.testing.fixtures"]` in a `conftest.py`."""

from collections.abc import Iterator

import pytest

from langgraph_parallel.runtime.limiter_registry import reset_limits
from langgraph_parallel.testing.fake import FakeModel
from langgraph_parallel.testing.server import ModelServer

MODEL = "openai:test-model"
"""Name of the model that `served_model` returns."""


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """An OpenAI-compatible server on loopback, for one test; what was learned of limits is forgotten."""
    reset_limits()  # an earlier server may have had the same port
    with ModelServer() as server:
        yield server


@pytest.fixture
def served_model(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a model of `model_server`, to which the environment points: `openai:test-model`."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-real-key")
    monkeypatch.setenv("OPENAI_BASE_URL", model_server.url)
    return MODEL


@pytest.fixture
def fake_model() -> FakeModel:
    """A chat model in memory, without any answers yet."""
    return FakeModel()
