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
        return given
    name = os.fspath(given)
    if name == "-":
        from langgraph_parallel.scale.sinks.standard_output import StandardOutputSink

        return StandardOutputSink()
    if name.startswith(_POSTGRES):
        from langgraph_parallel.scale.sinks.postgres import PostgresSink

        return PostgresSink(name)
    path, _, query = name.partition("?")
    ending = Path(path).suffix.lower()
    if ending in _SQLITE:
        from langgraph_parallel.scale.sinks.sqlite import TABLE, SqliteSink

        return SqliteSink(path, _table(name, query) or TABLE)
    if ending in _JSON_LINES and not name.endswith("/"):
        from langgraph_parallel.scale.sinks.jsonl import JsonLinesSink

        return JsonLinesSink(name)
    if ending == ".parquet" or name.endswith("/"):
        from langgraph_parallel.scale.sinks.parquet import ParquetSink

        return ParquetSink(name)
    raise UsageError(f"{visible(name)!r} is not a sink; name one of {CHOICES}")


def _table(name: str, query: str) -> str:
    given = dict(parse_qsl(query, keep_blank_values=True))
    table = given.pop("table", "")
    if given:
        raise UsageError(f"{visible(name)!r}: only ?table=NAME may follow the path of a sink")
    return table
