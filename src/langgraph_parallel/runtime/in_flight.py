"""The requests in flight at one endpoint, and whether another one fits beside them."""

from collections import Counter
from collections.abc import Hashable

from langgraph_parallel.runtime.slots import Rates


class InFlight:
    """Counts requests in flight, by run and by the concurrency that they were allowed.

    The highest concurrency of the requests in flight bounds all of them. A run with a lower one would never
    find so few in flight while another run keeps its own up: so it counts only its own requests then.

    Not thread-safe: the limiter locks.
    """

    __slots__ = ("_by_concurrency", "_by_run", "total")

    def __init__(self) -> None:
        self.total = 0
        self._by_run: Counter[Hashable] = Counter()
        self._by_concurrency: Counter[int] = Counter()

    def add(self, run: Hashable, concurrency: int) -> None:
        """Count a request that leaves."""
        self.total += 1
        self._by_run[run] += 1
        self._by_concurrency[concurrency] += 1

    def remove(self, run: Hashable, concurrency: int) -> None:
        """Count a request that has ended."""
        self.total -= 1
        self._by_run[run] -= 1
        self._by_concurrency[concurrency] -= 1
        if not self._by_run[run]:
            del self._by_run[run]
        if not self._by_concurrency[concurrency]:
            del self._by_concurrency[concurrency]

    def has_room(self, run: Hashable, rates: Rates, ceiling: float) -> bool:
        """Return whether another request of a run fits.

        Args:
            run: whose request it is.
            rates: its bounds.
            ceiling: what the endpoint takes, as learned.
        """
        if self.total + 1 > ceiling:
            return False
        if self.total + 1 <= rates.concurrency:
            return True
        return self._by_run[run] + 1 <= rates.concurrency and self.total + 1 <= max(self._by_concurrency)

    def may_have_room(self, concurrency: int, ceiling: float) -> bool:
        """Return whether another request fits for some run whose calls are bound by a concurrency at most."""
        most = max(concurrency, max(self._by_concurrency, default=0))
        return self.total + 1 <= min(most, ceiling)
