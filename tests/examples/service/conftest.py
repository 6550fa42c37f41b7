"""Fixtures: the service, against the model server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import new_database
from tests.support.served import Served
from tests.support.server import ModelServer


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/service.sqlite"
    return new_database().replace("postgresql:", "postgresql+psycopg:")


@pytest.fixture
def prices(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the graph ask the model server, at a price."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    monkeypatch.setenv("LANGGRAPH_PARALLEL_PRICE_INPUT", "1")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_PRICE_OUTPUT", "2")


@pytest.fixture
def service(prices: None, server: ModelServer, tmp_path: Path) -> Iterator[Served]:
    """Run the service in a process of its own, with SQLite."""
    with Served(tmp_path) as served:
        yield served
