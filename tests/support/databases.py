"""PostgreSQL and Redis, where the environment names a server, and the marks of tests that need one."""

import os
import time
from itertools import count
from typing import Any

import pytest

POSTGRES = os.environ.get("POSTGRES", "")
"""Address of a database of the server."""
REDIS = os.environ.get("REDIS", "")
"""Address of the server."""
NEEDS_POSTGRES: list[Any] = [
    pytest.mark.needs_postgres,
    pytest.mark.skipif(not POSTGRES, reason="POSTGRES does not name a server; CI has one"),
]
NEEDS_REDIS: list[Any] = [
    pytest.mark.needs_redis,
    pytest.mark.skipif(not REDIS, reason="REDIS does not name a server; CI has one"),
]
SQLITE_AND_POSTGRES: list[Any] = ["sqlite", pytest.param("postgres", marks=NEEDS_POSTGRES)]
"""Kinds of databases, for tests of both."""
_made = count()


def new_database() -> str:
    """Make a database on the PostgreSQL server, and return its address."""
    import psycopg

    name = f"test_{os.getpid()}_{time.time_ns()}_{next(_made)}"
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{POSTGRES.rpartition('/')[0]}/{name}"
