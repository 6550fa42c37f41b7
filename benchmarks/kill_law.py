"""What kills explain, of the calls that a server has seen twice; times are seconds of one clock."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

DELAY = 1.0
"""Seconds in which an answer is stored, and workers notice that their command is gone, on a busy machine."""

JUST_BEFORE = 0.1
"""Seconds before a kill, in which answers may have come that are not stored yet."""


class Call:
    """One request."""

    __slots__ = ("came", "ended", "is_answered")

    def __init__(self, came: float) -> None:
        self.came = came
        self.ended = float("inf")
        """When it was answered, or who had sent it was gone."""
        self.is_answered = False


Asked = Mapping[int, Sequence[Call]]
"""Calls by the numbers of their items."""


class Kill(NamedTuple):
    """A kill, and what was stored then."""

    is_command: bool
    sent: float
    gone: float
    """When the victim was dead, and all that it had sent had come."""
    stored: frozenset[str]
    """Keys of the rows after that."""
    read: float
    """When they had been read."""

    def has_exposed(self, item: int, call: Call) -> bool:
        """Return whether the result of a call may have been lost with the victim."""
        came_in_time = call.came <= self.gone + DELAY * self.is_command
        return came_in_time and call.ended >= self.sent - DELAY and f"i{item}" not in self.stored

    def explains(self, item: int, before: Call, again: Call) -> bool:
        """Return whether it is the reason for a second call."""
        if again.came < self.sent:
            return False
        # A row may have been lost, run again and stored, all before the rows were read.
        was_quick = again.came <= self.read and before.came <= self.gone and before.ended >= self.sent - DELAY
        return was_quick or self.has_exposed(item, before)


class Repeated(NamedTuple):
    """Calls for items that had been asked for before."""

    number: int = 0
    without_reason: int = 0
    """Those that no kill explains."""
    stored: int = 0
    """Those whose row had been stored when a kill was over."""
    oldest: float = 0.0
    """Seconds between an answer and the kill that lost it, at most."""


def repeated_calls(asked: Asked, kills: list[Kill]) -> Repeated:
    """Look at all repeated calls."""
    number = without_reason = stored = 0
    oldest = 0.0
    for item, calls in asked.items():
        for before, again in pairwise(sorted(calls, key=lambda call: call.came)):
            number += 1
            reasons = [kill for kill in kills if kill.explains(item, before, again)]
            without_reason += not reasons
            stored += any(f"i{item}" in kill.stored and again.came > kill.read for kill in kills)
            if before.is_answered:
                oldest = max(oldest, min((kill.sent - before.ended for kill in reasons), default=0.0))
    return Repeated(number, without_reason, stored, oldest)


def calls_at(asked: Asked, kills: list[Kill]) -> int:
    """Return how many calls were in flight at the kills, or answered just before: the most to repeat."""
    calls = [call for calls in asked.values() for call in calls]
    return sum(
        call.came <= kill.gone and call.ended >= kill.sent - JUST_BEFORE for kill in kills for call in calls
    )


def exposed_calls(asked: Asked, kills: list[Kill]) -> int:
    """Return the number of calls that were exposed to kills."""
    calls = [(item, call) for item, calls in asked.items() for call in calls]
    return sum(kill.has_exposed(item, call) for kill in kills for item, call in calls)
