"""What is known of the items of an input before they are run: which have a row, and which are under way."""

from collections.abc import Collection, Mapping, Sequence

from langgraph_parallel.scale.endings import Endings
from langgraph_parallel.scale.flights import Flights
from langgraph_parallel.scale.rows import Row, RowStatus
from langgraph_parallel.scale.sinks.base import Sink
from langgraph_parallel.scale.tally import Tally
from langgraph_parallel.scale.trouble import Trouble
from langgraph_parallel.scale.writing import WriteQueue


class Known:
    """Answers the intake.

    Args:
        sink: that has rows of earlier commands and of this one.
        flights: rows that are under way.
        queue: results that are not written yet.
        trouble: results that are held back.
        tally: counts items that have a row.
        endings: hear of them.
    """

    def __init__(
        self,
        sink: Sink,
        flights: Flights,
        queue: WriteQueue,
        trouble: Trouble,
        tally: Tally,
        endings: Endings,
    ) -> None:
        self._sink, self._flights, self._queue, self._trouble = sink, flights, queue, trouble
        self._tally, self._endings = tally, endings

    async def stored(self, keys: Collection[str]) -> Mapping[str, RowStatus]:
        """Return the status of those keys that have a row."""
        return await self._sink.stored(keys)

    def is_open(self, key: str) -> bool:
        """Return whether an item with this key is under way, or its result is."""
        return key in self._flights or key in self._queue.unwritten or key in self._trouble.keys

    def admit(self, rows: Sequence[Row]) -> None:
        """Note that rows are under way."""
        self._flights.admit(rows)

    def keep(self, key: str, status: RowStatus) -> None:
        """Note an item that has a row, and is not run."""
        if status == "ok":
            self._tally.kept_ok += 1
        else:
            self._tally.kept_failed += 1
        self._endings.see(key, status)
