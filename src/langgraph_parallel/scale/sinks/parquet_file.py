"""Rows in a Parquet file. Needs pyarrow, from the extra `parquet`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow
from pyarrow import parquet

from langgraph_parallel.scale.sinks.kinds import Kind, as_kind
from langgraph_parallel.scale.sinks.table import LAST
from langgraph_parallel.scale.sinks.values import key_text, plain_text

Rows: TypeAlias = Sequence[tuple[str, Mapping[str, Any] | None, Sequence[Any]]]
"""Of each row its key, its output (None for one that failed), and the values of `LAST`."""
_TYPES: dict[Kind, pyarrow.DataType] = {
    "null": pyarrow.null(),
    "bool": pyarrow.bool_(),
    "int": pyarrow.int64(),
    "big": pyarrow.int64(),
    "float": pyarrow.float64(),
    "json": pyarrow.string(),
    "text": pyarrow.string(),
}
_LAST_TYPES: dict[str, pyarrow.DataType] = {
    "attempts": pyarrow.int64(),
    "calls": pyarrow.int64(),
    "input_tokens": pyarrow.int64(),
    "output_tokens": pyarrow.int64(),
    "usd": pyarrow.float64(),
    "seconds": pyarrow.float64(),
    "written": pyarrow.timestamp("ms", tz="UTC"),
}
"""Of our columns; others are texts."""


def _schema(kinds: Mapping[str, Kind]) -> pyarrow.Schema:
    """Return the schema of rows whose output columns have these kinds."""
    fields: list[tuple[str, pyarrow.DataType]] = [("key", pyarrow.string()), ("status", pyarrow.string())]
    fields += [(name, _TYPES[kind]) for name, kind in kinds.items()]
    fields += [(name, _LAST_TYPES.get(name, pyarrow.string())) for name in LAST]
    return pyarrow.schema(fields)


def write(path: Path, kinds: Mapping[str, Kind], slices: Iterable[Rows]) -> None:
    """Write a file.

    Args:
        path: of the file, which is replaced.
        kinds: of the output columns.
        slices: rows; each slice is a row group, and in memory by itself.
    """
    form = _schema(kinds)
    with parquet.ParquetWriter(path, form, compression="zstd") as writer:
        for rows in slices:
            writer.write_table(pyarrow.table(_columns(rows, kinds, form), schema=form))


def _columns(rows: Rows, kinds: Mapping[str, Kind], form: pyarrow.Schema) -> "list[pyarrow.Array[Any]]":
    columns: list[list[Any]] = [
        [key_text(key) for key, _, _ in rows],
        ["failed" if output is None else "ok" for _, output, _ in rows],
    ]
    for name, kind in kinds.items():
        values = [as_kind((output or {}).get(name), kind) for _, output, _ in rows]
        if kind == "text":
            values = [None if value is None else plain_text(value) for value in values]
        columns.append(values)
    for number, name in enumerate(LAST):
        values = [last[number] for _, _, last in rows]
        columns.append([datetime.fromisoformat(value) for value in values] if name == "written" else values)
    return [pyarrow.array(values, field.type) for values, field in zip(columns, form, strict=True)]
