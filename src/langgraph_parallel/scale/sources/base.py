"""What a source does: a stream of rows, each with a key of its own."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from langgraph_parallel.scale.rows import Row


class Source(Protocol):
    """Where items come from. It is read as a stream, as often as it is asked for rows, in the same order."""

    name: str
    """As a person reads it: `reviews.csv`; without a password."""

    @property
    def columns(self) -> Sequence[str] | None:
        """Names of the columns of a row; None if they are known from the first row only."""

    @property
    def remarks(self) -> Sequence[str]:
        """What was guessed or left out, for people; complete when the rows were read."""

    def total(self) -> int | None:
        """Return the number of rows; None if it takes a whole read to know."""

    def rows(self) -> AsyncIterator[Row]:
        """Iterate over the rows.

        A row that cannot be read has an `error`.

        Raises:
            UsageError: it cannot be read, or a key is missing or comes twice.
        """
