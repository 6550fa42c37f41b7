"""How late answers come that grant times: these count from when they were granted, by the clock of another.

An answer that is late by a tenth of a second would shift its times into those that were granted to others.
Pure: both times are arguments, in seconds, and the two clocks need not have begun at the same time.
"""

import math

_CLOCKS_AGREE = 30.0
"""Seconds after which two clocks are compared anew."""


class Lateness:
    """Compares answers with the quickest one of late."""

    def __init__(self) -> None:
        self._least_behind = math.inf
        """The clock here less that there, with the quickest answer."""
        self._found_at = -math.inf

    def of(self, answered_at: float, came_at: float) -> float:
        """Return the seconds that an answer came later than the quickest of late.

        Args:
            answered_at: by the clock of who has answered.
            came_at: by the clock here.

        >>> lateness = Lateness()
        >>> [lateness.of(500.0, 7.25), lateness.of(501.0, 8.75), lateness.of(502.0, 9.0)]
        [0.0, 0.5, 0.0]
        """
        behind = came_at - answered_at
        if behind < self._least_behind or came_at > self._found_at + _CLOCKS_AGREE:
            self._least_behind, self._found_at = behind, came_at
        return behind - self._least_behind
