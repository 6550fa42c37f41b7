"""Fixtures for tests of the action."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.code_host import CodeHost


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the checkout, which is the current one."""
    checkout = tmp_path / "check out"
    checkout.mkdir()
    monkeypatch.chdir(checkout)
    return checkout


@pytest.fixture
def host() -> Iterator[CodeHost]:
    """Run a code host for one test."""
    with CodeHost() as running:
        yield running
