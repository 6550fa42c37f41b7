"""A run: one invocation of a graph of ours, and what governs every call below it.

Runs form a tree: a graph that is a worker inside another one has a run of its own, whose budgets and
deadline are those of all runs around it as well. A run travels in the config that LangGraph hands down, so
it reaches every level, and two runs in one process have nothing in common but the limiters.
"""

import asyncio
import contextlib
import threading
import time
import weakref
from collections.abc import Iterator
from contextvars import ContextVar, Token
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config

from langgraph_parallel.errors import DeadlineExceeded, RunDrained
from langgraph_parallel.records import Branch, EndedBy
from langgraph_parallel.reducers.completion import Completion, Progress, State
from langgraph_parallel.runtime.budget import Budget
from langgraph_parallel.runtime.context import current_context
from langgraph_parallel.runtime.limits import Limits, limits_from_environment, merged
from langgraph_parallel.runtime.waiting import is_running

_KEY = "__langgraph_parallel_run"
"""Two underscores keep it out of traces and checkpoints."""


class Bound:
    """The bounds of one branch while it runs: when it has to end, and who says so.

    Args:
        left: seconds until it has to end; None for no such bound.
        among: the bounds of its siblings, where it is found while it runs.
        closes_itself: its worker is a graph of ours, which obeys the deadline at its leaves, and closes on
            what it has then; to cut it off would lose that.
    """

    def __init__(
        self, left: float | None = None, among: "set[Bound] | None" = None, *, closes_itself: bool = False
    ) -> None:
        self._loop = asyncio.get_running_loop()
        at = None if left is None else self._loop.time() + left
        self._timeout = asyncio.timeout_at(at)
        self._among: set[Bound] = set() if among is None else among
        self._token: Token[Bound | None] | None = None
        self.ended_by: EndedBy | None = None if at is None else "deadline"
        self.why = "the run's deadline has passed"
        self.in_flight = 0
        """Calls that are on their way."""
        self.in_line = 0
        """Calls that wait for a slot, for the budget, or for their next attempt."""
        self.was_in_line = False
        """Whether nothing was on its way when it was ended."""
        self.closes_itself = closes_itself

    def end(self, by: EndedBy, why: str, *, after: float = 0.0) -> None:
        """Have the branch end, now or in some seconds, unless it is to end earlier. From any thread."""
        if is_running(self._loop):
            self._end(by, why, after)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end, by, why, after)

    def _end(self, by: EndedBy, why: str, after: float) -> None:
        at, set_for = self._loop.time() + after, self._timeout.when()
        with contextlib.suppress(RuntimeError):  # it has ended, or is about to
            if set_for is None or at < set_for:
                self._timeout.reschedule(at)
                self.was_in_line = bool(self.in_line and not self.in_flight)
                self.ended_by, self.why = by, why

    async def __aenter__(self) -> "Bound":
        self._token = _bound.set(self)
        self._among.add(self)
        await self._timeout.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        self._among.discard(self)
        assert self._token is not None
        _bound.reset(self._token)
        try:
            await self._timeout.__aexit__(*raised)
        except TimeoutError:
            raise BranchEnded from None

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Count a call as in line."""
        self.in_line += 1
        try:
            yield
        finally:
            self.in_line -= 1


class BranchEnded(Exception):
    """A bound has ended a branch."""


_bound: ContextVar[Bound | None] = ContextVar("bound", default=None)


def current_bound() -> Bound | None:
    """The bound of the branch that this code is the worker of, if it is that of any."""
    bound = _bound.get()
    return None if bound is None or bound.closes_itself else bound


class Run:
    """What governs the calls of one invocation.

    Args:
        built: the limits that the graph was built with.
        given: those of the runtime context; they hold for the whole tree.
        completion: when the graph's fan-out has enough.
        around: the run that this one is part of.

    Raises:
        UsageError: a variable of the environment is no limit.
    """

    def __init__(
        self,
        built: Limits | None = None,
        given: Limits | None = None,
        completion: Completion | None = None,
        around: "Run | None" = None,
    ) -> None:
        self.around = around
        self.root: Run = around.root if around else self
        self.completion = completion
        self.started = time.time()
        self.drained = ""
        """Why nothing new may start; empty while it may. It counts on the root."""
        self._built: list[Limits | None] = [built, *around._built] if around else [built]
        self._given: Limits | None = around._given if around else given
        self._environment: Limits = around._environment if around else limits_from_environment()
        self._limits: dict[int, tuple[Limits | None, Limits]] = {}
        own = (built or Limits.model_construct()) if around else self.limits
        self.budget: Budget = Budget(own, around.budget.chain if around else ())
        ends = [around.deadline] if around and around.deadline else []
        ends += [time.monotonic() + own.deadline] if own.deadline else []
        self.deadline: float | None = min(ends, default=None)
        """When it has to be over, on the clock of `time.monotonic`."""
        self._bounds: set[Bound] = set()
        self._fan_out: _FanOut | None = None
        self._inner: weakref.WeakSet[Run] = weakref.WeakSet()
        if around:
            around._inner.add(self)

    @property
    def limits(self) -> Limits:
        """The limits of this run."""
        return self.limits_for(None)

    def limits_for(self, own: Limits | None) -> Limits:
        """The limits of a worker in this run, which may have some of its own."""
        held = self._limits.get(id(own))
        if held is None:
            made = merged([self._given, own, *self._built, self._environment])
            self._limits[id(own)] = held = (own, made)  # held, so that its id stays its own
        return held[1]

    def left(self) -> float | None:
        """Seconds to the deadline, 0 after it; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def check(self) -> None:
        """Make sure that a new call may start.

        Raises:
            RunDrained, DeadlineExceeded: it may not.
        """
        if self.root.drained:
            raise RunDrained(self.root.drained)
        if self.left() == 0:
            raise DeadlineExceeded("the run's deadline has passed")

    def branch(self, *, planned: int = 0, kept: int = 0, closes_itself: bool = False) -> Bound:
        """The bound of a branch, to be held while it runs.

        Args:
            planned: branches of its fan-out, as far as it knows.
            kept: those that are not run again, because they had ended ok.
            closes_itself: as in `Bound`.
        """
        if self._fan_out is None and self.completion is not None and planned:
            self._fan_out = _FanOut(self.completion, planned, kept, self._bounds)
        return Bound(None if closes_itself else self.left(), self._bounds, closes_itself=closes_itself)

    def ended(self, branch: Branch) -> None:
        """A branch has ended: its siblings may not be needed any more."""
        if self._fan_out is not None:
            self._fan_out.note(branch)

    def drain(self, why: str = "the run is being stopped", grace: float | None = None) -> None:
        """Start no new call in the whole tree; what is on its way may finish within the grace.

        Branches that wait in line end at once, as `skipped`; what is still on its way after the grace is
        `cancelled`. The graphs close on what is there. From any thread.

        Args:
            why: stands in the records of the branches that it ends.
            grace: seconds; by default that of the limits.
        """
        self.root.drained = self.root.drained or why
        for bound in [bound for bound in list(self._bounds) if not bound.closes_itself]:
            waits = bound.in_line and not bound.in_flight
            bound.end("drain", why, after=0.0 if waits else self.limits.grace if grace is None else grace)
        for run in list(self._inner):
            run.drain(why, grace)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Be among the runs that `drain` reaches."""
        if self.around is None:
            with _lock:
                _active.add(self)
        try:
            yield
        finally:
            with _lock:
                _active.discard(self)

    def within(self, config: RunnableConfig | None) -> RunnableConfig:
        """A config that hands this run down."""
        config = config or {}
        return {**config, "configurable": {**(config.get("configurable") or {}), _KEY: self}}


class _FanOut:
    """Asks a completion policy after every branch, and ends the others when it has heard enough."""

    def __init__(self, policy: Completion, planned: int, kept: int, bounds: set[Bound]) -> None:
        self._policy, self._bounds = policy, bounds
        self._planned, self._kept = planned, kept
        self._began = time.monotonic()
        self._ok: set[str] = set()
        self._failed: set[str] = set()
        self._had_enough = policy.judge(Progress(planned, kept=kept)) is State.ENOUGH
        """Before it began: somebody redrives it because they want the rest."""
        loop = asyncio.get_running_loop()
        self._timers = [loop.call_later(seconds, self._ask) for seconds in policy.expiries()]

    def note(self, branch: Branch) -> None:
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
        for bound in list(self._bounds):
            if late:
                bound.end("deadline", f"not finished in time: {self._policy}")
            elif state is State.ENOUGH:
                bound.end("completion", f"not needed any more: {self._policy}")
            else:
                bound.end("completion", f"given up: {self._policy} cannot be met any more")


_active: "weakref.WeakSet[Run]" = weakref.WeakSet()
_lock = threading.Lock()


def current_run() -> Run:
    """The run that this code is part of; outside of any, one that bounds nothing but single calls."""
    try:
        run: Run | None = (get_config().get("configurable") or {}).get(_KEY)
    except RuntimeError:
        run = None
    return run if run is not None else Run(given=current_context().limits)


def run_of(config: RunnableConfig | None) -> Run | None:
    """The run that a config hands down, or that of the code around."""
    held: Run | None = ((config or {}).get("configurable") or {}).get(_KEY)
    if held is not None:
        return held
    try:
        around: Run | None = (get_config().get("configurable") or {}).get(_KEY)
        return around
    except RuntimeError:
        return None


def drain(why: str = "the process is being stopped", grace: float | None = None) -> int:
    """Stop all runs of this process gracefully: what a server does when it is told to end.

    No new call starts; calls on their way may finish within the grace; then every graph closes on what is
    there, and returns. What was not done is `skipped` or `cancelled`, and can be redriven.

    Args:
        why: stands in the records of the branches that it ends.
        grace: seconds; by default that of each run's limits.

    Returns:
        How many runs there were.
    """
    with _lock:
        runs = list(_active)
    for run in runs:
        run.drain(why, grace)
    return len(runs)
