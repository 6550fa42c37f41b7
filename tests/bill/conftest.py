"""Fixtures: the server that bills."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from benchmarks.billing.client import Remote, billing
from langgraph_parallel.runtime.batch.settings import FOLDER, bounds


@pytest.fixture(scope="session")
def till() -> Iterator[Remote]:
    """Run the server that bills."""
    with billing() as remote:
        yield remote


@pytest.fixture
def client(till: Remote) -> OpenAI:
    """A client of a provider, which retries nothing."""
    return OpenAI(base_url=till.url, api_key="sk-none", max_retries=0)


@pytest.fixture
def quick_lane(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Shorten what the batch lane waits for, and keep its ledger in a folder of the test."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    for name in ("quiet", "first_poll", "longest_poll", "first_pause", "longest_pause", "late_creation"):
        monkeypatch.setattr(bounds, name, 0.02)
    return tmp_path
