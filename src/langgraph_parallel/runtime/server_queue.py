"""Lines at an endpoint: requests that wait there, because it works on few at a time.

A local server with one slot takes every request at once, and answers one after another. For the client that
looks as if most of them hung. What tells the two apart is the order: in a line, nobody who came later is
answered earlier. Sending a request of the line again, after a timeout or as a hedge, only makes it longer.
"""

from collections import deque

from langgraph_parallel.runtime.pace import Launch

_ANSWERS_KEPT = 512
_SAME_TIME = 0.1
"""Requests that left within this part of the time limit left at the same time."""
_COMPARED = 8
"""Recent answers that are compared to see whether an endpoint answers one after another."""
_LONGER_LINE, _SAME_PACE = 3.0, 2.0
"""One after another: where the line was three times as long, the answer took three times as long, within a
factor of two."""


class ServerQueue:
    """The order in which an endpoint answers. Times are those of `time.monotonic`.

    Not thread-safe: the limiter locks.
    """

    def __init__(self) -> None:
        self._answers: deque[tuple[float, float]] = deque(maxlen=_ANSWERS_KEPT)
        """When each answered request left, and when its answer came."""
        self._waits: deque[tuple[int, float]] = deque(maxlen=_COMPARED)
        """How many requests were in flight when one left, and the seconds until its answer."""

    def answered(self, launch: Launch, now: float) -> None:
        """Note the answer to a request."""
        self._answers.append((launch.when, now))
        self._waits.append((launch.ahead + 1, now - launch.when))

    def seconds_left(self, launch: Launch, now: float, limit: float) -> float:
        """Return the seconds that a request may still wait.

        Its time runs from the moment at which the line moved last, as long as it is in one.

        Args:
            launch: of the request, which has waited for at least `limit` seconds.
            now: the time.
            limit: seconds that a request may take.
        """
        same_time = launch.when + _SAME_TIME * limit
        if any(left > same_time for left, _ in self._answers):
            return 0.0  # later ones were answered: it is not in a line
        moved = [answered for left, answered in self._answers if answered > launch.when]
        return max(0.0, max(moved) + limit - now) if moved else 0.0

    def is_overtaken(self, launch: Launch) -> bool:
        """Return whether a request that left later was answered: then this one is not in a line."""
        return any(left > launch.when for left, _ in self._answers)

    @property
    def is_serial(self) -> bool:
        """Whether the endpoint answers one request after another."""
        ahead = [in_flight for in_flight, _ in self._waits]
        if not ahead or max(ahead) < _LONGER_LINE * min(ahead):
            return False
        paces = [seconds / in_flight for in_flight, seconds in self._waits]
        return max(paces) <= _SAME_PACE * min(paces)
