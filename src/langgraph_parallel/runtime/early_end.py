"""Ending branches of a fan-out early: a completion policy or a stop is asked after every branch."""

import asyncio
import time
from collections.abc import Callable

from langgraph_parallel.records import Branch, EndedBy
from langgraph_parallel.reducers.completion import Completion, Progress, State
from langgraph_parallel.runtime.bound import Bound

_TIMER_SLACK = 0.001
"""Seconds by which a timer of the event loop may fire early."""


class EarlyEnd:
    """Asks a completion policy after every branch, and ends the others once the policy needs no more.

    Args:
        policy: the completion policy.
        planned: number of branches of the fan-out.
        kept: number of branches that succeeded earlier and are not run again.
        bounds: bounds of the running branches.
    """

    def __init__(self, policy: Completion, planned: int, kept: int, bounds: set[Bound]) -> None:
        self._policy, self._bounds = policy, bounds
        self._planned, self._kept = planned, kept
        self._started_at = time.monotonic()
        self._ok: set[str] = set()
        self._failed: set[str] = set()
        # A redrive of a fan-out that was complete already: the caller wants the missing branches, so being
        # complete is no reason to end them. A deadline of the policy still is.
        self._was_complete = policy.judge(Progress(planned, kept=kept)) is State.ENOUGH
        self.over = False
        """Whether the other branches have been ended."""
        # The policy is asked when a branch ends, but its deadline may pass while none does.
        loop = asyncio.get_running_loop()
        self._timers = [loop.call_later(seconds, self._ask_policy) for seconds in policy.expiries()]

    def note(self, branch: Branch) -> None:
        """Count a branch that has ended, and ask the policy."""
        (self._ok if branch.ok else self._failed).add(branch.id)
        self._ask_policy()
        if len(self._ok) + len(self._failed) + self._kept >= self._planned:
            for timer in self._timers:
                timer.cancel()

    def _ask_policy(self) -> None:
        elapsed = time.monotonic() - self._started_at + _TIMER_SLACK
        progress = Progress(self._planned, self._ok, self._failed, self._kept, elapsed)
        state = self._policy.judge(progress)
        is_late = any(elapsed >= seconds for seconds in self._policy.expiries())
        if state in {State.OPEN, State.MET}:
            return
        if state is State.ENOUGH and self._was_complete and not is_late:
            return
        self.over = True
        for bound in list(self._bounds):  # a copy: a bound leaves the set when its branch ends
            if is_late:
                bound.end("deadline", f"not finished in time: {self._policy}")
            elif state is State.ENOUGH:
                bound.end("completion", f"not needed any more: {self._policy}")
            else:
                bound.end("completion", f"given up: {self._policy} cannot be met any more")


IsOver = Callable[[Branch], str | tuple[EndedBy, str]]
"""Asked after each branch. Returns why the other branches are not needed any more, or an empty text while
they are; with what ends them, by default a stop. A branch that a stop has ended is done: a redrive does not
run it."""


class Race:
    """Ends the rest of a wave as soon as the outcome does not depend on it.

    Args:
        is_over: asked after each branch.
        bounds: bounds of the running branches.
    """

    def __init__(self, is_over: IsOver, bounds: set[Bound]) -> None:
        self._is_over, self._bounds = is_over, bounds

    def note(self, branch: Branch) -> None:
        """Ask about a branch that has ended."""
        verdict = self._is_over(branch)
        ended_by: EndedBy
        ended_by, why = ("stop", verdict) if isinstance(verdict, str) else verdict
        if not why:
            return
        for bound in list(self._bounds):
            bound.end(ended_by, why)
