"""Fixtures: a clean environment and the model server."""

import gc
import os
import time
from collections.abc import AsyncIterator, Generator, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from langchain_openai import ChatOpenAI
from openai import DefaultAsyncHttpxClient, DefaultHttpxClient
from pydantic import SecretStr

from langgraph_parallel.offline import engines
from langgraph_parallel.runtime.limiter_registry import reset_limits
from langgraph_parallel.runtime.resting import detours, rests
from tests.support.clock import Clock
from tests.support.engine_runs import remembered_run
from tests.support.instructions import remember_instructions
from tests.support.server import NO_TLS, ModelServer

settings.register_profile("project", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("project")

# Else each of the many processes that tests start would compile the modules again that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# No test leaves the machine: a client that reads no certificates for TLS is made in a hundredth of the time.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).with_name("support"))  # in which there are none
remember_instructions()
# Nearly all objects of the imports stay: the collector would look at them again and again, and in vain.
gc.disable()

_VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_API_BASE",
    "LANGSMITH_API_KEY",
    "LANGSMITH_ENDPOINT",
    "LANGSMITH_PROJECT",
    "LANGCHAIN_TRACING_V2",
)


_LONG = (
    "tests/package/test_notebooks.py",
    "tests/graphs/test_killed.py",
    "tests/tools/test_plan_killed.py",
    "tests/recipes/test_agent_server.py",
)
"""Files with tests of many seconds: one that began last would be waited for by idle processes."""


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Begin three processes for two cores: tests wait for servers and processes a third of their time."""
    return (yield) * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests; the others keep their order."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


def pytest_collection_finish() -> None:
    """Let the garbage collector look at what tests make, and not at all that was imported before."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)  # with the default of 700, it takes a tenth of the time of all tests
    gc.enable()


@pytest.fixture(scope="session")
def state_homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Paths for the states of tests, in one folder: pytest reads a folder to the end to make one in it."""
    folder = tmp_path_factory.mktemp("states")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, state_homes: Iterator[Path]) -> None:
    """Hide keys, models, limits and tracing that the machine has set; keep runs in a temporary folder."""
    for name in [*_VARIABLES, *(name for name in os.environ if name.startswith("LANGGRAPH_PARALLEL_"))]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(next(state_homes)))
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    rests.forget()  # tests without a server may ask the same address
    detours.forget()


@pytest.fixture(autouse=True)
def remembered_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a static engine once for the same files; the tests of the engines themselves run it each time."""
    monkeypatch.setattr(engines, "run_module", remembered_run)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """Run a model server for one test."""
    reset_limits()  # an earlier test's server may have had the same port
    with ModelServer() as running:
        yield running


@pytest.fixture
def model(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point the environment to the server, and return the name of a model there."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-real-key")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    return "openai:test-model"


@pytest.fixture
async def own(server: ModelServer) -> AsyncIterator[ChatOpenAI]:
    """Make a chat model of the caller's own, which retries nothing; its connections end with the test."""
    async with DefaultAsyncHttpxClient(verify=NO_TLS) as asynchronous:
        with DefaultHttpxClient(verify=NO_TLS) as synchronous:
            yield ChatOpenAI(
                model="own",
                base_url=server.url,
                api_key=SecretStr("sk-test"),
                max_retries=0,
                http_async_client=asynchronous,
                http_client=synchronous,
            )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock of the process by one that the test can stop and put forward."""
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    monkeypatch.setattr(time, "time", clock.time)
    return clock
