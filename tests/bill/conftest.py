"""Fixtures: the server that bills."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from benchmarks.billing.client import Remote, billing


@pytest.fixture(scope="session")
def till() -> Iterator[Remote]:
    """Run the server that bills."""
    with billing() as remote:
        yield remote


@pytest.fixture
def client(till: Remote) -> OpenAI:
    """A client of a provider, which retries nothing."""
    return OpenAI(base_url=till.url, api_key="sk-none", max_retries=0)
