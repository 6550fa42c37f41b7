"""Sizes of chunks, which follow from how long rows wait in their worker.

A chunk is large enough if its worker has rows to run while it waits for the next one, and small enough if
another worker could take over what is left. Both show in how long a row is in its worker, to how long it
runs. As long as these are equal the worker could run more rows at the same time, and the size grows; once
rows stay for a second (`SECONDS`), or for nearly twice as long as they run, they only wait for each other.
"""

SECONDS = 1.0
"""That rows are to be in their worker: the work that a chunk brings."""
WAVES = 1.75
"""How much longer than it runs a row is to be in its worker, where rows run for long."""
MOST = 1_000
"""Rows in a chunk."""
FIRST = 4
"""Rows in the first chunks, of which nothing is known."""
_STEP = 2.0
"""By how much a chunk may differ from the one before it."""


class ChunkSizes:
    """The size of the next chunk.

    Args:
        fixed: number of rows in each; None to find the size.
    """

    def __init__(self, fixed: int | None = None) -> None:
        self._fixed = fixed
        self._size = float(fixed or FIRST)

    def next(self, capacity: int, left: int | None = None) -> int:
        """Return the number of rows of the next chunk, at least 1.

        Args:
            capacity: number of chunks in flight.
            left: rows that are left of the input; None if that is not known. Near its end chunks become
                smaller, so that no worker is idle while another has many.
        """
        size = round(self._size)
        if left is not None and self._fixed is None:
            size = min(size, -(-left // (2 * max(1, capacity))))
        return max(1, min(size, MOST)) if self._fixed is None else self._fixed

    def learn(self, rows: int, stayed: float, ran: float) -> None:
        """Learn from a chunk.

        Args:
            rows: number of its rows.
            stayed: mean seconds from its start to the result of a row.
            ran: mean seconds that a row ran.
        """
        if self._fixed is not None:
            return
        aim = max(SECONDS, WAVES * ran)
        proposed = rows * max(1 / _STEP, min(_STEP, aim / max(stayed, 1e-9)))
        if proposed < self._size and stayed < aim:
            return  # a chunk that was smaller than wanted: the input had no more rows
        self._size = max(1.0, min(float(MOST), (self._size + proposed) / 2))
