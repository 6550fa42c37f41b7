"""Sources that read records: in batches, in a thread, with a look at all of them before anything is paid."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.mapping.problem import list_names
from langgraph_parallel.scale.rows import Row
from langgraph_parallel.scale.sources.keys import Keys, Record

_BATCH = 500
"""Records that are read at once, in a thread: a slow disk or database does not hold up what runs."""
_MOST_BAD = 3
"""Records that cannot be read of which an error tells."""


class RecordSource:
    """A source that iterates over records.

    Args:
        name: as a person reads it.
        key: the column of the keys; None for the numbers of the rows.
    """

    unit = "row"
    """What the places of its records count."""

    def __init__(self, name: str, key: str | None) -> None:
        self.name = name
        self.key = key
        self._total: int | None = None
        self._is_looked_at = False

    @property
    def columns(self) -> Sequence[str] | None:
        """Names of the columns; None if only the rows tell."""
        return None

    @property
    def remarks(self) -> Sequence[str]:
        """What was guessed or left out."""
        return ()

    @property
    def can_look(self) -> bool:
        """Whether it may be read once before, so that what is wrong with it is told before it costs."""
        return False

    def records(self) -> Iterator[Record]:
        """Iterate over the records."""
        raise NotImplementedError

    def looked_at(self) -> Iterator[Record]:
        """Iterate over the records for the look before, which needs their keys only."""
        return self.records()

    def narrow(self, columns: Sequence[str]) -> None:
        """Read no other columns than these, and the key, where that saves work."""

    def total(self) -> int | None:
        """Return the number of rows; None if it takes a whole read to know, which is too long."""
        self._look()
        return self._total

    async def rows(self) -> AsyncIterator[Row]:
        """Iterate over the rows.

        Raises:
            UsageError: it cannot be read, a record is damaged, or a key is missing or comes twice.
        """
        await asyncio.to_thread(self._look)
        self.check_key()
        batches = self._batches(is_checked=self._is_looked_at, records=self.records())
        try:
            while (rows := await asyncio.to_thread(next, batches, None)) is not None:
                for row in rows:
                    yield row
        finally:
            with contextlib.suppress(ValueError):  # a thread is still at it, as nobody waits any more
                batches.close()

    def _look(self) -> None:
        """Read all of it, if that does not take long, and tell what is wrong with it."""
        if self._is_looked_at or not self.can_look:
            return
        self.check_key()
        count, bad = 0, []
        for rows in self._batches(is_checked=False, records=self.looked_at()):
            count += len(rows)
            bad += [row.error for row in rows if row.error]
            if len(bad) > _MOST_BAD:
                break
        if bad:
            more = ", and more" if len(bad) > _MOST_BAD else ""
            raise UsageError(f"{self.name}: {'; '.join(bad[:_MOST_BAD])}{more}")
        self._total, self._is_looked_at = count, True

    def check_key(self) -> None:
        """Check that there is a column of keys.

        Raises:
            UsageError: there is none, or it cannot be read.
        """
        columns = self.columns
        if self.key is not None and columns is not None and self.key not in columns:
            raise UsageError(
                f"{self.name} has no column {self.key!r} for the keys; the columns are {list_names(columns)}"
            )

    def _batches(self, *, is_checked: bool, records: Iterator[Record]) -> "BatchIterator":
        return BatchIterator(records, Keys(self.name, self.key, self.unit, is_checked=is_checked))


class BatchIterator(Iterator[list[Row]]):
    """Iterates over lists of rows; closing it closes what it reads from."""

    def __init__(self, records: Iterator[Record], keys: Keys) -> None:
        self._records, self._keys = records, keys
        self._failure: Exception | None = None

    def __next__(self) -> list[Row]:
        records = [] if self._failure else self._read()
        if records:
            return self._keys.rows(records)
        self.close()
        raise self._failure or StopIteration

    def _read(self) -> list[Record]:
        """Return the next records; where reading fails, those before are rows, too."""
        records: list[Record] = []
        try:
            records.extend(islice(self._records, _BATCH))
        except Exception as failure:
            self._failure = failure
        return records

    def close(self) -> None:
        """Close the file or the connection, and drop the keys."""
        self._keys.close()
        if callable(close := getattr(self._records, "close", None)):
            close()
