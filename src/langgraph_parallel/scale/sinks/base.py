"""What a sink does: keyed upserts, so that rows that are run twice are stored once."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.scale.rows import NOTHING_SPENT, Result, RowStatus, Spent
from langgraph_parallel.scale.sinks.naming import NameRules


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a sink's rows were made with. Stored in the sink with its first row."""

    id: str
    """Of the map; random, made once."""
    fingerprint: str
    """Of the program; rows of another one do not mix with these."""
    parts: Mapping[str, Any]
    """What the fingerprint is made of, by name, so that a difference can be named: graph, settings,
    prompts ... No secrets, no contents."""
    columns: Sequence[str] = ()
    """Of the output; empty until known."""
    spent: Spent = NOTHING_SPENT
    """What all commands together have spent, failed attempts included."""
    reserved: Amount = field(default_factory=Amount)
    """Open reservations when this was last stored: spent, as far as is known, if the driver died then."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows in a sink."""

    ok: int = 0
    failed: int = 0


class Sink(Protocol):
    """Stores results; one writer at a time."""

    name: str
    """As a person reads it: `labels.sqlite`; without a password."""
    rules: NameRules
    """Of the columns of an output. A row that breaks them fails, and takes no other along."""

    @property
    def remarks(self) -> Sequence[str]:
        """What is to be known of the rows: texts that are not stored as they were."""

    async def open(self) -> Manifest | None:
        """Open or create it; return what its rows were made with, None if it is new.

        Raises:
            UsageError: it cannot be opened, is something else, or another command is writing to it.
        """

    async def stored(self, keys: Collection[str]) -> Mapping[str, RowStatus]:
        """Return the status of those keys that have a row."""

    async def write(self, results: Sequence[Result], manifest: Manifest) -> None:
        """Store results and the manifest in one step, durably: a row of the same key is replaced.

        A row that is `ok` stays as it is: what ran twice is stored once. One that failed is replaced, and its
        attempts are added. Without results, the manifest alone is stored, and names of columns that the sink
        cannot have are refused before anything is paid for.

        Raises:
            UsageError: the results cannot be stored: no room, no connection, a name that cannot be a column.
        """

    async def counts(self) -> Counts:
        """Return the number of rows."""

    def failures(self) -> AsyncIterator[Result]:
        """Iterate over the rows that failed: the dead letters."""

    async def close(self) -> None:
        """Close it; all that was written is readable by others afterwards."""
