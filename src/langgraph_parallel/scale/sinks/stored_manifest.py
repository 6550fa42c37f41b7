"""A manifest as a row of a table: one for each program that has made rows, the latest of them in force."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.scale.rows import Spent
from langgraph_parallel.scale.sinks.base import Manifest
from langgraph_parallel.scale.sinks.table import made_with
from langgraph_parallel.scale.sinks.values import json_text

VERSION = 1
"""Of the tables; raised when an older version of this package could no longer read them."""
COLUMNS = {
    "fingerprint": "TEXT PRIMARY KEY NOT NULL",
    "made_with": "TEXT NOT NULL",
    "map": "TEXT NOT NULL",
    "parts": "TEXT NOT NULL",
    "columns": "TEXT NOT NULL",
    "calls": "BIGINT NOT NULL",
    "input_tokens": "BIGINT NOT NULL",
    "output_tokens": "BIGINT NOT NULL",
    "usd": "DOUBLE PRECISION",
    "throttled": "BIGINT NOT NULL",
    "reserved_calls": "BIGINT NOT NULL",
    "reserved_tokens": "BIGINT NOT NULL",
    "reserved_usd": "DOUBLE PRECISION NOT NULL",
    "writes": "BIGINT NOT NULL",
    "version": "BIGINT NOT NULL",
}
"""Of the table, in SQL that SQLite and PostgreSQL read. `writes` counts those to the sink."""
DEFINITION = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
UPSERT = (
    f"({', '.join(COLUMNS)}) VALUES ({', '.join(['{0}'] * len(COLUMNS))}) "
    "ON CONFLICT (fingerprint) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name != "fingerprint")
)
"""What follows `INSERT INTO table`; `{0}` is the mark of a value."""
LATEST = f"SELECT {', '.join(COLUMNS)} FROM {{0}} ORDER BY writes DESC LIMIT 1"  # noqa: S608


def as_row(manifest: Manifest, columns: Sequence[str] | Mapping[str, str], writes: int) -> tuple[Any, ...]:
    """Return the values of `COLUMNS`.

    Args:
        manifest: the one in force.
        columns: of the output, as far as they are known; with their kinds, where the sink has them.
        writes: how many times the sink was written to, this one included.
    """
    spent = manifest.spent
    return (
        manifest.fingerprint,
        made_with(manifest.fingerprint),
        manifest.id,
        json_text(dict(manifest.parts), nul=False),
        json_text(dict(columns) if isinstance(columns, Mapping) else list(columns)),
        spent.calls,
        spent.input_tokens,
        spent.output_tokens,
        spent.usd,
        spent.throttled,
        *astuple(manifest.reserved),
        writes,
        VERSION,
    )


def from_row(row: Sequence[Any]) -> tuple[Manifest, int]:
    """Return the manifest of such values, and how many times the sink was written to."""
    fingerprint, _, id, parts, columns, calls, read, wrote, usd, throttled, *reserved, writes, _ = row
    manifest = Manifest(
        id=id,
        fingerprint=fingerprint,
        parts=json.loads(parts),
        columns=list(json.loads(columns)),
        spent=Spent(calls, read, wrote, usd, throttled),
        reserved=Amount(*reserved),
    )
    return manifest, writes
