"""Cut-offs: what cancels a task, and tells that from every other cancellation.

`asyncio.timeout` does the same, with a timer of its own, its context, and the methods that these call. All of
them live for as long as the request that they limit, and thousands of requests may be in flight: the garbage
collector looks at each of their objects again and again. So who cuts off is a part of what is cut off here,
and requests with equally long time limits, or the same deadline, share one timer.
"""

import asyncio
from collections.abc import Hashable
from itertools import takewhile
from typing import Protocol

from langgraph_parallel.runtime.loops import loop_local
from langgraph_parallel.runtime.timers import call_at


class Cutoff:
    """Cancels the task that has entered it, until it is left."""

    __slots__ = ("_cancelling", "_task", "is_cut")

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        """Number of cancellations that the task had been asked for before."""
        self.is_cut = False

    def enter(self) -> None:
        """Let the running task be cut off from now on."""
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()

    @property
    def may_cut(self) -> bool:
        """Whether the task has entered, was not cut off, and has not left."""
        return self._task is not None and not self.is_cut

    def cut(self) -> None:
        """Cancel the task, if that may be done."""
        if self._task is not None and not self.is_cut:
            self.is_cut = True
            self._task.cancel()

    def leave(self, kind: type[BaseException] | None) -> bool:
        """Cut off no more; return whether the task leaves because it was cut off, and for nothing else.

        Args:
            kind: of the error that it leaves with, if any.
        """
        task, self._task = self._task, None
        if task is None or not self.is_cut:
            return False
        return task.uncancel() <= self._cancelling and kind is asyncio.CancelledError


class Timed(Cutoff):
    """Cuts off a task that is not done in time.

    Args:
        seconds: from when it is entered.
    """

    __slots__ = ("_seconds", "_together")

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._together: Together | None = None

    def enter(self) -> None:
        """Begin."""
        super().enter()
        self._wait(self._seconds)

    def leave(self, kind: type[BaseException] | None) -> bool:
        """End; return as `Cutoff.leave`."""
        if self._together is not None:
            self._together.remove(self)
        return super().leave(kind)

    def rang(self) -> None:
        """Cut off: the time is over."""
        self._together = None
        if (left := self.seconds_left()) > 0:
            self._wait(left)
        else:
            self.cut()

    def seconds_left(self) -> float:
        """Return the seconds that are granted once the time is over."""
        return 0.0

    def _wait(self, seconds: float) -> None:
        self._together = Together.of(("seconds", seconds))
        self._together.add(self, asyncio.get_running_loop().time() + seconds)


class _Rings(Protocol):
    def rang(self) -> None:
        """Take note that the time is over."""


class Together:
    """Time limits of one event loop that share a timer: the first that was added is the first to end.

    Args:
        groups: those of the loop; this is one of them while it has any limits.
        key: of the limits.
    """

    def __init__(self, groups: "dict[Hashable, Together]", key: Hashable) -> None:
        self._groups, self._key = groups, key
        self._loop = asyncio.get_running_loop()
        self._ends: dict[_Rings, float] = {}
        self._timer: asyncio.Handle | None = None

    @classmethod
    def of(cls, key: Hashable) -> "Together":
        """Return the limits of the running loop with a key."""
        groups: dict[Hashable, Together] = loop_local("together", dict)
        if (found := groups.get(key)) is None:
            found = groups[key] = cls(groups, key)
        return found

    def add(self, limit: _Rings, end: float) -> None:
        """Begin one.

        Args:
            limit: is told when it ends.
            end: on the clock of the loop, no earlier than that of the one before.
        """
        self._ends[limit] = end
        if self._timer is None:
            self._set(end)

    def remove(self, limit: _Rings) -> None:
        """End one before its time."""
        del self._ends[limit]
        if not self._ends:
            self._close()

    def _set(self, when: float) -> None:
        self._timer = call_at(self._loop, when, self._ring)

    def _ring(self) -> None:
        now = self._loop.time()
        for limit, _ in list(takewhile(lambda one: one[1] <= now, self._ends.items())):
            del self._ends[limit]
            limit.rang()
        if self._ends:
            self._set(next(iter(self._ends.values())))
        else:
            self._close()

    def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._groups.get(self._key) is self:
            del self._groups[self._key]
