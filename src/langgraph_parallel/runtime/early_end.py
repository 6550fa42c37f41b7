"""Ending branches of a fan-out early: a completion policy or a stop is asked after every branch."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from langgraph_parallel.records import Branch, EndedBy
from langgraph_parallel.reducers.completion import Completion, Progress, State
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.timers import call_later

_TIMER_SLACK = 0.001
"""Seconds by which a timer of the event loop may fire early."""


def _end_all(bounds: Iterable[Bound], by: EndedBy, why: str) -> None:
    """End running branches, once: one that starts later is ended as it is admitted."""
    for bound in list(bounds):  # a copy: a bound leaves the set when its branch ends
        bound.end(by, why)


class EarlyEnd:
    """Asks a completion policy after every branch, and ends the others once the policy needs no more.

    Args:
        policy: the completion policy.
        planned: number of branches of the fan-out.
        kept: number of branches that succeeded earlier and are not run again.
        bounds: bounds of the running branches, in the order in which these began.
    """

    def __init__(self, policy: Completion, planned: int, kept: int, bounds: dict[Bound, None]) -> None:
        self._policy, self._bounds = policy, bounds
        self._planned, self._kept = planned, kept
        self._started_at = time.monotonic()
        self._ok: set[str] = set()
        self._failed: set[str] = set()
        # A redrive of a fan-out that was complete already: the caller wants the missing branches, so being
        # complete is no reason to end them. A deadline of the policy still is.
        self._was_complete = policy.judge(Progress(planned, kept=kept)) is State.ENOUGH
        self.over: tuple[EndedBy, str] | None = None
        """What has ended the other branches, and why; None while they are needed."""
        self.given_up = False
        """Whether the policy cannot be met any more."""
        # The policy is asked when a branch ends, but its deadline may pass while none does.
        loop = asyncio.get_running_loop()
        self._timers = [call_later(loop, seconds, self._ask_policy) for seconds in policy.expiries()]

    def note(self, branch: Branch) -> None:
        """Count a branch that has ended, and ask the policy; one whose vote waits for a person has not."""
        if branch.escalations:
            return
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
        ended_by: EndedBy = "deadline" if is_late else "completion"
        why = f"given up: {self._policy} cannot be met any more"
        if is_late:
            why = f"not finished in time: {self._policy}"
        elif state is State.ENOUGH:
            why = f"not needed any more: {self._policy}"
        self.given_up = state is not State.ENOUGH
        self.over, was_over = (ended_by, why), self.over is not None
        if not was_over:
            _end_all([bound for bound in self._bounds if bound.counted], ended_by, why)


IsOver = Callable[[Branch], str | tuple[EndedBy, str]]
"""Asked after each branch. Returns why the other branches are not needed any more, or an empty text while
they are; with what ends them, by default a stop. A branch that a stop has ended is done: a redrive does not
run it."""


class Watch(NamedTuple):
    """Who is asked about the branches of a run."""

    is_over: IsOver
    on_held: Callable[[str], None] = lambda id: None
    """Called with the id of a branch that waits for a person."""


class Race:
    """Ends the rest of a wave as soon as the outcome does not depend on it.

    Args:
        watch: asked after each branch.
        bounds: bounds of the running branches, in the order in which these began.
    """

    def __init__(self, watch: Watch, bounds: dict[Bound, None]) -> None:
        self._watch, self._bounds = watch, bounds
        self.over: tuple[EndedBy, str] | None = None
        """What has ended the other branches, and why; None while they are needed."""

    def note(self, branch: Branch) -> None:
        """Ask about a branch that has ended."""
        verdict = self._watch.is_over(branch)
        ended_by: EndedBy
        ended_by, why = ("stop", verdict) if isinstance(verdict, str) else verdict
        if not why:
            return
        self.over, was_over = (ended_by, why), self.over is not None
        if not was_over:
            _end_all(self._bounds, ended_by, why)

    def note_held(self, id: str) -> None:
        """Tell of a branch that waits for a person."""
        self._watch.on_held(id)
