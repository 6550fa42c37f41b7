"""The branches of a run while they run: when the others are not needed any more, and when a person is asked.

A branch that interrupts does not stop the run at once. It is held until its siblings have ended, since one of
them may make it superfluous: the completion policy is met, the vote is settled, a check has tripped. Then it
ends like any other branch that is not needed, and nobody is asked.
"""

import asyncio
from collections.abc import Collection, Mapping

from langgraph_parallel.records import Branch
from langgraph_parallel.reducers.completion import Completion
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.early_end import EarlyEnd, Race, Watch
from langgraph_parallel.runtime.superstep import Place, Superstep


class FanOut:
    """The branches of one run.

    Args:
        policy: completion policy of the fan-out.
    """

    def __init__(self, policy: Completion | None) -> None:
        self._policy = policy
        self.bounds: dict[Bound, None] = {}
        """Bounds of the running branches."""
        self._early_end: EarlyEnd | None = None
        self._race: Race | None = None
        self._superstep: tuple[object, Superstep] | None = None
        self._reserve: Collection[str] = ()
        self._called: set[str] = set()
        self.taken_up: asyncio.Future[None] | None = None
        """Set once the branch that starts first has looked what had ended before the run was resumed."""
        self.ended_before: Mapping[str, Branch | None] = {}
        """What had ended of the superstep before the run was resumed, until it is entered."""
        self.cuts_off = False
        """Whether a branch may be cut off because of what another one has answered."""
        self._counted_before: list[Branch] = []
        """What the policy counts of it, for when its clock starts."""

    def enter(self, id: str, step: object, size: int | None) -> Place:
        """Return the place of a branch that starts.

        Args:
            id: of the branch.
            step: tells its superstep from others.
            size: number of branches of the superstep; None if they may start one after another.
        """
        if self._superstep is None or self._superstep[0] != step:
            self._superstep = (step, Superstep(size, self.ended_before, self._reserve, self._called))
            self.ended_before = {}
        return Place(self._superstep[1], id)

    def open_policy(self, planned: int, kept: int) -> None:
        """Start the clock of the completion policy, with the first branch that it counts.

        Args:
            planned: number of branches of the fan-out; 0 for a branch that the policy does not count.
            kept: number of branches that are not run again, because they succeeded earlier.
        """
        if self._early_end is None and self._policy is not None and planned:
            self._early_end = EarlyEnd(self._policy, planned, kept, self.bounds)
            for branch in self._counted_before:
                self._early_end.note(branch)

    def take_up(self, ended: Mapping[str, Branch | None], counted: Collection[str]) -> None:
        """Note what had ended of the superstep before the run was resumed.

        Args:
            ended: the records by id; None for a branch that was put off.
            counted: ids of those that the completion policy counts.
        """
        self.ended_before = ended
        for id, branch in ended.items():
            if branch is not None:
                self.ended(branch, planned=id in counted)
                if id in counted:
                    self._counted_before.append(branch)

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

    @property
    def running(self) -> int | None:
        """Number of branches of the superstep that have not ended yet; None if it is not known."""
        return None if self._superstep is None else self._superstep[1].running

    def race(self, watch: Watch, *, cuts_off: bool = True) -> None:
        """From now on, ask after every branch that ends whether the others are still needed.

        Args:
            watch: who is asked.
            cuts_off: whether a branch that runs may turn out not to be needed.
        """
        self.cuts_off = cuts_off
        self._race = Race(watch, self.bounds)

    def hold_back(self, ids: Collection[str]) -> None:
        """Let branches of the next superstep wait for their turn.

        Args:
            ids: of the branches.
        """
        self._reserve, self._called = ids, set()

    def call(self, id: str) -> None:
        """Let a branch start that waits for its turn. One that has not come yet finds that it may."""
        if id not in self._called:
            self._called.add(id)
            if self._superstep is not None:
                self._superstep[1].call(id)

    def gave_up(self) -> bool:
        """Return whether the completion policy cannot be met any more: nothing is made of the results."""
        return self._early_end is not None and self._early_end.given_up

    def had_enough(self) -> bool:
        """Return whether the completion policy has ended the fan-out."""
        return self._early_end is not None and self._early_end.over is not None
