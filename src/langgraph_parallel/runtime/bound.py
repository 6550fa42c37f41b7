"""The bound of one branch: when it ends, and why."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator
from contextvars import ContextVar, Token
from typing import Any, cast

from langgraph_parallel.records import EndedBy
from langgraph_parallel.runtime.cutoff import Cutoff, Together
from langgraph_parallel.runtime.timers import call_at
from langgraph_parallel.runtime.waiting import is_running

_counting = threading.Lock()
"""One lock for the calls of all branches: each counts for a moment only, and there may be many thousands."""


class Bound(Cutoff):
    """The bound of one branch while it runs: when it ends, and why.

    Args:
        seconds: time until the branch ends; None for no limit.
        among: the bounds of running siblings; this one is among them while its branch runs.
        closes_itself: the worker is a langgraph_parallel graph. It obeys the deadline at its leaves and
            closes on what it has by then; cancelling the branch would lose that.
        counted: whether the completion policy counts the branch, and may end it.
        deadline: what is equal among bounds of which the seconds end at the same time.
    """

    __slots__ = (
        "__weakref__",
        "_among",
        "_around",
        "_busy",
        "_deadline",
        "_ended_by_sibling",
        "_ends_at",
        "_held",
        "_loop",
        "_scheduled_at",
        "_timer",
        "_together",
        "_token",
        "_watches",
        "closed",
        "closes_itself",
        "counted",
        "ended_by",
        "in_flight",
        "in_line",
        "was_in_line",
        "why",
    )

    def __init__(
        self,
        seconds: float | None = None,
        among: "dict[Bound, None] | None" = None,
        *,
        closes_itself: bool = False,
        counted: bool = True,
        deadline: Hashable = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends_at = None if seconds is None else self._loop.time() + seconds
        # One timer serves the deadline, the completion policy, a stop and a drain: whatever ends the branch
        # reschedules it. Cancelling the task directly could not be told from a cancellation by the caller.
        super().__init__()
        self._timer: asyncio.Handle | None = None
        self._deadline, self._together = deadline, cast("Together | None", None)
        self._scheduled_at: float | None = None
        self._among: dict[Bound, None] = {} if among is None else among
        self._token: Token[Bound | None] | None = None
        self.ended_by: EndedBy | None = None if seconds is None else "deadline"
        self.why = "the run's deadline has passed"
        self.in_flight = 0
        """Calls whose request is in flight."""
        self.in_line = 0
        """Calls that wait for a slot, for the budget, or for their next attempt."""
        self._around = _bound.get()
        self._busy = 0
        """Calls in line or in flight, those of branches inside included."""
        self._watches: tuple[Callable[[bool], None], ...] = ()
        self.was_in_line = False
        """Whether no call was in flight when the branch was ended."""
        self.closes_itself, self.counted = closes_itself, counted
        self._held, self._ended_by_sibling = False, False
        self.closed = False
        """Whether the branch has ended: a thread of it may still run, and must not start a call."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that the branch runs in."""
        return self._loop

    def end(self, by: EndedBy, why: str, *, after: float = 0.0) -> None:
        """End the branch after some seconds, unless it ends earlier. Safe to call from any thread."""
        if is_running(self._loop):
            self._reschedule(by, why, after)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._reschedule, by, why, after)

    def hold(self) -> None:
        """Wait for others from now on: only a sibling can end the branch, no deadline and no drain.

        What it waits for ends in time itself. It then has a result to return, or a person to ask.
        """
        self._held = True
        if not self._ended_by_sibling:
            self._schedule(None)

    async def end_if_due(self) -> None:
        """Go on, unless a sibling has ended the branch: then wait for the end, which is about to come."""
        if self._ended_by_sibling:
            await asyncio.Event().wait()

    def _reschedule(self, by: EndedBy, why: str, after: float) -> None:
        if self._held and by == "drain":
            return
        ends_at = self._loop.time() + after
        # The earliest end wins, and with it its reason: the record names what really ended the branch.
        if self.may_cut and (self._scheduled_at is None or ends_at < self._scheduled_at):
            self._schedule(ends_at)
            self.was_in_line = bool(self.in_line and not self.in_flight)
            self.ended_by, self.why = by, why
            self._ended_by_sibling = by != "drain"

    def _schedule(self, when: float | None) -> None:
        """Cut off the branch at a time of its event loop; None for never."""
        self._unschedule()
        if self.may_cut:
            self._scheduled_at = when
            self._timer = None if when is None else call_at(self._loop, when, self.cut)

    def rang(self) -> None:
        """Cut off: the deadline has passed."""
        self._together = None
        self.cut()

    def _unschedule(self) -> None:
        if self._together is not None:
            self._together.remove(self)
            self._together = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __enter__(self) -> "Bound":
        self._token = _bound.set(self)
        self._among[self] = None
        self.enter()
        if self._ends_at is not None:
            self._scheduled_at = self._ends_at
            self._together = Together.of(("deadline", self._deadline or self._ends_at))
            self._together.add(self, self._ends_at)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self.closed = True
        self._among.pop(self, None)
        assert self._token is not None
        _bound.reset(self._token)
        self._unschedule()
        if self.leave(kind):
            # An exception of its own: a TimeoutError of the worker must not look like the end of the branch.
            raise BranchEnded from None

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Count a call as in line."""
        self.in_line += 1
        self._count(1)
        try:
            yield
        finally:
            self.in_line -= 1
            self._count(-1)

    def launched(self) -> None:
        """Count a call as in flight."""
        self.in_flight += 1
        self._count(1)

    def landed(self) -> None:
        """Count a call as no longer in flight."""
        self.in_flight -= 1
        self._count(-1)

    @contextlib.contextmanager
    def watched_by(self, watch: Callable[[bool], None]) -> Iterator[None]:
        """Tell a function now, and at each change, whether calls are in line or in flight, in any thread."""
        with _counting:
            self._watches += (watch,)
            watch(self._busy > 0)
        try:
            yield
        finally:
            with _counting:
                self._watches = tuple(other for other in self._watches if other is not watch)

    def _count(self, change: int) -> None:
        with _counting:
            was_busy, self._busy = self._busy > 0, self._busy + change
            if was_busy != (self._busy > 0):
                for watch in self._watches:
                    watch(not was_busy)
        if self._around is not None:
            self._around._count(change)


class BranchEnded(Exception):
    """Raised in a branch that its bound has ended."""


_bound: ContextVar[Bound | None] = ContextVar("bound", default=None)


def current_bound() -> Bound | None:
    """Return the bound of the branch whose worker this code is part of; None outside of any branch."""
    bound = _bound.get()
    # A bound that closes itself is around a nested graph. Calls of that graph outside of its own branches,
    # such as a judge's, get a bound of their own (`Calling.send`), since this one would not end them in time.
    return None if bound is None or bound.closes_itself else bound
