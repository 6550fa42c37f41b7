"""Rows whose worker died while it ran them: most are innocent, and one may kill whatever runs it.

After the first death a row is in a chunk of its own, so that it takes no others of its chunk along. After the
second it waits until all others have ended, and is then run while nothing else runs: whatever dies then, dies
of it. After the third it has failed.
"""

from collections import deque
from collections.abc import Iterable

from langgraph_parallel.scale.rows import Result, Row

DEATHS = 3
"""Of workers, after which a row has failed."""


class Suspects:
    """Rows whose worker died, until they have a result."""

    def __init__(self) -> None:
        self._deaths: dict[str, int] = {}
        self._once: deque[Row] = deque()
        self._twice: deque[Row] = deque()

    def __len__(self) -> int:
        """Return the number of rows that wait to be run again."""
        return len(self._once) + len(self._twice)

    def add(self, rows: Iterable[Row]) -> list[Row]:
        """Note that the worker of some rows has died; return those that are not to be run again."""
        given_up = []
        for row in rows:
            deaths = self._deaths[row.key] = self._deaths.get(row.key, 0) + 1
            if deaths >= DEATHS:
                given_up.append(row)
            else:
                (self._once if deaths == 1 else self._twice).append(row)
        return given_up

    def take(self, *, alone: bool) -> Row | None:
        """Return the row that is to be run next, in a chunk of its own.

        Args:
            alone: whether nothing else is left or in flight.
        """
        if self._once:
            return self._once.popleft()
        return self._twice.popleft() if alone and self._twice else None

    def clear(self, results: Iterable[Result]) -> None:
        """Forget rows that have a result."""
        if self._deaths:
            for result in results:
                self._deaths.pop(result.key, None)
