"""Marks: which rows of a process run, and how many have ended."""

from collections.abc import Callable

from langgraph_parallel.scale.rows import Result


class Marks:
    """The rows that have begun and not ended. Safe to use from any thread.

    Args:
        begun: hears of each row right before it begins; None if nobody listens.
        ended: hears of each row that has ended; None if nobody listens.
    """

    def __init__(
        self, begun: Callable[[str], None] | None = None, ended: Callable[[str], None] | None = None
    ) -> None:
        self._on_begun, self._on_ended = begun, ended
        self.running: dict[str, None] = {}
        """Keys of the rows that run, those that began first first."""
        self.done = 0
        """Rows that have a result."""
        self.stopped = 0
        """Rows that have ended without a result."""

    def begun(self, key: str) -> None:
        """Note that a row begins."""
        self.running[key] = None
        if self._on_begun is not None:
            self._on_begun(key)

    def ended(self, key: str, result: object) -> None:
        """Note that a row has ended."""
        self.running.pop(key, None)
        if isinstance(result, Result):
            self.done += 1
        else:
            self.stopped += 1
        if self._on_ended is not None:
            self._on_ended(key)
