"""Rows as a folder of Parquet files."""

import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.rows import Result
from langgraph_parallel.scale.sinks.append_log import sync_folder
from langgraph_parallel.scale.sinks.blocking import BlockingSink
from langgraph_parallel.scale.sinks.file_store import FileStore
from langgraph_parallel.scale.sinks.kinds import Kind, kind_of, united
from langgraph_parallel.scale.sinks.values import json_text
from langgraph_parallel.scale.sinks.writer_lock import real_path

if TYPE_CHECKING:
    from langgraph_parallel.scale.sinks.parquet_file import Rows

PART_ROWS = 100_000
"""Rows of a part."""
PART_BYTES = 64 * 1024 * 1024
"""Bytes of rows, as JSON, after which a part is written that has fewer of them."""
_SLICE_ROWS, _SLICE_BYTES = 10_000, 16 * 1024 * 1024
"""What of a part is in memory at the same time, and is a row group of it."""


class ParquetSink(BlockingSink):
    """Rows that are ok as a folder of Parquet files (parts), which are written once and never again.

    Rows that are in no part yet are in `NAME.rows` beside the folder; closing the sink makes a part of them.
    Those that failed are then in `NAME.failed.parquet`; `NAME.state` says what is where. Where a column comes
    later, or its values are of several types (then they are texts), an empty first part has the types of all
    parts, so that pyarrow and pandas read the folder as one; DuckDB needs `union_by_name = true`. Lists and
    objects are JSON. Needs pyarrow, from the extra `parquet`.

    Args:
        path: of the folder; its own folder must be there.
        part_rows: rows of a part.
        part_bytes: bytes of rows, as JSON, after which a part is written that has fewer of them.
    """

    def __init__(self, path: str | Path, part_rows: int = PART_ROWS, part_bytes: int = PART_BYTES) -> None:
        super().__init__(_Parts(str(path), part_rows, part_bytes))


class _Parts(FileStore):
    """The store of `ParquetSink`."""

    def __init__(self, name: str, part_rows: int, part_bytes: int) -> None:
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise UsageError(
                f"{name}: a sink of Parquet files needs pyarrow; install langgraph-parallel[parquet]"
            ) from None
        path = real_path(name)
        stem = path.name.removesuffix(".parquet")
        log = path.with_name(f"{path.name}.rows")
        super().__init__(name, path, log, path.with_name(f"{stem}.failed.parquet"), "Parquet")
        self._part_rows, self._part_bytes = part_rows, part_bytes

    def line(self, result: Result, last: Sequence[Any]) -> str:
        """Return a row as a line of the log; the kinds of its values are remembered with it."""
        kinds = self.facts["kinds"]
        for name, value in result.output.items():
            known = kinds.get(name, "null")
            kind = kind_of(value)
            if kind != known or name not in kinds:
                kinds[name] = united(known, kind)
        self.facts["rows"] += 1
        row = [result.key, result.output, last]
        try:
            return json.dumps(row, default=str)
        except ValueError:  # an integer of thousands of digits
            return json_text(row)

    def check_found(self) -> None:
        """Make the folder, or refuse one that lacks parts.

        A part that was not committed stays: the next one, which has its rows, takes its place.
        """
        for name, value in (("parts", 0), ("rows", 0), ("kinds", {}), ("token", secrets.token_hex(4))):
            self.facts.setdefault(name, value)
        self._path.mkdir(exist_ok=True)
        parts = map(self._part, range(1, self.facts["parts"] + 1))
        if gone := [path for path in parts if not path.is_file()]:
            raise UsageError(
                f"{gone[0]} is gone since it was written; put it back, name another sink, or delete "
                f"{self._state.name} and what is left of {self.name} to begin anew"
            )

    def _part(self, number: int) -> Path:
        # By a name of its own: a file that somebody puts into the folder is never taken for a part.
        return self._path / f"part-{number:05d}-{self.facts['token']}.parquet"

    def settle(self) -> None:
        """Make a part of the rows in the log, if there are enough of them."""
        if self.facts["rows"] >= self._part_rows or self.facts["size"] >= self._part_bytes:
            self._write_part()

    def finish(self) -> None:
        """Make a part of the rows that are left."""
        if self.facts["size"]:
            self._write_part()
        self._log.path.unlink(missing_ok=True)

    def _write_part(self) -> None:
        kinds = {name: self.facts["kinds"].get(name, "null") for name in self._columns}
        number = self.facts["parts"] + 1
        if number == 1:
            self.facts["first_kinds"] = kinds
        elif list(kinds.items()) != list(self.facts["first_kinds"].items()):
            self._replace(self._part(0), kinds, iter(()))  # first: it has the types of all parts
        self._replace(self._part(number), kinds, self._slices())
        self.facts.update(parts=number, rows=0, size=0)
        self.commit_facts()

    def _slices(self) -> "Iterator[Rows]":
        """Iterate over the committed rows of the log, some at a time."""
        with self._log.path.open("rb") as file:
            rows, size = list[Any](), 0
            for line in file:
                rows.append(json.loads(line))
                size += len(line)
                if len(rows) >= _SLICE_ROWS or size >= _SLICE_BYTES:
                    yield rows
                    rows, size = [], 0
            if rows:
                yield rows

    def _replace(self, path: Path, kinds: Mapping[str, Kind], slices: "Iterator[Rows]") -> None:
        from langgraph_parallel.scale.sinks.parquet_file import write

        draft = path.with_name(f".{path.name}.new")
        write(draft, kinds, slices)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.absolute().parent)

    def write_failures(self, rows: Iterator[tuple[str, list[Any]]]) -> None:
        """Write the file of rows that failed, in one step; delete it if there are none."""
        slices = iter(lambda: [(key, None, last) for key, last in islice(rows, _SLICE_ROWS)], [])
        first = next(slices, None)
        if first is None:
            self._failed.unlink(missing_ok=True)
            return
        self._replace(self._failed, {}, _chained(first, slices))


def _chained(first: "Rows", rest: "Iterator[Rows]") -> "Iterator[Rows]":
    yield first
    yield from rest
