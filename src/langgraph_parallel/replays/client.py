"""The client of a run: one event loop, which prepares the first requests of voters one after another.

What it prepares in one go leaves at its end: tasks take turns, and none of them waits for the network before
all have come so far. So how long a request took depends on how many others were prepared with it.
"""

import heapq
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count

from langgraph_parallel.records.run_record import RunRecord
from langgraph_parallel.replays.clock import Act, Clock, Timer

_PAUSE = 0.02
"""Seconds between two requests of one go, at most; a client that takes longer waits for something else."""
_MOST_HELD = 0.1
"""Seconds that a request is held up by those that are prepared with it, at most."""


@dataclass(frozen=True)
class Prepared:
    """How the first request of a voter was prepared."""

    ready: float
    """When it joined the line for a slot, in seconds since the start of the record."""
    seconds: float
    """How long the client took for it alone. What the first one of a process needs in addition, to load a
    client, is counted there."""
    held: float
    """Seconds until all were ready that were prepared in one go with it."""


def read_prepared(record: RunRecord, ready: Mapping[int, float]) -> dict[int, Prepared]:
    """Return how the first request of each voter was prepared, by the position of its branch.

    Args:
        record: of the run.
        ready: when each of these requests joined the line for a slot, by the position of its branch.
    """
    seconds: dict[int, float] = {}
    goes: list[list[int]] = []
    before = -math.inf
    for place in sorted(ready, key=lambda place: ready[place]):
        asked, now = record.branches[place].started, ready[place]
        if asked >= before or now - before > _PAUSE:
            goes.append([])
        goes[-1].append(place)
        seconds[place] = now - max(asked, before)
        before = now
    return {
        place: Prepared(ready[place], seconds[place], min(_MOST_HELD, ready[go[-1]] - ready[place]))
        for go in goes
        for place in go
    }


class Client:
    """The client in a replay: it takes turns between votes, and prepares the voters of each in order.

    Args:
        clock: of the replay.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._is_busy = clock, False
        self._line: list[tuple[int, int, float, Timer]] = []
        """A heap: turn of the vote, number, seconds, and what to do then."""
        self._turns: Counter[object] = Counter()
        self._numbers = count()
        self._at_end: list[Timer] = []

    def prepare(self, vote: object, seconds: float, act: Act) -> Timer:
        """Have a request prepared, and something done then.

        Args:
            vote: whose turn it takes.
            seconds: that it takes.
            act: what to do then.
        """
        timer = Timer(act)
        heapq.heappush(self._line, (self._turns[vote], next(self._numbers), seconds, timer))
        self._turns[vote] += 1
        if not self._is_busy:
            self._next()
        return timer

    def after_all(self, act: Act) -> Timer:
        """Have something done once all is prepared that has been asked for by then."""
        if not self._is_busy:
            return self._clock.after(0.0, act)
        self._at_end.append(timer := Timer(act))
        return timer

    def _next(self) -> None:
        self._is_busy = bool(self._line)
        if self._is_busy:
            _, _, seconds, timer = heapq.heappop(self._line)
            self._clock.after(seconds, partial(self._prepared, timer))
            return
        self._turns.clear()
        done, self._at_end = self._at_end, []
        for timer in done:
            timer.fire()

    def _prepared(self, timer: Timer) -> None:
        timer.fire()
        self._next()
