"""Flights: one batch, from its file to the calls that wait for its lines."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable

from langgraph_parallel.runtime.batch.client import Client
from langgraph_parallel.runtime.batch.files import Spilled, make_line
from langgraph_parallel.runtime.batch.item import Item
from langgraph_parallel.runtime.batch.outcome import Outcome, Refusal, anew, is_full, read_outcome, refusals
from langgraph_parallel.runtime.batch.settings import bounds
from langgraph_parallel.runtime.batch.spill import due_items, settled_by, spill_time
from langgraph_parallel.runtime.batch.station import Station
from langgraph_parallel.runtime.batch.steps import ENDED, Remote, Steps, Unwanted, pause_after

_SLOWER = 4 / 3
_FIRST_LOOK, _LOOKS = 0.1, 10
"""At a batch that is being cancelled for a deadline: the first pause in seconds, doubled each time, and how
many of the longest fit into the time to settle."""


class Flight:
    """One batch.

    Args:
        station: its lane.
        client: of its endpoint and account.
        id: in the ledger.
        items: that wait for it, in the order of their lines.
        is_new: whether it is to be submitted; else an earlier process, or another one, may have done so.
    """

    def __init__(
        self, station: Station, client: Client, id: str, items: Iterable[Item], *, is_new: bool
    ) -> None:
        self._station, self._client, self.id, self._is_new = station, client, id, is_new
        self._items = {item.custom_id: item for item in items}
        self._order: list[str] = []
        """The lines of the file, by their ids."""
        self._lines: dict[str, bytes] = {}
        """Those that may have to be sent once more."""
        self._steps = Steps(client, station.until_room, self._is_whole, may_exist=not is_new)
        self._landed = False
        self._has_left = False
        """Whether calls have gone live whose answers may still come."""
        self._is_cancelled = False
        """Whether the batch was cancelled for a deadline."""
        self._refused = 0
        """How often the endpoint had no room for it."""
        self._submitted = 0.0
        self._remote = ""
        self._changed = asyncio.Event()

    def join(self, items: Iterable[Item]) -> bool:
        """Let further calls wait for the batch; return False if it has landed, so that they ask anew."""
        if self._landed:
            return False
        added = {item.custom_id: item for item in items}
        self._items |= added
        if self._remote:
            self._tell(added.values())
        self._changed.set()
        return True

    async def run(self) -> None:
        """Bring the batch to its end, and every call to its answer."""
        try:
            async with self._hurrying():
                if not await (self._submit() if self._is_new else self._take_over()):
                    await self._again(self._waiting())
                    return
            while (remote := await self._until_ended()) is not None:
                async with self._hurrying():
                    if not (remote["status"] == "failed" and is_full(remote) and await self._renew()):
                        await self._read(remote)
                        return
        except Exception as error:
            self._landed = True
            if not self._steps.may_exist and not self._remote:
                with contextlib.suppress(Exception):
                    await asyncio.to_thread(self._station.ledger.read, self.id, "failed", ())
            for item in self._waiting():
                item.fail(anew(error))

    @contextlib.asynccontextmanager
    async def _hurrying(self) -> AsyncIterator[None]:
        """Take the calls out meanwhile that have to go live, although the batch is not there, or not read."""
        hurry = asyncio.create_task(self._hurry(settled_by(self._waiting(), time.monotonic())))
        try:
            yield
        finally:
            hurry.cancel()

    async def _hurry(self, not_before: float) -> None:
        while True:
            if (spill := spill_time(self._waiting())) is None:
                self._changed.clear()
                await self._changed.wait()
                continue
            await self._sleep(max(spill, not_before) - time.monotonic())
            if (now := time.monotonic()) >= not_before:
                self._let_go(due_items(self._waiting(), now))

    def _let_go(self, items: Iterable[Item]) -> None:
        for item in items:
            self._has_left = item.has_left = True
            item.fail(Spilled())

    def _waiting(self) -> list[Item]:
        return [item for item in self._items.values() if item.is_waiting]

    def _is_whole(self) -> bool:
        return all(self._items[id].is_waiting for id in self._order)

    async def _again(self, items: Iterable[Item]) -> None:
        self._landed = True
        await self._station.dispatch(list(items), self._client)

    async def _submit(self) -> bool:
        """Upload the file and create the batch; return False if no call waits for it any more.

        Calls that have gone meanwhile are left out of the file, and would be paid for otherwise.
        """
        ledger, failures, file = self._station.ledger, 0, ""
        while waiting := self._waiting():
            self._lines |= {
                item.custom_id: make_line(item.custom_id, item.body)
                for item in waiting
                if item.custom_id not in self._lines
            }
            self._order = [item.custom_id for item in waiting]
            try:
                file = await self._steps.upload(self.id, b"".join(map(self._lines.__getitem__, self._order)))
            except Unwanted:
                continue
            if not self._is_whole():
                await self._steps.forget(file)
                continue
            await asyncio.to_thread(ledger.creating, self.id, file)
            remote, error = await self._steps.create(file, self.id)
            if remote is not None:
                await self._note(remote)
                return True
            await asyncio.to_thread(ledger.replanned, self.id)
            if not self._is_whole():
                await self._steps.forget(file)
                continue
            failures += 1
            if failures >= bounds.file_attempts:
                raise error
            await asyncio.sleep(pause_after(failures, error))
        await asyncio.to_thread(ledger.read, self.id, "cancelled", ())
        return False

    async def _take_over(self) -> bool:
        """Find a batch of an earlier process, or of another; return False if it has to be planned anew."""
        pause, ledger = bounds.first_poll, self._station.ledger
        while self._waiting():
            listed = await asyncio.to_thread(ledger.adopt, self.id, self._station.token)
            if listed is None or listed.state == "read":
                return False
            if listed.state == "submitted":
                self._remote, self._submitted = listed.remote, listed.submitted
                self._tell(self._items.values())
                return True
            if listed.lane != self._station.token:  # another process is about to submit it
                await asyncio.sleep(pause)
                pause = min(pause * _SLOWER, bounds.longest_poll)
                continue
            found = None
            if listed.state == "creating":
                found = await self._steps.reconcile(listed.file, self.id, bounds.late_creation)
            if found is None:
                await asyncio.to_thread(ledger.dissolve, self.id)
                return False
            await self._note(found)
            return True
        return False

    async def _note(self, remote: Remote) -> None:
        self._remote, self._submitted = str(remote["id"]), time.time()
        await asyncio.to_thread(self._station.ledger.submitted, self.id, self._remote)
        self._tell(self._items.values())

    def _tell(self, items: Iterable[Item]) -> None:
        for item in items:
            if self._is_new:
                item.body = b""
            if item.is_waiting:
                item.remote = self._remote
                item.told(self._remote, len(self._items), self._submitted)

    async def _until_ended(self) -> Remote | None:
        """Return the batch once it has ended; None if nobody waits for it any more."""
        pause, status = bounds.first_poll if self._is_new else 0.0, ""
        if self._has_left and not self._waiting():
            with contextlib.suppress(Exception):
                await self._client.cancel(self._remote)
        while self._waiting() or self._has_left:
            spill = spill_time(self._waiting())
            await self._sleep(pause if spill is None else min(pause, spill - time.monotonic()))
            if due := due_items(self._waiting(), time.monotonic()):
                if (ended := await self._spill(due)) is not None:
                    return ended
                continue
            remote = await self._steps.look(self._remote)
            if remote is not None and remote["status"] in ENDED:
                return remote
            if remote is not None and remote["status"] != status:
                status = str(remote["status"])
                await asyncio.to_thread(self._station.ledger.noted, self.id, status)
                if status != "validating":
                    self._lines.clear()
            pause = min(max(pause, bounds.first_poll) * _SLOWER, bounds.longest_poll)
        return None

    async def _sleep(self, seconds: float) -> None:
        """Wait, at most until another call has joined."""
        if seconds <= 0:
            return
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def _spill(self, due: list[Item]) -> Remote | None:
        """Take the calls out that have to go live; return the batch if it says in time what it has answered.

        It is cancelled, unless other calls still have the time to wait for it.
        """
        ended = None
        if len(due) == len(self._waiting()):
            self._is_cancelled = True
            with contextlib.suppress(Exception):  # TimeoutError, and what the endpoint says
                async with asyncio.timeout(settled_by(due, now := time.monotonic()) - now):
                    ended = await self._cancel()
        if ended is None:
            self._let_go(due)
        return ended

    async def _cancel(self) -> Remote:
        """Cancel the batch, and wait until it has ended."""
        pause = _FIRST_LOOK
        with contextlib.suppress(Exception):
            await self._client.cancel(self._remote)
        while True:
            remote = await self._steps.look(self._remote)
            if remote is not None and remote["status"] in ENDED:
                return remote
            await asyncio.sleep(min(pause, bounds.settle / _LOOKS))
            pause *= 2

    async def _renew(self) -> bool:
        """Create a batch again that the endpoint had no room for, once it may have; return whether it was."""
        if not self._lines or not self._waiting():
            return False
        before = self.id
        self.id = await asyncio.to_thread(self._station.ledger.renewed, before)
        self._station.renamed(before, self)
        self._remote = ""
        self._refused += 1
        await self._station.until_room(pause_after(self._refused, None))
        return await self._submit()

    async def _read(self, remote: Remote) -> None:
        """Write down what the batch has answered, then hand it to the calls."""
        status, texts = remote["status"], list[bytes]()
        for name in ("output_file_id", "error_file_id"):
            if file := remote.get(name):
                texts.append(await self._steps.content(str(file), lambda: bool(self._waiting())))
        outcome = await asyncio.to_thread(read_outcome, texts, str(status))
        await asyncio.to_thread(self._station.ledger.read, self.id, str(status), outcome.answers)
        refused = refusals(remote, self._order) if status == "failed" else None
        if status == "failed" and is_full(remote) and self._waiting():  # it had begun, and keeps no lines
            await self._station.until_room(bounds.longest_pause)
        self._landed = True
        again = [
            item
            for item in self._items.values()
            if not self._settle(item, outcome, refused or outcome.refusal) and item.is_waiting
        ]
        if again:
            await self._again(again)

    def _settle(self, item: Item, outcome: Outcome, refused: Callable[[str], Refusal]) -> bool:
        """Hand a call what the batch says of it; return False if the call is to be submitted once more."""
        body = outcome.bodies.get(item.custom_id)
        if not item.is_waiting:
            item.late(body)
        elif body is not None:
            item.answer(body)
        elif self._is_cancelled and item.deadline is not None:
            item.fail(Spilled())
        elif not self._is_new or self._is_cancelled:
            return False  # what an earlier process was refused is asked again
        else:
            error, item.is_own = refused(item.custom_id)
            item.fail(error)
        return True
