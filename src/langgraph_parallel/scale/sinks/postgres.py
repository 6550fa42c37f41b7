"""Rows in a table of PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

from langgraph_parallel.errors import UsageError
from langgraph_parallel.report.wording import visible
from langgraph_parallel.scale.addresses import check_address, masked
from langgraph_parallel.scale.rows import Result, RowStatus
from langgraph_parallel.scale.sinks.base import Counts, Manifest
from langgraph_parallel.scale.sinks.table import once_each

try:
    import psycopg
    from psycopg import conninfo, errors

    from langgraph_parallel.scale.sinks.postgres_session import Connection, Session
    from langgraph_parallel.scale.sinks.postgres_table import RULES, Table
except ImportError:
    raise UsageError("a sink in PostgreSQL needs psycopg; install langgraph-parallel[postgres]") from None

T = TypeVar("T")
TABLE = "rows"
"""Name of the table, unless another is given."""
_PATIENCE = 60.0
"""Seconds in which a server that was there is to be reached again: a restart takes less."""
_LOOK_AGAIN = 0.5


class PostgresSink:
    """Rows in a table of PostgreSQL, which others may read at the same time.

    Each column of the output is a column of the table: boolean, bigint, double precision, text, or jsonb for
    lists and objects. A column whose values are of several types becomes text, its values are then written as
    JSON writes them. PostgreSQL has no NUL and no halves of surrogate pairs: texts have escapes instead
    (`remarks` says so). A connection that breaks is opened again for about a minute, and a write that was
    committed when it broke is not repeated. Needs psycopg, from the extra `postgres`, and a session of its
    own on the server: a pooler has to be in session mode.

    Args:
        address: `postgresql://USER@HOST/DATABASE?table=NAME`, with any parameters of libpq. The name may have
            a schema: `labels.reviews`. Beside the table are the view `NAME_failed` of rows that failed, and
            `NAME_manifest`, which says what the rows were made with and what they have cost.
    """

    rules = RULES

    def __init__(self, address: str) -> None:
        check_address(address)
        base, _, query = address.partition("?")
        given = dict(parse_qsl(query, keep_blank_values=True))
        schema, _, name = given.pop("table", TABLE).rpartition(".")
        rest = f"{base}?{urlencode(given)}" if given else base
        try:
            where = conninfo.conninfo_to_dict(rest)
        except psycopg.ProgrammingError:
            raise UsageError(
                "the address of a sink in PostgreSQL is not valid; "
                "expected postgresql://USER@HOST/DATABASE?table=NAME"
            ) from None
        self._password = where.get("password")
        self.name = visible(_shown(where, f"{schema}.{name}" if schema else name))
        self._table = Table(schema, name, self.name)
        self._session = Session(rest, self._table.lock_name, self.name)
        self._turn = asyncio.Lock()

    @property
    def remarks(self) -> Sequence[str]:
        """What is to be known of the rows: texts that are not stored as they were."""
        return self._table.remarks

    async def open(self) -> Manifest | None:
        """Connect and take the lock; return what the rows were made with. See `Sink`."""
        try:
            return await self._do("open", self._table.open, patience=0)
        except BaseException:
            await self.close()
            raise

    async def stored(self, keys: Collection[str]) -> Mapping[str, RowStatus]:
        """Return the status of those keys that have a row."""
        return await self._do("read", lambda connection: self._table.stored(connection, keys))

    async def write(self, results: Sequence[Result], manifest: Manifest) -> None:
        """Store results and the manifest in one transaction; see `Sink`."""
        once = once_each(results)
        await self._do("write to", lambda connection: self._table.write(connection, once, manifest))

    async def counts(self) -> Counts:
        """Return the number of rows."""
        return await self._do("read", self._table.counts)

    async def failures(self) -> AsyncIterator[Result]:
        """Iterate over the rows that failed; rows may be written meanwhile."""
        last: str | None = None
        while found := await self._do("read", partial(self._failures_after, last)):
            for result in found:
                yield result
            last = found[-1].key

    async def _failures_after(self, key: str | None, connection: Connection) -> Sequence[Result]:
        return await self._table.failures_after(connection, key)

    async def close(self) -> None:
        """Close the connection, which gives the lock back."""
        await self._session.close()

    async def _do(
        self, doing: str, work: Callable[[Connection], Awaitable[T]], patience: float = _PATIENCE
    ) -> T:
        """Do something on the connection; open it again where it has broken.

        Raises:
            UsageError: the server cannot be reached, or refuses.
        """
        clock = asyncio.get_running_loop().time
        async with self._turn:
            end = clock() + patience
            while True:
                try:
                    await self._session.ensure()
                    return await work(self._session.connection)
                except (psycopg.Error, OSError) as error:
                    if clock() >= end or not self._may_pass(error):
                        raise self._explained(doing, error) from error
                await asyncio.sleep(_LOOK_AGAIN)

    def _may_pass(self, error: Exception) -> bool:
        passing = (errors.SerializationFailure, errors.DeadlockDetected)
        return self._session.is_broken or isinstance(error, passing)

    def _explained(self, doing: str, error: Exception) -> UsageError:
        reason = visible(masked(" ".join(str(error).split()), self._password))
        return UsageError(
            f"cannot {doing} {self.name}: {reason}; what was stored stays, and the same command goes on "
            "once that is mended"
        )


def _shown(where: Mapping[str, object], table: str) -> str:
    """Return an address without the password."""
    user, host = where.get("user"), where.get("host") or where.get("hostaddr") or ""
    port = f":{where['port']}" if "port" in where else ""
    return f"postgresql://{f'{user}@' if user else ''}{host}{port}/{where.get('dbname', '')}, table {table}"
