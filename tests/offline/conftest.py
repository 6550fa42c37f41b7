"""Fixtures for tests of the static engines."""

import pytest


@pytest.fixture(autouse=True)
def remembered_engines() -> None:
    """Remember nothing: each test starts the engines that it needs."""
