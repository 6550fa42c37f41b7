"""The branches of a run while they run: when the others are not needed any more, and when a person is asked.

A branch that interrupts does not stop the run at once. It is held until its siblings have ended, since one of
them may make it superfluous: the completion policy is met, the vote is settled, a check has tripped. Then it
ends like any other branch that is not needed, and nobody is asked.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from langgraph_parallel.records import Branch
from langgraph_parallel.reducers.completion import Completion
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.early_end import EarlyEnd, Race, Watch

T = TypeVar("T")


class _Superstep:
    """The branches that LangGraph runs at the same time, and waits for.

    Args:
        size: number of those that start together; None if they may start one after another, so that none
            waits for all.
        ended: the records, by id, of those that had ended before the run was resumed; None for one that was
            put off.
        reserve: ids of those that wait for their turn.
        called: those of them whose turn has come.
    """

    def __init__(
        self, size: int | None, ended: Mapping[str, Branch | None], reserve: Collection[str], called: set[str]
    ) -> None:
        started = len(ended.keys() - reserve)
        self._unsettled = 0 if size is None else size - started + len(called - ended.keys())
        self._ended, self._called = dict(ended), called
        self._awaited: dict[str, asyncio.Future[Branch | None]] = {}
        self._turns: dict[str, asyncio.Future[bool]] = {}
        self.settled = asyncio.Event()
        """Set once each branch has ended, is held, or is put off."""
        self.assignments: Any = None
        """What its branches do."""
        self._settle()

    def _settle(self) -> None:
        if self._unsettled <= 0:
            self.settled.set()
            for turn in self._turns.values():
                if not turn.done():
                    turn.set_result(False)

    async def turn(self, id: str) -> bool:
        """Wait for the turn of a branch; return False if it does not come."""
        if id in self._called or self.settled.is_set():
            return id in self._called
        self._turns[id] = asyncio.get_running_loop().create_future()
        return await self._turns[id]

    def call(self, id: str) -> None:
        """Let a branch start that waits for its turn."""
        self._unsettled += 1
        if (turn := self._turns.get(id)) is not None and not turn.done():
            turn.set_result(True)

    def leave(self, id: str, record: Branch | None) -> None:
        """Count a branch as settled: with its record, or None if it has none, or waits for a person."""
        self._ended[id] = record
        if (awaited := self._awaited.get(id)) is not None and not awaited.done():
            awaited.set_result(record)
        self._unsettled -= 1
        self._settle()

    def record(self, id: str) -> "asyncio.Future[Branch | None]":
        """Return the future record of a branch, as it is told to `leave`."""
        if id not in self._awaited:
            self._awaited[id] = asyncio.get_running_loop().create_future()
            if id in self._ended:
                self._awaited[id].set_result(self._ended[id])
        return self._awaited[id]


class Needs(NamedTuple):
    """The branches that another one needs, once it can be said whether it may start."""

    ended: Mapping[str, Branch]
    """Their records, if all have ended ok."""
    failed: Branch | None = None
    """The record of one that has failed."""
    put_off: bool = False
    """Whether one waits for a person, or was ended because it is not needed."""


_NO_NEEDS = Needs({})
_PUT_OFF = frozenset({"completion", "stop", "drain"})
"""What ends a branch without a failure: what needs it is decided on when all branches have ended."""


class Place:
    """The place of one branch among those that run at the same time.

    Args:
        superstep: the branches that it is one of; None if it is alone.
        id: of the branch.
    """

    __slots__ = ("_has_turn", "_id", "_left", "_superstep", "record")

    def __init__(self, superstep: _Superstep | None = None, id: str = "") -> None:
        self._superstep, self._id, self._left = superstep, id, False
        self._has_turn = True
        self.record: Branch | None = None
        """The record of the branch, once it has ended."""

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def shared(self, make: Callable[[], T]) -> T:
        """Return what the branches of the superstep share; the first one makes it."""
        if self._superstep is None:
            return make()
        if self._superstep.assignments is None:
            self._superstep.assignments = make()
        made: T = self._superstep.assignments
        return made

    async def turn(self) -> bool:
        """Wait until the branch may start; return False if it is not needed in this superstep."""
        if self._superstep is not None:
            self._has_turn = False
            self._has_turn = await self._superstep.turn(self._id)
        return self._has_turn

    async def needs(self, ids: Sequence[str]) -> Needs:
        """Wait for other branches of the superstep, as long as this one may still start."""
        if not ids:
            return _NO_NEEDS
        assert self._superstep is not None
        records = {id: self._superstep.record(id) for id in ids}
        while True:
            ended = {id: record.result() for id, record in records.items() if record.done()}
            if any(branch is None or branch.escalations for branch in ended.values()):
                return Needs({}, put_off=True)
            failed = [branch for branch in ended.values() if branch is not None and not branch.ok]
            if failed:
                # The cause itself, rather than one that was skipped for it.
                first = min(failed, key=lambda branch: branch.status == "skipped")
                put_off = first.ended_by in _PUT_OFF
                return Needs({}, None if put_off else first, put_off)
            waiting = [record for record in records.values() if not record.done()]
            if not waiting:
                return Needs({id: branch for id, branch in ended.items() if branch is not None})
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    async def wait(self) -> None:
        """Wait until each of the other branches has ended, or waits for a person as well."""
        self._leave()
        if self._superstep is not None:
            await self._superstep.settled.wait()

    def _leave(self) -> None:
        """Note that the branch has ended, or waits for a person; once."""
        if self._superstep is None or self._left or not self._has_turn:
            return
        self._left = True
        self._superstep.leave(self._id, self.record)


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
        self._reserve: Collection[str] = ()
        self._called: set[str] = set()
        self.taken_up: asyncio.Future[None] | None = None
        """Set once the branch that starts first has looked what had ended before the run was resumed."""
        self._ended_before: Mapping[str, Branch | None] = {}

    def enter(self, id: str, step: object, size: int | None) -> Place:
        """Return the place of a branch that starts.

        Args:
            id: of the branch.
            step: tells its superstep from others.
            size: number of branches of the superstep; None if they may start one after another.
        """
        if self._superstep is None or self._superstep[0] != step:
            self._superstep = (step, _Superstep(size, self._ended_before, self._reserve, self._called))
            self._ended_before = {}
        return Place(self._superstep[1], id)

    def open_policy(self, planned: int, kept: int) -> None:
        """Start the clock of the completion policy, with the first branch that it counts.

        Args:
            planned: number of branches of the fan-out.
            kept: number of branches that are not run again, because they succeeded earlier.
        """
        if self._early_end is None and self._policy is not None:
            self._early_end = EarlyEnd(self._policy, planned, kept, self.bounds)

    def take_up(self, ended: Mapping[str, Branch | None], *, planned: bool) -> None:
        """Note what had ended of the superstep before the run was resumed.

        Args:
            ended: the records by id; None for a branch that was put off.
            planned: whether the completion policy counts them.
        """
        self._ended_before = ended
        for branch in ended.values():
            if branch is not None:
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

    def had_enough(self) -> bool:
        """Return whether the completion policy has ended the fan-out."""
        return self._early_end is not None and self._early_end.over is not None
