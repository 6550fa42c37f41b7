"""A sample of the items that have no row."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from langgraph_parallel.scale.rows import Row
from langgraph_parallel.scale.sources.base import Source
from langgraph_parallel.scale.stored_map import StoredMap

_LOOKUP = 1_000
_READING = 20.0
"""Seconds that an input is read for a random sample; documents take long."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Items to be run for an estimate; a source of them."""

    items: Sequence[Row]
    name: str
    read: int
    """Items of the input that were read."""
    total: int | None
    """Items of the input; None if it is not known."""
    kept: int
    """Items that have a row; where not all were read, all rows of the sink."""
    is_random: bool
    remarks: Sequence[str] = ()

    @property
    def left(self) -> int | None:
        """Items that have no row and are not in the sample; None if that is not known."""
        return None if self.total is None else max(0, self.total - self.kept - len(self.items))

    @property
    def source(self) -> "SampleSource":
        """The sample as a source."""
        return SampleSource(self)


class SampleSource:
    """The items of a sample.

    Args:
        sample: that was drawn.
    """

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self.name = sample.name
        self.columns = None
        self.remarks = sample.remarks

    def total(self) -> int:
        """Return the number of items."""
        return len(self._sample.items)

    async def rows(self) -> AsyncIterator[Row]:
        """Iterate over the items."""
        for row in self._sample.items:
            yield row


async def draw(source: Source, stored: StoredMap, number: int, *, limit: int | None, redrive: bool) -> Sample:
    """Draw a sample of the items that a command would run.

    It is a random one if the source knows the number of its items; else the first ones, since a source may
    have no end. An input that takes long to read is read for some seconds only.

    Args:
        source: of all items.
        stored: the open sink.
        number: of items in the sample.
        limit: items of the input that count; None for all.
        redrive: whether items are run that have failed, and no others.
    """
    known = await asyncio.to_thread(source.total)  # which may look into files
    drawing = _Drawing(number, stored, redrive=redrive)
    is_whole, latest = True, time.monotonic() + _READING
    async with aclosing(_up_to(source.rows(), limit)) as rows:  # files are closed here, in this loop
        async for row in rows:
            await drawing.add(row)
            if known is None and drawing.is_full:
                is_whole = False
                break
            if drawing.read % _LOOKUP == 0 and time.monotonic() > latest:
                is_whole = False
                break
    await drawing.look_up()
    total, kept = known if limit is None or known is None else min(known, limit), drawing.kept
    if is_whole:
        total = drawing.read
    elif total is not None:
        kept = stored.counts.ok + stored.counts.failed
    return Sample(
        items=drawing.chosen(),
        name=source.name,
        read=drawing.read,
        total=total,
        kept=kept,
        is_random=known is not None,
        remarks=source.remarks,
    )


async def _up_to(rows: AsyncIterator[Row], limit: int | None) -> AsyncGenerator[Row]:
    number = 0
    try:
        if limit == 0:
            return
        async for row in rows:
            yield row
            number += 1
            if number == limit:
                return
    finally:
        if isinstance(rows, AsyncGenerator):
            await rows.aclose()


class _Drawing:
    """A reservoir of items that would be run."""

    def __init__(self, number: int, stored: StoredMap, *, redrive: bool) -> None:
        self._number, self._stored, self._wanted = number, stored, "failed" if redrive else None
        self._dice = random.Random()  # noqa: S311 - no secret
        self._waiting: list[Row] = []
        self._reservoir: list[tuple[int, Row]] = []
        self._seen = 0
        self.read = self.kept = 0

    @property
    def is_full(self) -> bool:
        """Whether the sample is complete, if the first items will do."""
        return len(self._reservoir) + len(self._waiting) >= self._number and not self._waiting

    async def add(self, row: Row) -> None:
        """Take a row into account."""
        self.read += 1
        self._waiting.append(row)
        if len(self._waiting) >= (_LOOKUP if self._seen >= self._number else self._number):
            await self.look_up()

    async def look_up(self) -> None:
        """Look up which of the rows have a row, and draw among the others."""
        rows, self._waiting = self._waiting, []
        found = await self._stored.sink.stored([row.key for row in rows]) if rows else {}
        for row in rows:
            if found.get(row.key) != self._wanted:
                self.kept += 1
                continue
            self._seen += 1
            if len(self._reservoir) < self._number:
                self._reservoir.append((self._seen, row))
            elif (place := self._dice.randrange(self._seen)) < self._number:
                self._reservoir[place] = (self._seen, row)

    def chosen(self) -> list[Row]:
        """Return the sample, in the order of the input."""
        return [row for _, row in sorted(self._reservoir, key=lambda entry: entry[0])]
