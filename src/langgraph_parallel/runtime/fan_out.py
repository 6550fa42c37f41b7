"""The branches of a run while they run: when the others are not needed any more, and when a person is asked.

A branch that interrupts does not stop the run at once. It is held until its siblings have ended, since one of
them may make it superfluous: the completion policy is met, the vote is settled, a check has tripped. Then it
ends like any other branch that is not needed, and nobody is asked.
"""

import asyncio

from langgraph_parallel.records import Branch
from langgraph_parallel.reducers.completion import Completion
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.early_end import EarlyEnd, Race, Watch


class _Superstep:
    """The branches that LangGraph runs at the same time, and waits for.

    Args:
        size: their number.
    """

    def __init__(self, size: int) -> None:
        self._unsettled = size
        self.settled = asyncio.Event()
        """Set once each branch has ended, or is held."""

    def leave(self) -> None:
        """Count a branch as settled."""
        self._unsettled -= 1
        if self._unsettled <= 0:
            self.settled.set()


class Place:
    """The place of one branch among those that run at the same time.

    Args:
        superstep: the branches that it is one of; None if it waits for no others.
    """

    __slots__ = ("_left", "_superstep")

    def __init__(self, superstep: _Superstep | None = None) -> None:
        self._superstep, self._left = superstep, False

    def leave(self) -> None:
        """Note that the branch has ended, or waits for a person; once."""
        if self._superstep is not None and not self._left:
            self._left = True
            self._superstep.leave()

    async def wait(self) -> None:
        """Wait until each of the other branches has ended, or waits for a person as well."""
        self.leave()
        if self._superstep is not None:
            await self._superstep.settled.wait()


class FanOut:
    """The branches of one run.

    Args:
        policy: completion policy of the fan-out.
    """

    def __init__(self, policy: Completion | None) -> None:
        self._policy = policy
        self.bounds: set[Bound] = set()
        """Bounds of the running branches."""
        self._early_end: EarlyEnd | None = None
        self._race: Race | None = None
        self._superstep: tuple[object, _Superstep] | None = None
        self.taken_up: asyncio.Future[None] | None = None
        """Set once the branch that starts first has looked what had ended before the run was resumed."""
        self._ended_before = 0

    def enter(self, step: object, size: int | None) -> Place:
        """Return the place of a branch that starts.

        Args:
            step: tells its superstep from others.
            size: number of branches of the superstep; None if they may start one after another.
        """
        if size is None:
            return Place()
        if self._superstep is None or self._superstep[0] != step:
            self._superstep = (step, _Superstep(size - self._ended_before))
            self._ended_before = 0
        return Place(self._superstep[1])

    def open_policy(self, planned: int, kept: int) -> None:
        """Start the clock of the completion policy, with the first branch that it counts.

        Args:
            planned: number of branches of the fan-out.
            kept: number of branches that are not run again, because they succeeded earlier.
        """
        if self._early_end is None and self._policy is not None:
            self._early_end = EarlyEnd(self._policy, planned, kept, self.bounds)

    def take_up(self, ended: list[Branch], *, planned: bool) -> None:
        """Note what had ended of the superstep before the run was resumed.

        Args:
            ended: the records.
            planned: whether the completion policy counts them.
        """
        self._ended_before = len(ended)
        for branch in ended:
            self.ended(branch, planned=planned)

    def admit(self, bound: Bound, *, planned: bool) -> None:
        """End a branch that starts when it is not needed any more.

        Args:
            bound: of the branch, entered.
            planned: whether the completion policy counts it.
        """
        enders = (self._early_end if planned else None, self._race)
        for over in (ender.over for ender in enders if ender is not None):
            if over is not None:
                bound.end(*over)
                bound.was_in_line = True  # it has not begun

    def ended(self, branch: Branch, *, planned: bool = True) -> None:
        """Note that a branch has ended, and end its siblings if they are not needed any more.

        Args:
            branch: its record.
            planned: whether the completion policy counts it.
        """
        if self._early_end is not None and planned:
            self._early_end.note(branch)
        if self._race is not None:
            self._race.note(branch)

    def held(self, id: str) -> None:
        """Note that a branch waits for a person.

        Args:
            id: of the branch.
        """
        if self._race is not None:
            self._race.note_held(id)

    def race(self, watch: Watch) -> None:
        """From now on, ask after every branch that ends whether the others are still needed.

        Args:
            watch: who is asked.
        """
        self._race = Race(watch, self.bounds)

    def had_enough(self) -> bool:
        """Return whether the completion policy has ended the fan-out."""
        return self._early_end is not None and self._early_end.over is not None
