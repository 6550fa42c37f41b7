"""What is forgotten of a row in the batch lane, once its result has been stored."""

import time
from collections import deque
from collections.abc import Callable

_SECONDS = 60.0
"""After which a result that was delivered is taken as stored."""
End = Callable[[bool], None]
"""Forgets the answers that a run has collected, if it is told that nobody needs them any more."""


class Held:
    """Keeps the answers of batches until the results that were made of them are stored."""

    def __init__(self) -> None:
        self._ends: deque[tuple[float, End]] = deque()

    def add(self, end: End) -> None:
        """Hold the answers of a run that has ended; let go those of runs that ended long ago."""
        now = time.monotonic()
        self._ends.append((now + _SECONDS, end))
        while self._ends[0][0] < now:
            self._ends.popleft()[1](True)

    def let_go(self) -> None:
        """Forget all: every result is stored."""
        while self._ends:
            self._ends.popleft()[1](True)
