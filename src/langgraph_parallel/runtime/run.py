"""A run: one invocation of a langgraph_parallel graph, and what governs every call below it.

Runs form a tree: a graph that is a worker inside another one has a run of its own, which the budgets and
deadlines of all runs around it bound as well. A run travels in the config that LangGraph hands down, so it
reaches every level, and two runs in one process share nothing but the limiters.
"""

import contextlib
import time
import weakref
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from langgraph_parallel.errors import DeadlineExceeded, EndpointUnusable, RunDrained
from langgraph_parallel.reducers.completion import Completion
from langgraph_parallel.runtime.account import Account
from langgraph_parallel.runtime.around import AROUND, NOTHING, Around
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.budget import Budget
from langgraph_parallel.runtime.bundling import BUNDLING
from langgraph_parallel.runtime.context import current_context
from langgraph_parallel.runtime.explain import mark
from langgraph_parallel.runtime.fan_out import FanOut
from langgraph_parallel.runtime.gathering import ON_ITEM, Items
from langgraph_parallel.runtime.kinds import Kind
from langgraph_parallel.runtime.limit_sources import limits_from_environment, merge_limits
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike, fallbacks_from_environment
from langgraph_parallel.runtime.run_answers import RunAnswers
from langgraph_parallel.runtime.settings import default_steps
from langgraph_parallel.runtime.storing import Storing
from langgraph_parallel.runtime.thinning import Tracing

if TYPE_CHECKING:
    from langgraph_parallel.runtime.hearers import Hearer
    from langgraph_parallel.runtime.levels import Level

_NO_LIMITS = Limits.model_construct()
_KEY = "__langgraph_parallel_run"
"""Key in the config; LangGraph keeps keys with two underscores out of traces and checkpoints."""
_STEPS = 2**31 - 1
"""LangGraph's limit of steps for our graphs: their loops end by their own bounds."""


