"""Parquet: the rows of a file, or of a folder of parts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.sources.arrow_values import rows_of
from langgraph_parallel.scale.sources.keys import Record
from langgraph_parallel.scale.sources.names import distinct_names
from langgraph_parallel.scale.sources.records import RecordSource
from langgraph_parallel.scale.sources.values import as_json

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetFile

_BATCH = 1_000
_BUFFER = 1 << 20
"""Bytes of a column that are read at once; without, all of a row group is in memory."""
_PLAIN = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "string", "large_string")
"""Types whose values are JSON values."""


class Parquet(RecordSource):
    """The rows of Parquet files, of which only the columns that are used are read, a batch at a time.

    Args:
        path: of a file, or of a folder of parts, which are read in the order of their names.
        key: the column of the keys; None for the numbers of the rows.

    Raises:
        UsageError: pyarrow is not installed, or a file cannot be read.
    """

    def __init__(self, path: Path, key: str | None = None) -> None:
        super().__init__(str(path), key)
        self._parts = parts_in(path) if path.is_dir() else [path]
        files = [self._open(part) for part in self._parts]
        self._total = sum(file.metadata.num_rows for file in files)
        self._schema = files[0].schema_arrow
        for part, file in zip(self._parts, files, strict=True):
            if file.schema_arrow.names != self._schema.names:
                raise UsageError(f"{part} has other columns than {self._parts[0]}; read them one by one")
            file.close()
        self._names, self._renamed = distinct_names(self._schema.names)
        self._wanted: list[str] | None = None

    @property
    def columns(self) -> Sequence[str]:
        """Those of its schema."""
        return self._names

    @property
    def remarks(self) -> Sequence[str]:
        """Columns that had the name of another one."""
        return [f"{self.name}: {note}" for note in self._renamed]

    @property
    def can_look(self) -> bool:
        """Whether there is a column of keys to look at."""
        return self.key is not None

    def narrow(self, columns: Sequence[str]) -> None:
        """Read no other columns than these, and the key."""
        self._wanted = [name for name in self._names if name in columns or name == self.key]

    def records(self) -> Iterator[Record]:
        """Iterate over the records."""
        return self._records(self._wanted)

    def looked_at(self) -> Iterator[Record]:
        """Iterate over the keys."""
        return self._records([str(self.key)])

    def _records(self, columns: list[str] | None) -> Iterator[Record]:
        number = 0
        wanted = self._names if columns is None else columns
        is_plain = all(
            str(field.type) in _PLAIN
            for name, field in zip(self._names, self._schema, strict=True)
            if name in wanted
        )
        for part in self._parts:
            with self._open(part) as file:
                for batch in file.iter_batches(_BATCH, columns=None if self._renamed else columns):
                    for row in rows_of(self._of(batch, wanted) if self._renamed else batch):
                        number += 1
                        yield Record(number, row if is_plain else as_json(row))

    def _of(self, batch: "RecordBatch", wanted: list[str]) -> "RecordBatch":
        """Return the columns of a batch that are wanted, under names that differ."""
        places = [self._names.index(name) for name in wanted]
        return type(batch).from_arrays([batch.column(place) for place in places], names=wanted)

    @staticmethod
    def _open(path: Path) -> "ParquetFile":
        try:
            from pyarrow import ArrowException
            from pyarrow.parquet import ParquetFile
        except ModuleNotFoundError:
            raise UsageError(
                f"reading {path} needs the extra: pip install 'langgraph-parallel[parquet]'"
            ) from None
        try:
            return ParquetFile(path, buffer_size=_BUFFER)
        except FileNotFoundError:
            raise UsageError(f"there is no file {path}; check the path") from None
        except (OSError, ArrowException) as error:
            raise UsageError(f"cannot read {path}: {_first_line(error)}") from None


def parts_in(folder: Path) -> list[Path]:
    """Return the parts in a folder, in the order of their names; what a sink writes there is none of them."""
    found = sorted(path for path in folder.glob("*.parquet") if path.is_file())
    return [path for path in found if not _is_of_sink(path)]


def _is_of_sink(path: Path) -> bool:
    """Return whether a sink beside the parts lists in a file the rows that failed."""
    name = path.name.removesuffix(".failed.parquet")
    return name != path.name and path.with_name(f"{name}.parquet.state").exists()


def _first_line(error: Any) -> str:
    return str(error).partition("\n")[0][:200]
