"""Fixtures: the service, against the model server."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.graphs.test_killed import POSTGRES
from tests.support.served import Served
from tests.support.server import ModelServer

KINDS = [
    "sqlite",
    pytest.param(
        "postgres",
        marks=[
            pytest.mark.needs_postgres,
            pytest.mark.skipif(not POSTGRES, reason="POSTGRES does not name a server; CI has one"),
        ],
    ),
]


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/service.sqlite"
    name = f"test_service_{os.getpid()}_{time.time_ns()}"
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return POSTGRES.replace("postgresql:", "postgresql+psycopg:").rpartition("/")[0] + f"/{name}"


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
