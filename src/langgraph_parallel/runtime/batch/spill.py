"""Spilling: when calls in the batch lane have to go live, so that their run's deadline is met.

The time that live calls take is reserved at the end: a round for every `concurrency` of them, each of
`min(call_timeout, 20 s)`, or what `requests_per_minute` makes of their number if that is longer; and the time
in which a cancelled batch says what it has answered. At most half of the time between the call and the
deadline is reserved, so that a batch always gets the other half. Runs inside of a run may have deadlines of
their own: each call goes in its own time, and those whose times are close go together.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from langgraph_parallel.runtime.batch.item import Item
from langgraph_parallel.runtime.batch.settings import bounds
from langgraph_parallel.runtime.limits import Limits

_SECONDS_OF_A_CALL = 20.0
_MOST_SHARE = 0.5
_TOGETHER = 0.1
"""Share of the time to settle within which calls go together: parallel runs start at almost the same time."""
_SETTLING = 1 / 3
"""Most share of the time until the deadline in which a batch says what it has answered."""


def live_seconds(number: int, limits: Limits) -> float:
    """Return the seconds that a number of live calls may take, by their limits.

    >>> live_seconds(100, Limits(concurrency=64))
    40.0
    >>> live_seconds(100, Limits(requests_per_minute=60))
    100.0
    """
    seconds = math.ceil(number / limits.concurrency) * min(limits.call_timeout, _SECONDS_OF_A_CALL)
    if limits.requests_per_minute:
        seconds = max(seconds, 60 * number / limits.requests_per_minute)
    return seconds


def spill_time(items: Sequence[Item]) -> float | None:
    """Return when the first calls have to go live, on the clock of `time.monotonic`; None if none has to."""
    return min((at for at, _ in _times(items)), default=None)


def due_items(items: Sequence[Item], now: float) -> list[Item]:
    """Return the calls that have to go live by now, and those that would have to in a moment."""
    times = list(_times(items))
    if not any(at <= now for at, _ in times):
        return []
    return [item for at, item in times if at <= now + _TOGETHER * bounds.settle]


def settled_by(items: Sequence[Item], now: float) -> float:
    """Return until when calls wait for what a batch says that has ended, or is cancelled for a deadline."""
    first = min((item.deadline for item in items if item.deadline is not None), default=now)
    return now + max(0.0, min(bounds.settle, _SETTLING * (first - now)))


def _times(items: Sequence[Item]) -> Iterator[tuple[float, Item]]:
    hurried = [(item.deadline, item) for item in items if item.deadline is not None]
    deadlines = sorted(deadline for deadline, _ in hurried)
    for deadline, item in hurried:
        number = bisect_right(deadlines, deadline + _TOGETHER * bounds.settle)
        reserved = bounds.settle + live_seconds(number, item.limits)
        yield deadline - min(reserved, _MOST_SHARE * (deadline - item.asked)), item
