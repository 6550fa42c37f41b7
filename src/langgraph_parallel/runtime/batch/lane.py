"""Lanes: the batch lane of one event loop. It gathers calls, and hands them to batches."""

import asyncio
import contextlib
import json
import time
import weakref
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.batch.claims import Claims, claims_of
from langgraph_parallel.runtime.batch.client import Client
from langgraph_parallel.runtime.batch.entries import Planned, Wanted
from langgraph_parallel.runtime.batch.files import Spilled
from langgraph_parallel.runtime.batch.flight import Flight
from langgraph_parallel.runtime.batch.item import Item
from langgraph_parallel.runtime.batch.ledger import Ledger
from langgraph_parallel.runtime.batch.owners import Owner
from langgraph_parallel.runtime.batch.place import explained
from langgraph_parallel.runtime.batch.settings import bounds, ledger_folder
from langgraph_parallel.runtime.batch.spill import due_items, spill_time
from langgraph_parallel.runtime.loops import close_with_loop, loop_local_async
from langgraph_parallel.runtime.run import Run


class Gathering:
    """Calls to one endpoint, account and model that are about to be sent together."""

    def __init__(self, client: Client, now: float) -> None:
        self.client, self.began, self.last = client, now, now
        self.items: list[Item] = []
        self.size = 0


class Lane:
    """The batch lane of one event loop.

    Args:
        ledger: on disk.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        with explained(ledger.folder):
            self._owner = Owner(ledger.folder)
        self.token = self._owner.token
        self._loop = asyncio.get_running_loop()
        self._gatherings: dict[Hashable, Gathering] = {}
        self._flights: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._releasing: set[asyncio.Future[None]] = set()
        self._runs: weakref.WeakKeyDictionary[Run, str] = weakref.WeakKeyDictionary()
        self._named = 0
        self._over: set[str] = set()
        """Runs that have ended."""
        self._landed = asyncio.Event()

    async def close(self) -> None:
        """Let others have what nobody has collected here."""
        await asyncio.sleep(0)  # for what has been given back, but not begun
        await asyncio.gather(*self._releasing, return_exceptions=True)
        self._owner.close()
        await asyncio.to_thread(self.ledger.close)

    def owner_of(self, run: Run) -> str:
        """Return what the ledger calls the outermost run around a call."""
        root = run.root
        if root not in self._runs:
            self._named += 1
            owner = self._runs[root] = f"{self.token}.{self._named}"
            claims = claims_of(root)
            claims.at_end.append(lambda whole: self.end(owner, collected=whole, thread=claims.thread))
        return self._runs[root]

    def end(self, owner: str, *, collected: bool, thread: str = "") -> None:
        """Give back what a run has claimed; forget the answers that it has collected."""
        self._over.add(owner)
        release = partial(self._release, owner, collected=collected, thread=thread)
        with contextlib.suppress(RuntimeError):  # the loop is closed, and the lane with it
            self._loop.call_soon_threadsafe(self._in_thread, release)

    def _in_thread(self, release: Callable[[], None]) -> None:
        # No task: `asyncio.run` cancels those that are left when the run has returned.
        releasing = self._loop.run_in_executor(None, release)
        self._releasing.add(releasing)
        releasing.add_done_callback(self._releasing.discard)

    def _release(self, owner: str, *, collected: bool, thread: str) -> None:
        # A ledger that cannot be written keeps what it has: answers to the same questions, for a week.
        with contextlib.suppress(UsageError):
            self.ledger.release(owner, collected=collected, thread=thread)

    def end_single(self, item: Item, run: Run) -> None:
        """Give back what a call has claimed that is in no run which ends."""
        if Claims not in run.root.kept:
            self.end(item.owner, collected=item.has_answer)

    def add(self, item: Item, client: Client, group: Hashable) -> None:
        """Gather a call.

        Args:
            item: the call.
            client: of its endpoint and account.
            group: of calls that may be in the same file.
        """
        now = self._loop.time()
        gathering = self._gatherings.get(group)
        if gathering is not None and gathering.size + len(item.body) > bounds.most_bytes:
            self._send(group)
            gathering = None
        if gathering is None:
            gathering = self._gatherings[group] = Gathering(client, now)
            self._loop.call_later(bounds.quiet, self._check, group, gathering)
        gathering.items.append(item)
        gathering.size += len(item.body)
        gathering.last = now
        if len(gathering.items) >= bounds.most_requests:
            self._send(group)

    async def dispatch(self, items: Iterable[Item], client: Client) -> None:
        """Let the ledger say what becomes of calls, and bring them there."""
        items = list(items)
        for item in due_items(items, time.monotonic()):
            item.fail(Spilled())
        items = [item for item in items if item.is_waiting]
        if not items:
            return
        await asyncio.gather(*self._releasing, return_exceptions=True)
        try:
            planned = await asyncio.to_thread(self._plan, items)
        except Exception as error:
            for item in items:
                item.fail(UsageError(str(error)) if isinstance(error, UsageError) else error)
            return
        for item, number in zip(items, planned.numbers, strict=True):
            item.number = number
        for place, answer in planned.answers.items():
            items[place].answer(json.loads(answer))
        for is_new, batches in ((False, planned.attached), (True, planned.new)):
            for id, places in batches.items():
                self._board(id, [items[place] for place in places], client, is_new=is_new)
        for owner in {item.owner for item in items} & self._over:
            self.end(owner, collected=False)

    async def until_room(self, seconds: float) -> None:
        """Wait until another batch has ended, at most for some seconds."""
        self._landed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._landed.wait()

    def renamed(self, before: str, flight: Flight) -> None:
        """Note that a flight has another id."""
        self._flights.pop(before, None)
        self._flights[flight.id] = flight

    def _plan(self, items: list[Item]) -> Planned:
        group = items[0].place
        wanted = [Wanted(item.key, item.owner, len(item.body), item.thread, item.number) for item in items]
        return self.ledger.plan(wanted, self.token, *group)

    def _board(self, id: str, items: list[Item], client: Client, *, is_new: bool) -> None:
        flight = self._flights.get(id)
        if flight is not None and flight.join(items):
            return
        flight = self._flights[id] = Flight(self, client, id, items, is_new=is_new)
        self._start(self._fly(flight))

    async def _fly(self, flight: Flight) -> None:
        try:
            await flight.run()
        finally:
            if self._flights.get(flight.id) is flight:
                del self._flights[flight.id]
            self._landed.set()
            if not self._flights and not self._gatherings:
                self._over.clear()

    def _check(self, group: Hashable, gathering: Gathering) -> None:
        """Send what was gathered, unless calls have come in the meantime."""
        if self._gatherings.get(group) is not gathering:
            return
        due = min(gathering.last + bounds.quiet, gathering.began + bounds.longest_gathering)
        if (spill := spill_time(gathering.items)) is not None:
            due = min(due, spill)
        if (now := self._loop.time()) >= due:
            self._send(group)
        else:
            self._loop.call_later(due - now, self._check, group, gathering)

    def _send(self, group: Hashable) -> None:
        gathering = self._gatherings.pop(group)
        self._start(self.dispatch(gathering.items, gathering.client))

    def _start(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def get_lane() -> Lane:
    """Return the batch lane of the running event loop; it is closed with the loop.

    Raises:
        UsageError: its ledger cannot be written.
    """
    return await loop_local_async(("batch lane", str(ledger_folder())), _open)


async def _open() -> Lane:
    lane = Lane(await asyncio.to_thread(Ledger, ledger_folder()))
    close_with_loop(lane.close)
    return lane
