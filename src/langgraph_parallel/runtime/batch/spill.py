"""Spilling: when calls in the batch lane have to go live, so that their run's deadline is met.

The time that live calls take is reserved at the end: a round for every `concurrency` of them, each of
`min(call_timeout, 20 s)`, or what `requests_per_minute` makes of their number if that is longer; and the time
in which a cancelled batch says what it has answered. At most half of the time between the call and the
deadline is reserved, so that a batch always gets the other half.
"""

import math
from collections.abc import Sequence

from langgraph_parallel.runtime.batch.item import Item
from langgraph_parallel.runtime.batch.settings import bounds
from langgraph_parallel.runtime.limits import Limits

_SECONDS_OF_A_CALL = 20.0
_MOST_SHARE = 0.5


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
    """Return when calls have to go live, on the clock of `time.monotonic`; None if no deadline ends them."""
    hurried = [item for item in items if item.deadline is not None]
    if not hurried:
        return None
    first = min(hurried, key=lambda item: item.deadline or 0.0)
    assert first.deadline is not None
    reserved = bounds.settle + live_seconds(len(hurried), first.limits)
    return first.deadline - min(reserved, _MOST_SHARE * (first.deadline - first.asked))
