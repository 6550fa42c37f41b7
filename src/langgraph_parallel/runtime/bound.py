"""The bound of one branch: when it has to end, and who says so."""

import asyncio
import contextlib
from collections.abc import Iterator
from contextvars import ContextVar, Token
from typing import Any

from langgraph_parallel.records import EndedBy
from langgraph_parallel.runtime.waiting import is_running


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
