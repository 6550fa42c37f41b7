"""Items that fail one after the other: held back until one succeeds, because it may be no fault of theirs.

A wrong key or a column that does not exist fails every item, and an endpoint that is down all of those that
run then. They would have to be redriven, and a million of them can fail in a minute. So failures in a row are
stored only once an item succeeds. If 20 fail before any has succeeded, the run ends, and stores nothing of
them. If 100 fail in a row later, no others begin; after a pause these are run again, a few first. The run
ends if that does not help for as long as `patience` of the limits.
"""

from collections.abc import Sequence

from langgraph_parallel.counted import count
from langgraph_parallel.scale.flights import Landed
from langgraph_parallel.scale.rows import Result, Row

AT_FIRST, LATER = 20, 100
"""Items that fail in a row, before any has succeeded and later, which are no chance."""
PROBES = 4
"""Items that are run first after a pause."""
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 60.0
"""Seconds; doubled after each pause that did not help."""


class Trouble:
    """Failures in a row.

    Args:
        patience: seconds of pauses in a row, after which the run ends.
        is_off: whether all results are stored as they come.
        has_succeeded: whether an item has, in this command or an earlier one.
    """

    def __init__(self, patience: float, *, is_off: bool = False, has_succeeded: bool = False) -> None:
        self._patience, self._is_off, self._has_succeeded = patience, is_off, has_succeeded
        self.held: list[Landed] = []
        """Failures that are not stored."""
        self.keys: set[str] = set()
        """Keys of these."""
        self.said = ""
        """Why the run ends, as it was said when it was to end; empty before."""
        self._waited = 0.0
        self._pause = _FIRST_PAUSE

    @property
    def is_probing(self) -> bool:
        """Whether nothing has succeeded since a pause."""
        return self._waited > 0

    @property
    def is_certain(self) -> bool:
        """Whether so many have failed that no others are to begin."""
        if self.is_probing:
            return bool(self.held)
        return len(self.held) >= (LATER if self._has_succeeded else AT_FIRST)

    def sift(self, landed: Sequence[Landed]) -> list[Result]:
        """Return the results that are to be stored now, earlier ones that were held back included."""
        results = [result for _, result in landed]
        if self._is_off:
            return results
        for result in results:
            if result.status == "ok":
                self._has_succeeded, self._waited, self._pause = True, 0.0, _FIRST_PAUSE
                return [*self.release(), *results]
        self.held += landed
        self.keys.update(row.key for row, _ in landed)
        return []

    def release(self) -> list[Result]:
        """Return what is held back, to be stored."""
        return [result for _, result in self._take()]

    def retry(self) -> list[Row]:
        """Return the rows of what is held back, to be run again."""
        return [row for row, _ in self._take()]

    def _take(self) -> list[Landed]:
        held, self.held = self.held, []
        self.keys.clear()
        return held

    def pause(self) -> float:
        """Begin a pause; return its seconds, 0 if it makes no sense to wait any longer."""
        if not self._has_succeeded or self._waited >= self._patience:
            self.said = self.said or self.reason
            return 0.0
        seconds = min(self._pause, self._patience - self._waited)
        self._waited += seconds
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return seconds

    @property
    def reason(self) -> str:
        """Why the run ends."""
        error = self.held[0][1].error
        if self.is_probing:
            return (
                f"one item after the other failed, after pauses of {self._waited:g} s too, such as: {error}"
            )
        return f"none of the first {count(len(self.held), 'item')} succeeded, such as: {error}"
