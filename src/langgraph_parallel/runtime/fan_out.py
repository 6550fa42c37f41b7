"""A fan-out while it runs: what is asked after every branch, and may end the others."""

import asyncio
import time
from collections.abc import Callable

from langgraph_parallel.records import Branch, EndedBy
from langgraph_parallel.reducers.completion import Completion, Progress, State
from langgraph_parallel.runtime.bound import Bound


class FanOut:
    """Asks a completion policy after every branch, and ends the others when it has heard enough."""

    def __init__(self, policy: Completion, planned: int, kept: int, bounds: set[Bound]) -> None:
        self._policy, self._bounds = policy, bounds
        self._planned, self._kept = planned, kept
        self._began = time.monotonic()
        self._ok: set[str] = set()
        self._failed: set[str] = set()
        self._had_enough = policy.judge(Progress(planned, kept=kept)) is State.ENOUGH
        """Before it began: somebody redrives it because they want the rest."""
        self.over = False
        """Whether the others have been ended."""
        loop = asyncio.get_running_loop()
        self._timers = [loop.call_later(seconds, self._ask) for seconds in policy.expiries()]

    def note(self, branch: Branch) -> None:
        """A branch has ended."""
        (self._ok if branch.ok else self._failed).add(branch.id)
        self._ask()
        if len(self._ok) + len(self._failed) + self._kept >= self._planned:
            for timer in self._timers:
                timer.cancel()

    def _ask(self) -> None:
        elapsed = time.monotonic() - self._began + 0.001  # a timer may ring a little early
        progress = Progress(self._planned, self._ok, self._failed, self._kept, elapsed)
        state = self._policy.judge(progress)
        late = any(elapsed >= seconds for seconds in self._policy.expiries())
        if state in {State.OPEN, State.MET} or (state is State.ENOUGH and self._had_enough and not late):
            return
        self.over = True
        for bound in list(self._bounds):
            if late:
                bound.end("deadline", f"not finished in time: {self._policy}")
            elif state is State.ENOUGH:
                bound.end("completion", f"not needed any more: {self._policy}")
            else:
                bound.end("completion", f"given up: {self._policy} cannot be met any more")


IsOver = Callable[[Branch], str | tuple[EndedBy, str]]
"""Asked after each branch: why the others are not needed any more, and what ends them, by default a stop; an
empty text while they are. What a stop has ended is done: a redrive leaves it alone."""


class Race:
    """Ends the rest of a wave as soon as the outcome does not need it."""

    def __init__(self, is_over: IsOver, bounds: set[Bound]) -> None:
        self._is_over, self._bounds = is_over, bounds

    def note(self, branch: Branch) -> None:
        """A branch has ended."""
        over = self._is_over(branch)
        by: EndedBy
        by, why = ("stop", over) if isinstance(over, str) else over
        for bound in list(self._bounds) if why else ():
            bound.end(by, why)
