"""What is run next: rows whose worker has died, then those of the input."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence

from langgraph_parallel.scale.chunking import ChunkSizes
from langgraph_parallel.scale.flights import Flight, Flights
from langgraph_parallel.scale.intake import Intake
from langgraph_parallel.scale.rows import Result, Row
from langgraph_parallel.scale.suspects import Suspects


class Backlog:
    """The rows that wait to be run, in chunks.

    Args:
        flights: rows that are under way.
        intake: rows of the input.
        chunk: rows in each chunk; None to find the number.
    """

    def __init__(self, flights: Flights, intake: Intake, chunk: int | None) -> None:
        self._flights, self._intake = flights, intake
        self._sizes = ChunkSizes(chunk)
        self._suspects = Suspects()
        self._again: deque[Row] = deque()

    @property
    def is_done(self) -> bool:
        """Whether no row waits, and none will."""
        return self._intake.ended and not (self._intake.ready or self._again or self._suspects)

    def next_suspect(self, workers: int) -> Row | None:
        """Return the row that is to be in a chunk of its own, because its worker has died.

        Args:
            workers: that may run such rows at the same time.
        """
        if not self._suspects or self._flights.suspects >= max(1, workers):
            return None
        is_alone = not (self._flights or self._intake.ready or self._again) and self._intake.ended
        while (row := self._suspects.take(alone=is_alone)) is not None:
            if row.key in self._flights:
                return row
        return None

    def next_rows(self, capacity: int, items: int | None, most: int | None = None) -> list[Row]:
        """Return the rows of the next chunk; none if it is better to wait for more.

        Args:
            capacity: chunks in flight.
            items: of the input; None if that is not known.
            most: rows of the chunk; None for as many as are right.
        """
        intake, again = self._intake, self._again
        size = self._sizes.next(capacity, self._left(items))
        intake.ahead = max(16, min(2 * size, 2_000))
        size = size if most is None else min(size, most)
        while again:
            rows = [again.popleft() for _ in range(min(size, len(again)))]
            if rows := [row for row in rows if row.key in self._flights]:  # a late result may have come
                return rows
        if len(intake.ready) < size and self._flights and not intake.is_starved:
            return []
        return intake.take(size)

    def _left(self, items: int | None) -> int | None:
        """Return the rows that are in no chunk yet; None if that is not known."""
        waiting = len(self._intake.ready) + len(self._again)
        if self._intake.ended:
            return waiting
        return None if items is None else waiting + max(0, items - self._intake.read)

    def put_back(self, rows: Sequence[Row]) -> None:
        """Have rows run again, before others."""
        self._flights.admit(rows)
        self._again.extendleft(reversed(rows))

    def lose(self, rows: Sequence[Row], begun: Collection[str] | None) -> tuple[int, list[Row]]:
        """Take rows whose worker has died.

        Args:
            rows: without a result.
            begun: keys of those that it had begun; None if that is not known.

        Returns:
            The number of rows that are run again although they had begun, and those that are not run again.
        """
        self._flights.admit(rows)
        suspected = [row for row in rows if begun is None or row.key in begun]
        if begun is not None:
            self._again += [row for row in rows if row.key not in begun]
        given_up = self._suspects.add(suspected)
        return len(suspected) - len(given_up), given_up

    def learn(self, flight: Flight) -> None:
        """Learn from a chunk that has ended what size is right."""
        if number := flight.ended:
            self._sizes.learn(len(flight.chunk.rows), flight.stayed / number, flight.ran / number)

    def clear(self, results: Iterable[Result]) -> None:
        """Suspect rows no longer that have a result."""
        self._suspects.clear(results)
