"""Flights: one batch, from its file to the calls that wait for its lines."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from langgraph_parallel.runtime.batch.client import Client, may_pass
from langgraph_parallel.runtime.batch.files import Spilled, make_line
from langgraph_parallel.runtime.batch.item import Item
from langgraph_parallel.runtime.batch.ledger import Ledger
from langgraph_parallel.runtime.batch.outcome import Outcome, anew, is_full, read_outcome, refusals
from langgraph_parallel.runtime.batch.settings import bounds
from langgraph_parallel.runtime.batch.spill import spill_time
from langgraph_parallel.runtime.batch.steps import Remote, Steps, pause_after
from langgraph_parallel.runtime.failure import classify

_ENDED = frozenset({"completed", "failed", "expired", "cancelled", "gone"})
_SLOWER = 4 / 3
_GONE_AFTER = 3
_LOOKS = 10
"""At a batch that is being cancelled for a deadline, in the time that it is given."""


class Station(Protocol):
    """What a flight needs of its lane."""

    ledger: Ledger
    token: str

    async def dispatch(self, items: Iterable[Item], client: Client) -> None:
        """Plan requests anew: they are known to the ledger, or go into a new batch."""
        ...

    async def until_room(self, seconds: float) -> None:
        """Wait until another batch has ended, at most for some seconds."""
        ...

    def renamed(self, before: str, flight: "Flight") -> None:
        """Note that a flight has another id."""
        ...


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
        self._content = b""
        self._steps = Steps(client, station.until_room, may_exist=not is_new)
        self._spilled = self._landed = False
        self._gone = 0
        """How often in a row the endpoint did not know the batch."""
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
        hurry = asyncio.create_task(self._hurry())
        try:
            if not await (self._submit() if self._is_new else self._take_over()):
                await self._again(self._waiting())
                return
            while (remote := await self._until_ended()) is not None:
                if not (remote["status"] == "failed" and is_full(remote) and await self._renew()):
                    await self._read(remote)
                    return
        except Exception as error:
            if not self._steps.may_exist and not self._remote:
                with contextlib.suppress(Exception):
                    await asyncio.to_thread(self._station.ledger.read, self.id, "failed", ())
            for item in self._waiting():
                item.fail(anew(error))
        finally:
            hurry.cancel()

    async def _hurry(self) -> None:
        """Take the calls out that have to go live before the batch is even submitted."""
        while (spill := spill_time(self._waiting())) is not None and not self._remote:
            await self._sleep(spill - time.monotonic())
            if time.monotonic() >= spill and not self._remote:
                self._spilled = True
                self._let_go()

    def _let_go(self) -> None:
        for item in self._waiting():
            if item.deadline is not None:
                item.fail(Spilled())

    def _waiting(self) -> list[Item]:
        return [item for item in self._items.values() if item.is_waiting]

    async def _again(self, items: Iterable[Item]) -> None:
        self._landed = True
        await self._station.dispatch(list(items), self._client)

    async def _submit(self) -> bool:
        """Upload the file and create the batch; return False if no call waits for it any more."""
        ledger, failures = self._station.ledger, 0
        if not self._content:
            self._order = [item.custom_id for item in self._waiting()]
            self._content = b"".join(make_line(id, self._items[id].body) for id in self._order)
        while self._waiting():
            file = await self._steps.upload(self.id, self._content)
            await asyncio.to_thread(ledger.creating, self.id, file)
            remote, error = await self._steps.create(file, self.id)
            if remote is not None:
                await self._note(remote)
                return True
            await asyncio.to_thread(ledger.replanned, self.id)
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
            found = await self._steps.reconcile(listed.file, self.id) if listed.state == "creating" else None
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
                item.told(self._remote, len(self._items), self._submitted)

    async def _until_ended(self) -> Remote | None:
        """Return the batch once it has ended; None if nobody waits for it any more."""
        pause = bounds.first_poll if self._is_new else 0.0
        status = ""
        if self._spilled and not self._waiting():
            with contextlib.suppress(Exception):
                await self._client.cancel(self._remote)
        while self._waiting() or self._spilled:
            spill = None if self._spilled else spill_time(self._waiting())
            await self._sleep(pause if spill is None else min(pause, spill - time.monotonic()))
            if spill is not None and time.monotonic() >= spill:
                if (ended := await self._spill()) is not None:
                    return ended
                continue
            remote = await self._look()
            if remote is not None and remote["status"] in _ENDED:
                return remote
            if remote is not None and remote["status"] != status:
                status = str(remote["status"])
                await asyncio.to_thread(self._station.ledger.noted, self.id, status)
                if status != "validating":
                    self._content = b""
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

    async def _look(self) -> Remote | None:
        """Return the batch as it is now; None if the endpoint does not say, for a reason that may pass."""
        try:
            remote = await self._client.get(self._remote)
        except Exception as error:
            self._gone += classify(error).status == 404
            if self._gone >= _GONE_AFTER:
                return {"status": "gone"}
            if self._gone or may_pass(error):
                return None
            raise
        self._gone = 0
        return {**remote, "status": str(remote.get("status"))}

    async def _spill(self) -> Remote | None:
        """Take the calls out that have to go live; return the batch if it says in time what it has answered.

        It is cancelled, unless calls without a deadline wait for it as well.
        """
        self._spilled = True
        if all(item.deadline is not None for item in self._waiting()):
            with contextlib.suppress(Exception):
                await self._client.cancel(self._remote)
            looks_until = time.monotonic() + bounds.settle
            while time.monotonic() < looks_until:
                remote = await self._look()
                if remote is not None and remote["status"] in _ENDED:
                    return remote
                await asyncio.sleep(bounds.settle / _LOOKS)
        self._let_go()
        return None

    async def _renew(self) -> bool:
        """Create a batch again that the endpoint had no room for, once it may have; return whether it was."""
        if not self._content:
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
                texts.append(await self._steps.content(str(file)))
        outcome = await asyncio.to_thread(read_outcome, texts, str(status))
        await asyncio.to_thread(self._station.ledger.read, self.id, str(status), outcome.answers)
        refused = refusals(remote, self._order) if status == "failed" else None
        self._landed = True
        again = [
            item
            for item in self._items.values()
            if not self._settle(item, outcome, refused) and item.is_waiting
        ]
        if again:
            await self._again(again)

    def _settle(self, item: Item, outcome: Outcome, refused: Callable[[str], Exception] | None) -> bool:
        """Hand a call what the batch says of it; return False if the call is to be submitted once more."""
        body = outcome.bodies.get(item.custom_id)
        if body is not None and not item.is_waiting:
            item.late(body)
        elif body is not None:
            item.answer(body)
        elif self._spilled and item.deadline is not None:
            item.fail(Spilled())
        elif not self._is_new:
            return False  # what an earlier process was refused is asked again
        else:
            item.fail(refused(item.custom_id) if refused else outcome.error(item.custom_id))
        return True
