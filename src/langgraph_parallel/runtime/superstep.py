"""The branches that LangGraph runs in one superstep: what they wait for, and what they share."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from langgraph_parallel.records import Branch

T = TypeVar("T")


class Superstep:
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
        self._is_counted = size is not None
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

    @property
    def running(self) -> int | None:
        """Number of branches that have not ended yet; None where more may start, one after another."""
        return self._unsettled if self._is_counted else None

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
    """Their records, if all have ended ok, or however, as it was asked."""
    failed: Branch | None = None
    """The record of one that has failed."""
    put_off: bool = False
    """Whether one waits for a person, or was ended because it is not needed."""


_NO_NEEDS = Needs({})
_PUT_OFF = frozenset({"completion", "stop", "drain"})
"""What ends a branch without a failure: what needs it is decided on when all branches have ended."""


async def _settled(records: Collection["asyncio.Future[Branch | None]"], *, joins: bool) -> None:
    """Wait until all records are there, or one that decides alone: it is put off, or not ok.

    Args:
        records: of the branches that another one needs.
        joins: whether those that are not ok decide nothing.
    """
    left, over = len(records), asyncio.get_running_loop().create_future()

    def note(record: "asyncio.Future[Branch | None]") -> None:
        nonlocal left
        left -= 1
        branch = record.result()
        decides = branch is None or branch.escalations or not (branch.ok or joins)
        if (decides or not left) and not over.done():
            over.set_result(None)

    for record in records:
        record.add_done_callback(note)
    await over


class Place:
    """The place of one branch among those that run at the same time.

    Args:
        superstep: the branches that it is one of; None if it is alone.
        id: of the branch.
    """

    __slots__ = ("_has_turn", "_id", "_left", "_superstep", "record")

    def __init__(self, superstep: Superstep | None = None, id: str = "") -> None:
        self._superstep, self._id, self._left = superstep, id, False
        self._has_turn = True
        self.record: Branch | None = None
        """The record of the branch, once it has ended."""

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

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

    async def needs(self, ids: Sequence[str], *, joins: bool = False) -> Needs:
        """Wait for other branches of the superstep, as long as this one may still start.

        Args:
            ids: of the branches.
            joins: whether this one works with the results that there are, so that all have to end, ok or not.
        """
        if not ids:
            return _NO_NEEDS
        assert self._superstep is not None
        records = {id: self._superstep.record(id) for id in ids}
        await _settled(records.values(), joins=joins)
        ended = {id: record.result() for id, record in records.items() if record.done()}
        known = {id: branch for id, branch in ended.items() if branch is not None and not branch.escalations}
        if len(known) < len(ended):
            return Needs({}, put_off=True)
        failed = [branch for branch in known.values() if not branch.ok]
        if joins or not failed:
            return Needs(known)
        # The cause itself, rather than one that was skipped for it.
        first = min(failed, key=lambda branch: branch.status == "skipped")
        put_off = first.ended_by in _PUT_OFF
        return Needs({}, None if put_off else first, put_off)

    async def wait(self) -> None:
        """Wait until each of the other branches has ended, or waits for a person as well."""
        self.leave()
        if self._superstep is not None:
            await self._superstep.settled.wait()

    def leave(self) -> None:
        """Note that the branch has ended, or waits for a person; once."""
        if self._superstep is None or self._left or not self._has_turn:
            return
        self._left = True
        self._superstep.leave(self._id, self.record)
