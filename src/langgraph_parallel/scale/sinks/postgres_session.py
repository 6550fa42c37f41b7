"""A connection to PostgreSQL that holds the right to write to a table. Needs psycopg (extra `postgres`)."""

import asyncio
import os
import secrets
import socket
from typing import Any, TypeAlias

from psycopg import AsyncConnection

from langgraph_parallel.errors import UsageError
from langgraph_parallel.report.wording import visible

Connection: TypeAlias = AsyncConnection[tuple[Any, ...]]
_CONNECT_SECONDS = 10
_PATIENCE = 3.0
"""Seconds to wait for a lock: the server may need a moment to see that a process was killed."""
_LOOK_AGAIN = 0.1
_SETTINGS = (
    "SET tcp_keepalives_idle = 30",  # else the lock of a machine that is gone would be held for hours
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
    "SET client_encoding = 'UTF8'",
    "SET timezone = 'UTC'",
)
_HOLDER = """
    SELECT activity.pid, activity.application_name FROM pg_locks AS locks
    JOIN pg_stat_activity AS activity ON activity.pid = locks.pid
    WHERE locks.locktype = 'advisory' AND locks.granted AND locks.objsubid = 1
    AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND ((locks.classid::bigint << 32) | locks.objid::bigint) = hashtextextended(%s, 0)
"""


class Session:
    """A connection with an advisory lock, which ends with it.

    Args:
        address: for libpq.
        lock: what the lock is named by.
        name: of the sink, for errors.
    """

    def __init__(self, address: str, lock: str, name: str) -> None:
        self._address, self._lock, self._name = address, lock, name
        self._connection: Connection | None = None
        self._token = secrets.token_hex(4)
        host = socket.gethostname()[:24]
        self._about = f"langgraph-parallel process {os.getpid()} on {host} ({self._token})"

    @property
    def connection(self) -> Connection:
        """The connection, after `ensure`."""
        assert self._connection is not None, "the sink is not open"
        return self._connection

    @property
    def is_broken(self) -> bool:
        """Whether there is no connection that works."""
        return self._connection is None or self._connection.broken or self._connection.closed

    async def ensure(self) -> None:
        """Connect and take the lock, unless that is so.

        Raises:
            UsageError: another command has the lock.
            psycopg.Error: the server cannot be reached.
        """
        if not self.is_broken:
            return
        await self.close()
        connection = await AsyncConnection.connect(
            self._address,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            application_name=self._about,
        )
        try:
            for setting in _SETTINGS:
                await connection.execute(setting)
            await self._take_lock(connection)
        except BaseException:
            await connection.close()
            raise
        self._connection = connection

    async def close(self) -> None:
        """Close the connection; nothing if there is none."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _take_lock(self, connection: Connection) -> None:
        end = asyncio.get_running_loop().time() + _PATIENCE
        while True:
            query = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
            taken = await (await connection.execute(query, (self._lock,))).fetchone()
            if taken and taken[0]:
                return
            found = await (await connection.execute(_HOLDER, (self._lock,))).fetchone()
            if found and self._token in found[1]:
                # Our own connection that has broken, and that the server still takes for a live one.
                await connection.execute("SELECT pg_terminate_backend(%s)", (found[0],))
            elif asyncio.get_running_loop().time() > end:
                holder = visible(found[1].rpartition(" (")[0] or found[1]) if found else "another command"
                raise UsageError(
                    f"{holder} is writing to {self._name}; wait for its end, or name another table with "
                    "?table=NAME"
                )
            await asyncio.sleep(_LOOK_AGAIN)
