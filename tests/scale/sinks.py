"""Sinks of every kind, and what others read of them: by no code of the package."""

import json
import os
import sqlite3
import time
import unicodedata
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.scale.rows import Result, Spent
from langgraph_parallel.scale.sinks.base import Manifest
from tests.support.databases import NEEDS_POSTGRES, POSTGRES

_tables = count()

FILES = ["sqlite", "jsonl", "parquet"]
KINDS = [*FILES, pytest.param("postgres", marks=NEEDS_POSTGRES)]
MANIFEST = Manifest(
    id="m1",
    fingerprint="0123456789abcdef",
    parts={"graph": "labeling", "prompts": {"label": "a\ud800"}},
    columns=["label"],
    spent=Spent(3, 100, 5, 0.25, 1),
    reserved=Amount(2, 40, 0.5),
)


def ok(key: str, label: Any = "good", **more: Any) -> Result:
    """A row that is ok."""
    return Result(key, "ok", {"label": label, **more}, "", Spent(3, 100, 5, 0.001), 0.5, "host:1")


def failed(key: str, error: str = "it broke") -> Result:
    """A row that failed."""
    return Result(key, "failed", {}, error, Spent(1, 10, 0, 0.0001), 0.25, "host:1")


def new_address(kind: str, folder: Path) -> str:
    """A sink of a kind that is not there yet."""
    if kind != "postgres":
        return str(folder / f"out{next(_tables)}.{kind}")
    return f"{POSTGRES}?table=test_{os.getpid()}_{time.time_ns()}_{next(_tables)}"


def rows_of(address: str) -> dict[str, dict[str, Any]]:
    """All rows by key, those that failed as well, as others read them; no key may be there twice."""
    rows = _READERS[kind_of(address)](address)
    keys = [row["key"] for row in rows]
    assert len(keys) == len(set(keys)), "a key is there twice"
    return {row["key"]: row for row in rows}


def names_in(folder: Path) -> list[str]:
    """The names of all files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def kind_of(address: str) -> str:
    """The kind of a sink."""
    return "postgres" if address.startswith("postgres") else Path(address).suffix[1:]


def labels_of(address: str) -> dict[str, Any]:
    """The label of each row, None of those that failed."""
    return {key: row.get("label") for key, row in rows_of(address).items()}


def _sqlite(address: str) -> list[dict[str, Any]]:
    with sqlite3.connect(f"file:{address}?mode=ro", uri=True) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("SELECT * FROM rows")]
    database.close()
    return rows


def _jsonl(address: str) -> list[dict[str, Any]]:
    path = Path(address)
    files = [path, path.with_name(f"{path.stem}.failed.jsonl")]
    return [json.loads(line) for file in files if file.exists() for line in file.read_bytes().splitlines()]


def _parquet(address: str) -> list[dict[str, Any]]:
    from pyarrow import dataset, parquet

    path = Path(address)
    rows: list[dict[str, Any]] = []
    if any(path.iterdir()):
        rows += dataset.dataset(path, format="parquet").to_table().to_pylist()
    other = path.with_name(f"{path.stem}.failed.parquet")
    return rows + (parquet.read_table(other).to_pylist() if other.exists() else [])


def _postgres(address: str) -> list[dict[str, Any]]:
    import psycopg
    from psycopg.rows import dict_row

    server, _, table = address.partition("?table=")
    with psycopg.connect(server, row_factory=dict_row) as connection:
        return connection.execute(f'SELECT * FROM "{table}"'.encode()).fetchall()


_READERS: dict[str, Callable[[str], list[dict[str, Any]]]] = {
    "sqlite": _sqlite,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "postgres": _postgres,
}

ODD_KEYS = [
    "a",
    "A",
    unicodedata.normalize("NFC", "é"),
    unicodedata.normalize("NFD", "é"),
    "",
    " ",
    "1",
    "01",
    'it\'s "quoted"; DROP TABLE rows; --',
    "caf\udce9",
    "caf\\udce9",
    "caf\\\\udce9",
    "\\caf\udce9",
    "nul\0",
    "nul\\u0000",
    "C:\\users",
    "line\nbreak\ttab\\N",
    "\u2028\x85",
    "😀",
    "k" * 2000,
]
"""Keys that are alike, or that a store may take for others."""
