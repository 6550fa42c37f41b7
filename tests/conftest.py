"""Fixtures: a clean environment, and the model server."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from langgraph_parallel.runtime import limiter
from tests.support.server import ModelServer

settings.register_profile("project", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("project")

_VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_API_BASE",
    "LANGSMITH_API_KEY",
    "LANGSMITH_ENDPOINT",
    "LANGSMITH_PROJECT",
    "LANGCHAIN_TRACING_V2",
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No key, no model, no limits and no tracing, whatever the machine has set; runs are kept elsewhere."""
    for name in [*_VARIABLES, *(name for name in os.environ if name.startswith("LANGGRAPH_PARALLEL_"))]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("LANGSMITH_TRACING", "false")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A model server of its own for each test."""
    with ModelServer() as running:
        for endpoint in [key for key in limiter._limiters if f":{running.port}" in str(key)]:
            del limiter._limiters[endpoint]  # of an earlier server that had the same port
        yield running


@pytest.fixture
def model(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment of somebody who uses the server; gives the name of a model there."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-real-key")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    return "openai:test-model"
