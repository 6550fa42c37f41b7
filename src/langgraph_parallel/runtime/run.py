"""A run: one invocation of a graph of ours, and what governs every call below it.

Runs form a tree: a graph that is a worker inside another one has a run of its own, whose budgets and
deadline are those of all runs around it as well. A run travels in the config that LangGraph hands down, so
it reaches every level, and two runs in one process have nothing in common but the limiters.
"""

import contextlib
import threading
import time
import weakref
from collections.abc import Iterator
from contextvars import ContextVar

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config

from langgraph_parallel.errors import DeadlineExceeded, RunDrained
from langgraph_parallel.records import Branch
from langgraph_parallel.reducers.completion import Completion
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.budget import Budget
from langgraph_parallel.runtime.context import current_context
from langgraph_parallel.runtime.fan_out import FanOut, IsOver, Race
from langgraph_parallel.runtime.limits import Limits, limits_from_environment, merged

_KEY = "__langgraph_parallel_run"
"""Two underscores keep it out of traces and checkpoints."""


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
        self._fan_out: FanOut | None = None
        self._race: Race | None = None
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
            self._fan_out = FanOut(self.completion, planned, kept, self._bounds)
        return Bound(None if closes_itself else self.left(), self._bounds, closes_itself=closes_itself)

    def ended(self, branch: Branch, *, planned: bool = True) -> None:
        """A branch has ended: its siblings may not be needed any more.

        Args:
            branch: its record.
            planned: whether the completion policy speaks of it.
        """
        if self._fan_out is not None and planned:
            self._fan_out.note(branch)
        if self._race is not None:
            self._race.note(branch)

    def race(self, is_over: IsOver) -> None:
        """Ask after every branch that ends whether the others are still needed, from now on.

        Args:
            is_over: gets the branch, and says why they are not; an empty text while they are.
        """
        self._race = Race(is_over, self._bounds)

    def had_enough(self) -> bool:
        """Whether the fan-out has ended by its completion policy."""
        return self._fan_out is not None and self._fan_out.over

    def starts_no_more(self) -> bool:
        """Whether it is too late for a new call: the run is being stopped, or its time is over."""
        return bool(self.root.drained) or self.left() == 0

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


_active: "weakref.WeakSet[Run]" = weakref.WeakSet()
_lock = threading.Lock()


_supposed: ContextVar[Run | None] = ContextVar("supposed", default=None)


@contextlib.contextmanager
def pretend_run(run: Run) -> Iterator[None]:
    """Have code take a run for its own that is not one: for an estimate."""
    token = _supposed.set(run)
    try:
        yield
    finally:
        _supposed.reset(token)


def current_run() -> Run:
    """The run that this code is part of; outside of any, one that bounds nothing but single calls."""
    return _supposed.get() or find_run(None) or Run(given=current_context().limits)


def find_run(config: RunnableConfig | None) -> Run | None:
    """The run that a config hands down, else that of the code around, if any."""
    held: Run | None = ((config or {}).get("configurable") or {}).get(_KEY)
    if held is None:
        with contextlib.suppress(RuntimeError):  # outside of any graph
            held = (get_config().get("configurable") or {}).get(_KEY)
    return held


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
