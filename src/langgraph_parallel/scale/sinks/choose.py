"""A sink by its name: by the ending of a path, or by the scheme of an address."""

import os
from pathlib import Path
from urllib.parse import parse_qsl

from langgraph_parallel.errors import UsageError
from langgraph_parallel.report.wording import visible
from langgraph_parallel.scale.sinks.base import Sink

_SQLITE = (".sqlite", ".sqlite3", ".db")
_JSON_LINES = (".jsonl", ".ndjson")
_POSTGRES = ("postgresql://", "postgres://")
CHOICES = (
    "NAME.sqlite (with ?table=NAME for another table than rows), NAME.jsonl, a folder NAME.parquet or NAME/ "
    "for Parquet, postgresql://USER@HOST/DATABASE?table=NAME, or - for JSON lines on standard output"
)


def as_sink(given: "str | os.PathLike[str] | Sink") -> Sink:
    """Return the sink of a name, or the sink that is given.

    Args:
        given: a path whose ending says what it is, an address of PostgreSQL, `-`, or a sink.

    Raises:
        UsageError: the name says nothing, or a package is missing.
    """
    if not isinstance(given, str | os.PathLike):
        if not callable(getattr(given, "write", None)) or not hasattr(given, "rules"):
            raise UsageError(f"sink is {given!r}; name one of {CHOICES}; or pass a Sink")
        return given
    name = os.fspath(given)
    if name == "-":
        from langgraph_parallel.scale.sinks.standard_output import StandardOutputSink

        return StandardOutputSink()
    if name.startswith(_POSTGRES):
        from langgraph_parallel.scale.sinks.postgres import PostgresSink

        return PostgresSink(name)
    path, _, query = name.partition("?")
    if "://" in path or not Path(path).name:
        raise _no_sink(name)
    ending = Path(path).suffix.lower()
    if ending in _SQLITE:
        from langgraph_parallel.scale.sinks.sqlite import TABLE, SqliteSink

        return SqliteSink(path, _table(name, query) or TABLE)
    if query.startswith("table="):
        raise UsageError(
            f"{visible(name)!r}: sinks in SQLite and PostgreSQL have tables, and files have none"
        )
    if ending in _JSON_LINES and not name.endswith("/"):
        from langgraph_parallel.scale.sinks.jsonl import JsonLinesSink

        return JsonLinesSink(name)
    if ending == ".parquet" or name.endswith("/"):
        from langgraph_parallel.scale.sinks.parquet import ParquetSink

        return ParquetSink(name)
    raise _no_sink(name)


def _no_sink(name: str) -> UsageError:
    scheme, mark, _ = name.partition("://")  # what follows may have a password
    shown = f"{scheme}://..." if mark else name
    return UsageError(f"{visible(shown)!r} is not a sink; name one of {CHOICES}")


def _table(name: str, query: str) -> str:
    given = dict(parse_qsl(query, keep_blank_values=True))
    table = given.pop("table", "")
    if given:
        raise UsageError(f"{visible(name)!r}: only ?table=NAME may follow the path of a sink")
    return table
