"""The time limit of a request, which does not count its time in a line at the endpoint."""

from types import TracebackType

from langgraph_parallel.runtime.cutoff import Timed
from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.slots import Slot


class time_limit(Timed):  # noqa: N801 - entered like `asyncio.timeout`
    """Limit the time of what is done inside.

    Args:
        seconds: from now, or from the moment at which the line at the endpoint moved last.
        limiter: of the endpoint.
        slot: of the request; None if it holds none.

    Raises:
        TimeoutError: the time is over.
    """

    __slots__ = ("_limiter", "_slot")

    def __init__(self, seconds: float, limiter: Limiter, slot: Slot | None) -> None:
        super().__init__(seconds)
        self._limiter, self._slot = limiter, slot

    def __enter__(self) -> None:
        self.enter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.leave(kind):
            raise TimeoutError from error

    def seconds_left(self) -> float:
        """Return the seconds that a request may still take, since it waits in a line."""
        return 0.0 if self._slot is None else self._limiter.seconds_left(self._slot, self._seconds)
