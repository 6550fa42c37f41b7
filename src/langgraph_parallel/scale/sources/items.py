"""Items that a program has: iterables, mappings, and data frames."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import asdict, is_dataclass
from itertools import chain
from typing import Any

from pydantic import BaseModel

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.scale.rows import Row
from langgraph_parallel.scale.sources.json_lines import TEXT
from langgraph_parallel.scale.sources.keys import Keys, Record
from langgraph_parallel.scale.sources.records import RecordSource
from langgraph_parallel.scale.sources.values import as_json

_FRAME_ROWS = 1_000
_OF_ITEMS = (Exception, SystemExit)
"""What code of the caller's may raise that gives items."""
NAME = "name"
"""The column of the keys of a mapping."""


class Items(RecordSource):
    """The items of an iterable: mappings, records, or texts, which have the column `text`.

    Args:
        items: an iterable; an iterator is read once.
        key: the column of the keys; None for the numbers of the items.
        name: as a person reads it.
    """

    unit = "item"

    def __init__(self, items: Iterable[Any], key: str | None = None, name: str = "items") -> None:
        super().__init__(name, key)
        self._items = items
        self._columns: list[str] | None = None
        self._total = len(items) if isinstance(items, Sized) else None

    @property
    def columns(self) -> Sequence[str] | None:
        """Those of the first item."""
        if self._columns is None:
            try:
                iterator = iter(self._items)
                first = next(iterator, None)
            except _OF_ITEMS as error:
                raise _unreadable(1, error) from error
            if iterator is self._items:  # which has given away its first item
                self._items = iterator if first is None else chain([first], iterator)
            self._columns = [] if first is None else [*_record(1, first).data]
        return self._columns

    @property
    def can_look(self) -> bool:
        """Whether there are keys to look at, and the items are in memory."""
        return self.key is not None and isinstance(self._items, list | tuple)

    def records(self) -> Iterator[Record]:
        """Iterate over the records.

        Raises:
            UsageError: the items have raised an error, or one is of a wrong type.
        """
        number = 0
        try:
            for number, item in enumerate(self._items, 1):
                yield _record(number, item)
        except UsageError:
            raise
        except _OF_ITEMS as error:
            raise _unreadable(number + 1, error) from error


class AsyncItems:
    """The items of an async iterable.

    Args:
        items: an async iterable; an iterator is read once.
        key: the column of the keys; None for the numbers of the items.
    """

    name = "items"
    columns = None
    remarks: Sequence[str] = ()

    def __init__(self, items: Any, key: str | None = None) -> None:
        self._items, self._key = items, key

    def narrow(self, columns: Sequence[str]) -> None:
        """Change nothing: the items are there as they are."""

    def total(self) -> int | None:
        """Return None: nobody knows."""
        return None

    async def rows(self) -> AsyncIterator[Row]:
        """Iterate over the rows.

        Raises:
            UsageError: the iterable has raised an error, an item is of a wrong type, or a key comes twice.
        """
        keys = Keys(self.name, self._key, "item", is_checked=False)
        number = 0
        try:
            async for item in self._items:
                number += 1
                yield keys.rows([_record(number, item)])[0]
        except UsageError:
            raise
        except _OF_ITEMS as error:
            raise _unreadable(number + 1, error) from error
        finally:
            keys.close()


def of_frame(frame: Any) -> Iterable[Mapping[str, Any]] | None:
    """Return the rows of a data frame of pandas or polars as an iterable; None for anything else."""
    if callable(named := getattr(frame, "iter_rows", None)):
        return _Rows(frame, lambda: named(named=True))
    if hasattr(frame, "to_dict") and hasattr(frame, "iloc"):
        return _Rows(frame, lambda: _pandas_rows(frame))
    return None


class _Rows:
    """Rows of a frame, as often as they are asked for."""

    def __init__(self, frame: Any, rows: Any) -> None:
        self._frame, self._rows = frame, rows

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._rows())

    def __len__(self) -> int:
        return len(self._frame)


def _pandas_rows(frame: Any) -> Iterator[Mapping[str, Any]]:
    for start in range(0, len(frame), _FRAME_ROWS):
        yield from frame.iloc[start : start + _FRAME_ROWS].to_dict("records")


def of_mapping(items: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """Return the entries of a mapping of names to texts or mappings as items, each with its `name`.

    Raises:
        UsageError: a value is neither.
    """
    for name, item in items.items():
        if not isinstance(item, str | Mapping):
            raise UsageError(
                f"the items are a mapping, whose {name!r} is {type(item).__name__}; expected texts or "
                "mappings by name (of a data set with several splits, choose one)"
            )
    return [
        {NAME: str(name), **({TEXT: item} if isinstance(item, str) else item)} for name, item in items.items()
    ]


def _unreadable(number: int, error: BaseException) -> UsageError:
    """Return an error that says at which item code of the caller's has raised another one."""
    return UsageError(f"item {number:,} cannot be read: {describe(error)}")


def _record(number: int, item: Any) -> Record:
    try:
        return _read(number, item)
    except UsageError:
        raise
    except Exception as error:  # a value that holds itself, or code of its class
        raise _unreadable(number, error) from error


def _read(number: int, item: Any) -> Record:
    if isinstance(item, str):
        return Record(number, {TEXT: item})
    if isinstance(item, Mapping):
        return Record(number, {str(name): as_json(value) for name, value in item.items()})
    if isinstance(item, BaseModel):
        return Record(number, as_json(item))
    if is_dataclass(item) and not isinstance(item, type):
        return Record(number, as_json(asdict(item)))
    raise UsageError(
        f"item {number:,} is {type(item).__name__}; expected a mapping of its columns, a record, or a text"
    )
