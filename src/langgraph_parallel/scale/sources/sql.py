"""Rows of a database, through SQLAlchemy."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from langgraph_parallel.catalogue.spelling import PYTHON, Spelling
from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.addresses import check_address, masked
from langgraph_parallel.scale.sources.keys import Record
from langgraph_parallel.scale.sources.names import distinct_names
from langgraph_parallel.scale.sources.records import RecordSource
from langgraph_parallel.scale.sources.values import as_json

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine, TextClause

_FETCHED = 1_000
"""Rows that are fetched at once; a cursor of the server holds the others."""
_TABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)?")
_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w)")
_DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
"""The driver that is used where a URL names none."""


class SqlSource(RecordSource):
    """The rows of a query or of a table.

    Args:
        url: of the database, as SQLAlchemy writes it: `postgresql://user:password@host/database`.
        query: a SELECT, or the name of a table.
        key: the column of the keys; by default the primary key of the table.
        spelling: how errors name these arguments.

    Raises:
        UsageError: the database cannot be reached, the query fails, or there is no key.
    """

    def __init__(self, url: str, query: str, key: str | None = None, *, spelling: Spelling = PYTHON) -> None:
        self._url = _parse(url)
        super().__init__(self._url.render_as_string(hide_password=True), key)
        self._query = query.strip().rstrip(";")
        if not self._query:
            asked = spelling.queried("select id, text from reviews")
            raise UsageError(f"a database needs a query: {asked}, or a table in its place")
        self._is_table = _TABLE.fullmatch(self._query) is not None
        self._engine = self._connect()
        with self._in_words():
            self._columns, self._renamed = distinct_names(self._read_columns())
            self.key = key or self._primary_key()
        if self.key is None:
            raise UsageError(
                "the rows of a query have no order, so that numbers cannot identify them: name the column of "
                f"the keys with {spelling.keyed('COLUMN')}; the columns are {', '.join(self._columns)}"
            )

    @property
    def columns(self) -> Sequence[str]:
        """Those of the query."""
        return self._columns

    @property
    def remarks(self) -> Sequence[str]:
        """Columns that had the name of another one."""
        return [f"{self.name}: {note}" for note in self._renamed]

    def total(self) -> int | None:
        """Count the rows; None if the database cannot count those of such a query."""
        from sqlalchemy.exc import SQLAlchemyError

        counted = self._query if self._is_table else f"({self._query}) as counted"
        try:
            with self._engine.connect() as connection:
                found = connection.execute(_as_it_stands(f"select count(*) from {counted}"))  # noqa: S608
                return int(found.scalar_one())
        except SQLAlchemyError:
            return None

    def records(self) -> Iterator[Record]:
        """Iterate over the rows, of which the server holds those that are not fetched yet."""
        with self._in_words(), self._engine.connect() as connection:
            streamed = connection.execution_options(stream_results=True, yield_per=_FETCHED)
            names = self._columns
            for number, row in enumerate(streamed.execute(_as_it_stands(self._statement)), 1):
                yield Record(number, dict(zip(names, map(as_json, row), strict=True)))

    @property
    def _statement(self) -> str:
        return f"select * from {self._query}" if self._is_table else self._query  # noqa: S608

    def _connect(self) -> "Engine":
        from sqlalchemy import create_engine
        from sqlalchemy.exc import NoSuchModuleError
        from sqlalchemy.pool import NullPool

        try:
            return create_engine(self._url, poolclass=NullPool)
        except NoSuchModuleError:
            raise UsageError(
                f"{self.name} is not the address of a database that SQLAlchemy knows, such as "
                "postgresql://user@host/database or sqlite:///reviews.db; of other files, name the path"
            ) from None
        except ModuleNotFoundError as error:
            raise UsageError(
                f"{self.name} needs its driver: pip install {error.name}; for PostgreSQL, pip install "
                "'langgraph-parallel[postgres]'"
            ) from None

    def _read_columns(self) -> list[str]:
        with self._engine.connect() as connection:
            streamed = connection.execution_options(stream_results=True, max_row_buffer=1)
            with streamed.execute(_as_it_stands(self._statement)) as found:
                return [*found.keys()]

    def _primary_key(self) -> str | None:
        from sqlalchemy import inspect

        if not self._is_table:
            return None
        schema, _, table = self._query.rpartition(".")
        columns = inspect(self._engine).get_pk_constraint(table, schema or None)["constrained_columns"]
        return columns[0] if len(columns) == 1 else None

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except SQLAlchemyError as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
            raise UsageError(f"cannot read {self.name}: {masked(reason, self._url.password)}") from None


def _as_it_stands(statement: str) -> "TextClause":
    """Return a statement in which nothing is a parameter, whatever colons are in its texts."""
    from sqlalchemy import text

    return text(_PARAMETER.sub(r"\\:", statement))


def is_database(text: str) -> bool:
    """Return whether a text is the URL of a database."""
    is_address = re.match(r"[a-z][a-z0-9+]*://", text, re.IGNORECASE) is not None
    return is_address and not text.lower().startswith(("http://", "https://"))


def _parse(url: str) -> "URL":
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ModuleNotFoundError:
        raise UsageError("a database needs the extra: pip install 'langgraph-parallel[sql]'") from None
    check_address(url)
    try:
        parsed: URL = make_url(url)
    except (ArgumentError, ValueError):  # whose text has the URL, and so the password
        raise UsageError(
            "the URL of the database cannot be read; write it as postgresql://user:password@host/database"
        ) from None
    driver = _DRIVERS.get(parsed.drivername)
    return parsed.set(drivername=f"{parsed.drivername}+{driver}") if driver else parsed
