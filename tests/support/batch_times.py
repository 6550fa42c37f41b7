"""Times of the batch lane, for tests."""

from collections.abc import Hashable

import pytest

from langgraph_parallel.runtime.batch.lane import Gathering, Lane
from langgraph_parallel.runtime.batch.settings import bounds

_TIMES = {
    "quiet": 0.05,
    "first_poll": 0.02,
    "longest_poll": 0.05,
    "first_pause": 0.01,
    "longest_pause": 0.05,
    "late_creation": 0.05,
    "settle": 0.1,
}
_check = Lane._check


def shorten_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lane wait for milliseconds where it waits for minutes, and still gather what is on its way.

    Where the machine holds up the event loop, the time in which no call comes is over at once. So calls that
    are about to come in this event loop are waited for, too.
    """
    for name, seconds in _TIMES.items():
        monkeypatch.setattr(bounds, name, seconds)

    def check_later(lane: Lane, group: Hashable, gathering: Gathering, turns: int = 100) -> None:
        if turns:  # a call takes some of them from its branch to the lane
            lane._loop.call_soon(check_later, lane, group, gathering, turns - 1)
        else:
            _check(lane, group, gathering)

    monkeypatch.setattr(Lane, "_check", check_later)
