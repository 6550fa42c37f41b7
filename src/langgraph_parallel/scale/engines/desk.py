"""Rows that wait for workers: handed out when workers pull, and taken back from those that are slow.

A chunk is handed out in parts. It has one at first, unless it is large; when a worker has nothing to do and
no part waits, one that holds rows which it has not begun gives half of these back, as a further part.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.engine import Chunk, WorkerLost
from langgraph_parallel.scale.line.wire import MOST_OF_A_ROW, pack_rows
from langgraph_parallel.scale.rows import Row

_MOST_BYTES = 16_000_000
"""Of the rows of a part; a single row may have more."""
_ASK_AGAIN = 0.25
"""Seconds until workers that had nothing to give back are asked again."""
_NOTHING = {"part": 0, "rows": b""}
"""Answer to a worker that pulls, where there is nothing more to do."""


@dataclass(slots=True)
class _Handed:
    """A chunk whose `run` waits."""

    chunk: Chunk
    ended: asyncio.Future[str]
    parts: set[int] = field(default_factory=set)
    """Numbers of those that have not ended."""
    why: str = ""
    begun: list[str] = field(default_factory=list)
    """Keys of rows that ran when their worker died."""
    lost: str = ""
    """How a worker of it died; empty if none did."""


@dataclass(slots=True)
class _Part:
    """Rows of a chunk that one worker gets."""

    number: int
    handed: _Handed
    rows: Sequence[Row]
    packed: bytes
    worker: str = ""
    """Who has it; empty while it waits."""


class Desk:
    """Hands rows out; answers the ops `rows.take`, `rows.news` and `rows.back` of workers.

    Args:
        on_gone: called with a worker that is gone, and the numbers of the parts that it had. The engine calls
            `lost` for each in turn, once all that the worker had posted is delivered.
    """

    def __init__(self, on_gone: Callable[[str, Sequence[int]], None]) -> None:
        self._on_gone = on_gone
        self._last = 0
        self._closed = False
        self._parts: dict[int, _Part] = {}
        self._waiting: deque[_Part] = deque()
        self._idle: dict[str, asyncio.Future[_Part | None]] = {}
        self._news: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._stops: dict[str, list[int]] = {}
        self._asked: set[str] = set()
        self._again: asyncio.TimerHandle | None = None

    @property
    def taken(self) -> int:
        """Number of chunks of which workers have a part, and no part waits."""
        return len({id(part.handed) for part in self._parts.values()}) - len(
            {id(part.handed) for part in self._waiting}
        )

    async def run(self, chunk: Chunk) -> str:
        """Have the workers run a chunk; return why no more rows can be run, empty if they can.

        Raises:
            WorkerLost: a worker of it has died.
            UsageError: a row cannot travel, or the program cannot be loaded by the workers.
        """
        if self._closed:
            return ""
        handed = _Handed(chunk, asyncio.get_running_loop().create_future())
        for rows, packed in _portions(chunk.rows):
            self._add(handed, rows, packed)
        self._hand_out()
        try:
            return await handed.ended
        finally:
            self._forget(handed)

    def ended(self, number: int, why: str, problem: Exception | None) -> None:
        """Note that a part has ended: all of its results were delivered."""
        if (part := self._parts.pop(number, None)) is None:
            return  # of a chunk that was cancelled
        handed = part.handed
        handed.parts.discard(number)
        handed.why = handed.why or why
        if problem is not None:
            _fail(handed, problem)
        self._close_if_ended(handed)

    def lost(self, number: int, running: Sequence[str], how: str) -> None:
        """Note that a part has ended with its worker; what it had posted was delivered.

        Args:
            number: of the part.
            running: keys of the rows of it that ran.
            how: the worker has died.
        """
        if part := self._parts.pop(number, None):
            part.handed.parts.discard(number)
            part.handed.begun.extend(running)
            part.handed.lost = how
            self._close_if_ended(part.handed)

    def fail(self, problem: Exception) -> None:
        """End all chunks with an error, now and later."""
        for part in [*self._parts.values()]:
            _fail(part.handed, problem)

    def close(self) -> None:
        """Hand out no more: parts that wait end, and workers that pull get nothing."""
        self._closed = True
        for part in self._waiting:
            del self._parts[part.number]
            part.handed.parts.discard(part.number)
            self._close_if_ended(part.handed)
        self._waiting.clear()
        for pulled in self._idle.values():
            if not pulled.done():
                pulled.set_result(None)

    async def answer(self, worker: str, op: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a worker: the next part, news for it, or thanks for rows that it gives back."""
        if op == "rows.take":
            return await self._take(worker)
        if op == "rows.back":
            self._give_back(worker, data["part"], data["places"])
            return {}
        return await self._tell(worker)

    def worker_gone(self, worker: str) -> None:
        """Tell the engine which parts a worker had."""
        for waits in (self._idle.pop(worker, None), self._news.pop(worker, None)):
            if waits is not None:
                waits.cancel()
        self._asked.discard(worker)
        self._stops.pop(worker, None)
        self._on_gone(worker, [part.number for part in self._parts.values() if part.worker == worker])

    def keys(self, places: Iterable[tuple[int, int]]) -> dict[int, list[str]]:
        """Return the keys of rows, by part, that are given as parts and places in them."""
        keys: dict[int, list[str]] = {}
        for number, place in places:
            if (part := self._parts.get(number)) and place < len(part.rows):
                keys.setdefault(number, []).append(part.rows[place].key)
        return keys

    def _add(self, handed: _Handed, rows: Sequence[Row], packed: bytes, *, first: bool = False) -> None:
        self._last += 1
        part = self._parts[self._last] = _Part(self._last, handed, rows, packed)
        handed.parts.add(part.number)
        if first:
            self._waiting.appendleft(part)
        else:
            self._waiting.append(part)

    def _hand_out(self) -> None:
        """Give the parts that wait to workers that pull, those without any rows first."""
        starved = self._starved()
        for worker in [*starved, *(one for one in self._idle if one not in starved)]:
            if not self._waiting:
                break
            pulled = self._idle[worker]
            if not pulled.done():
                part = self._waiting.popleft()
                part.worker = worker
                pulled.set_result(part)

    def _starved(self) -> list[str]:
        """Return the workers that pull and have no rows."""
        busy = {part.worker for part in self._parts.values()}
        return [worker for worker in self._idle if worker not in busy]

    async def _take(self, worker: str) -> dict[str, Any]:
        if self._closed:
            return _NOTHING
        pulled = self._idle[worker] = asyncio.get_running_loop().create_future()
        self._hand_out()
        self._ask_back()
        try:
            part = await pulled
        finally:
            if self._idle.get(worker) is pulled:
                del self._idle[worker]
        return _NOTHING if part is None else {"part": part.number, "rows": part.packed}

    async def _tell(self, worker: str) -> dict[str, Any]:
        """Wait until there is news for a worker."""
        if stops := self._stops.pop(worker, None):
            return {"stop": stops}
        news: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._news[worker] = news
        self._ask_back()
        try:
            return await news
        finally:
            if self._news.get(worker) is news:
                del self._news[worker]

    def _ask_back(self) -> None:
        """Ask the worker that has most rows for those that it has not begun, if others have none."""
        if self._waiting or not self._starved():
            return
        held: dict[str, int] = {}
        for part in self._parts.values():
            if part.worker in self._news and part.worker not in self._asked:
                held[part.worker] = held.get(part.worker, 0) + len(part.rows)
        if held:
            worker = max(held, key=held.__getitem__)
            self._asked.add(worker)
            self._news.pop(worker).set_result({"back": True})
        if self._again is None:
            self._again = asyncio.get_running_loop().call_later(_ASK_AGAIN, self._forget_asked)

    def _forget_asked(self) -> None:
        self._again = None
        self._asked.clear()
        self._ask_back()

    def _give_back(self, worker: str, number: int, places: Sequence[int]) -> None:
        """Make a further part of rows that a worker has not begun."""
        part = self._parts.get(number)
        if part is None or part.worker != worker:
            return  # of a chunk that was cancelled
        rows = [part.rows[place] for place in places]
        self._asked.discard(worker)
        self._add(part.handed, rows, pack_rows(rows), first=True)
        if self._closed:
            self.close()
        self._hand_out()
        self._ask_back()

    def _close_if_ended(self, handed: _Handed) -> None:
        if handed.parts or handed.ended.done():
            return
        if handed.lost:
            handed.ended.set_exception(WorkerLost(handed.lost, handed.begun))
        else:
            handed.ended.set_result(handed.why)

    def _forget(self, handed: _Handed) -> None:
        """Stop what is left of a chunk that nobody waits for."""
        for number in handed.parts:
            part = self._parts.pop(number)
            if not part.worker:
                self._waiting.remove(part)
            elif part.worker in self._news:
                self._news.pop(part.worker).set_result({"stop": [number]})
            else:
                self._stops.setdefault(part.worker, []).append(number)
        handed.parts.clear()


def _fail(handed: _Handed, problem: Exception) -> None:
    if not handed.ended.done():
        handed.ended.set_exception(problem)


def _portions(rows: Sequence[Row]) -> Iterator[tuple[Sequence[Row], bytes]]:
    """Iterate over rows in portions that are not too large, with their bytes."""
    packed = pack_rows(rows)
    if len(rows) == 1 and len(packed) > MOST_OF_A_ROW:
        raise UsageError(
            f"row {rows[0].key!r} has {len(packed):,} bytes; at most {MOST_OF_A_ROW:,} can travel"
        )
    if len(packed) <= _MOST_BYTES or len(rows) == 1:
        yield rows, packed
        return
    half = len(rows) // 2
    yield from _portions(rows[:half])
    yield from _portions(rows[half:])