class Run:
    """What governs the calls of one invocation.

    Args:
        built: limits that the graph was built with.
        in_context: limits in the runtime context; they apply to the whole tree.
        completion: completion policy of the graph's fan-out.
        outer: the run that this one is part of.
        around: what bounds it besides, as a call of an agent.
        fallbacks: that the graph was built with; None for those of the run around it.
        single: it is one call outside of any graph; all of these take turns as one run.

    Raises:
        UsageError: a variable in the environment is not a valid limit.
    """

    bundles = False
    """Whether branches may share tasks of LangGraph's (`runtime.bundling`)."""

    def __init__(
        self,
        built: Limits | None = None,
        in_context: Limits | None = None,
        completion: Completion | None = None,
        outer: "Run | None" = None,
        around: Around = NOTHING,
        *,
        fallbacks: Sequence[ModelLike] | None = None,
        single: bool = False,
    ) -> None:
        self.outer = outer
        self.root: Run = outer.root if outer else self
        self.completion = completion
        self.started = time.time()
        self.drained = ""
        """Why no new call may start; empty while calls may start. Only that of the root counts."""
        self.control: RunControl | None = None
        """With which LangGraph is asked to stop at the next step; only that of the root counts."""
        self.unusable: dict[tuple[str, Account, str], tuple[str, Kind]] = {}
        """Why no call to an endpoint by an account is started any more; only that of the root counts."""
        self.remarks: dict[str, None] = {}
        """What is to be said in the report; only that of the root counts."""
        self.passed_over: dict[str, str] = {}
        """Why a fallback was asked in place of a model, by its name; only that of the root counts."""
        of_others = outer.fallbacks if outer else fallbacks_from_environment()
        self.fallbacks: Sequence[ModelLike] = of_others if fallbacks is None else fallbacks
        self.answers: RunAnswers = RunAnswers(outer.answers if outer else None)
        """The cache of answers, and what is known of it."""
        self.tracing: Tracing | None = None
        """How the run is traced; only that of the root counts. None if no tracer listens."""
        self.level: Level | None = None
        """What tells its events; None if nobody listens."""
        self.hearer: Hearer | None = None
        """Who hears all its events besides its caller; only that of the root counts."""
        self.items: Items | None = None
        """What tells its items as they end; None if nobody asks for them."""
        self.shows_contents = True
        """Whether traces of this run may hold contents; those around it have a say."""
        outer_limits = outer._from_graphs if outer else ()
        self._from_graphs: list[Limits | None] = [built, *around.limits, *outer_limits]
        self._from_context: Limits | None = outer._from_context if outer else in_context
        self._from_environment: Limits = outer._from_environment if outer else limits_from_environment()
        self._merged: dict[int, tuple[Limits | None, Limits]] = {}
        self.prepared: dict[Hashable, Any] = {}
        """What workers prepare once for all of their calls under the same limits."""
        if outer and built is None and around is NOTHING:  # nothing differs from the graphs around it
            self._from_graphs, self._merged, self.prepared = outer._from_graphs, outer._merged, outer.prepared
        # Budget and deadline of the context are those of the root: else each inner run would be granted them
        # again. It has only what its own graph was built with, on top of what bounds the runs around it.
        own = (built or _NO_LIMITS) if outer else self.limits
        self.line: Hashable = (
            None if single else outer.line if outer else around.line or own.fairness_key or object()
        )
        """Whose line the calls join at an endpoint: that of the outermost run, or of all with its key. It
        is not the run itself, since turns are remembered for longer."""
        self.budget: Budget = Budget(own, [*around.budgets, *(outer.budget.chain if outer else ())])
        self.deadline: float | None = self._earliest_deadline(own, *around.limits)
        """When the run must end, on the clock of `time.monotonic`."""
        self.steps_of_others: int = outer.steps_of_others if outer else default_steps()
        """LangGraph's limit of steps (`recursion_limit`) for graphs of others inside of this run."""
        self.texts: Mapping[str, str] = outer.texts if outer else {}
        """Texts that an enclosing graph stores, so that graphs inside need not, each with its digest."""
        self.fan_out = FanOut(completion)
        self.kept: dict[type, Any] = {}
        """What nodes keep for those after them, by type; lost on resume, so it must follow from the state."""
        # Weak: only those in progress are to be reached by a drain.
        self._inner: weakref.WeakSet[Run] | None = None
        if outer:
            outer._add(self)

    def _add(self, inner: "Run") -> None:
        self._inner = weakref.WeakSet() if self._inner is None else self._inner
        self._inner.add(inner)

    def _earliest_deadline(self, *own: Limits) -> float | None:
        deadlines = [self.outer.deadline] if self.outer and self.outer.deadline else []
        deadlines += [time.monotonic() + limits.deadline for limits in own if limits.deadline]
        return min(deadlines, default=None)

    @cached_property
    def storing(self) -> Storing:
        """What is stored of the outermost run, and of those inside, while they go on."""
        return self.outer.storing if self.outer else Storing()

    @property
    def limits(self) -> Limits:
        """Limits of this run."""
        return self.limits_for(None)

    @property
    def priority(self) -> float:
        """Turns at an endpoint, relative to other runs: that of the outermost run."""
        return self.root.limits.priority

    def limits_for(self, own: Limits | None) -> Limits:
        """Return the limits of a worker in this run; `own` are those of the worker itself."""
        # By identity: to hash a record for every call costs more. The entry keeps `own` alive, and so its id.
        entry = self._merged.get(id(own))
        if entry is None:
            limits = merge_limits([self._from_context, own, *self._from_graphs, self._from_environment])
            self._merged[id(own)] = entry = (own, limits)
        return entry[1]

    def seconds_left(self) -> float | None:
        """Return the seconds until the deadline, 0 after it; None if there is no deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def check(self) -> None:
        """Check that a new call may start.

        Raises:
            RunDrained: the run is being drained.
            GraphDrained: LangGraph was asked to stop, and what has not begun waits until the run goes on.
            DeadlineExceeded: the deadline has passed.
        """
        if self.root.drained:
            raise RunDrained(self.root.drained)
        if (control := self.root.control) is not None and control.drain_requested:
            raise GraphDrained(control.drain_reason or "shutdown")
        if self.seconds_left() == 0:
            raise DeadlineExceeded("the run's deadline has passed")

    def open_bound(self, *, planned: int = 0, kept: int = 0, closes_itself: bool = False) -> Bound:
        """Return the bound of a branch, to be entered while the branch runs.

        Args:
            planned: number of branches of its fan-out; 0 if the completion policy does not count it.
            kept: number of branches that are not run again, because they succeeded earlier.
            closes_itself: as in `Bound`.
        """
        # The first branch of the fan-out starts the policy's clock; time in line counts.
        if planned:
            self.fan_out.open_policy(planned, kept)
        seconds = None if closes_itself else self.seconds_left()
        bounds, counted = self.fan_out.bounds, planned > 0
        return Bound(seconds, bounds, closes_itself=closes_itself, counted=counted, deadline=self.deadline)

    def give_up(self, endpoint: str, account: Account, model: str, why: tuple[str, Kind]) -> None:
        """Start no more calls to an endpoint, because it refuses all of them.

        Args:
            endpoint: that refused a call.
            account: that was refused.
            model: that was refused; empty for all of the endpoint.
            why: words and kind, recorded in the branches that are not started.
        """
        self.root.unusable.setdefault((endpoint, account, model), why)

    def check_usable(self, endpoint: str, account: Account, model: str) -> None:
        """Check that an endpoint has not refused a call for a reason that holds for all.

        Raises:
            EndpointUnusable: it has.
        """
        for refused in ("", model) if self.root.unusable else ():
            if why := self.root.unusable.get((endpoint, account, refused)):
                error = EndpointUnusable(why[0])
                mark(error, *why)
                raise error

    def note(self, remark: str, instead_of: str = "") -> None:
        """Note something about an endpoint for the report of the outermost run.

        Args:
            remark: one sentence.
            instead_of: an earlier one, which it replaces.
        """
        self.root.remarks.pop(instead_of, None)
        self.root.remarks.setdefault(remark)

    def starts_no_more(self) -> bool:
        """Return whether no new call may start: the run is being drained, or its deadline has passed."""
        return bool(self.root.drained) or self.seconds_left() == 0

    def drain(self, why: str = "the run is being stopped", grace: float | None = None) -> None:
        """Stop the whole tree gracefully: start no new call, and let requests in flight finish.

        Branches whose calls wait in line end at once, as `skipped`; branches that are still running after the
        grace are `cancelled`. The graphs close on what they have. Safe to call from any thread.

        Args:
            why: recorded in the branches that are ended.
            grace: seconds; None for `grace` of the limits.
        """
        # Before any branch is ended: the slots that they free must not let another call start.
        self.root.drained = self.root.drained or why
        seconds = self.limits.grace if grace is None else grace
        for bound in [bound for bound in list(self.fan_out.bounds) if not bound.closes_itself]:
            is_waiting = bound.in_line and not bound.in_flight
            bound.end("drain", why, after=0.0 if is_waiting else seconds)
        for run in list(self._inner or ()):
            run.drain(why, grace)

    def within(self, config: RunnableConfig | None) -> RunnableConfig:
        """Return the config with this run in it, for the levels below."""
        config = config or {}
        if (steps := config.get("recursion_limit")) not in (None, _STEPS):
            self.steps_of_others = steps
        inner = {**(config.get("configurable") or {}), _KEY: self}
        for taken_over in (AROUND, BUNDLING, ON_ITEM):
            inner.pop(taken_over, None)
        return {**config, "recursion_limit": _STEPS, "configurable": inner}


_pretended: ContextVar[Run | None] = ContextVar("pretended", default=None)


@contextlib.contextmanager
def pretend_run(run: Run) -> Iterator[None]:
    """Make a run the current one for code that is not part of it: for an estimate."""
    token = _pretended.set(run)
    try:
        yield
    finally:
        _pretended.reset(token)


def current_run() -> Run:
    """Return the run that this code is part of; outside of any, a new one that bounds only single calls."""
    return _pretended.get() or find_run(None) or Run(in_context=current_context().limits, single=True)


def find_run(config: RunnableConfig | None) -> Run | None:
    """Return the run in a config, else the run that this code is part of; None outside of any."""
    run: Run | None = ((config or {}).get("configurable") or {}).get(_KEY)
    if run is None and (around := var_child_runnable_config.get()) is not None:
        run = (around.get("configurable") or {}).get(_KEY)
    return run
