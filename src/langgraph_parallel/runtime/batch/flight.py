"""Flights: one batch, from its file to the calls that wait for its lines."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from langgraph_parallel.runtime.batch.client import Client, NoBatchApi, is_certain, may_pass
from langgraph_parallel.runtime.batch.files import Spilled, make_line
from langgraph_parallel.runtime.batch.item import Item
from langgraph_parallel.runtime.batch.ledger import Ledger
from langgraph_parallel.runtime.batch.outcome import Outcome, anew, is_full, read_outcome, refusals
from langgraph_parallel.runtime.batch.settings import bounds
from langgraph_parallel.runtime.batch.spill import spill_time
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.waits import retry_after

T = TypeVar("T")
Remote = Mapping[str, Any]
"""A batch, as the endpoint describes it."""
_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_SLOWER = 4 / 3
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
        self._may_exist = not is_new
        """Whether the endpoint may have the batch, without the ledger knowing its id there."""
        self._spilled = False
        self._refused = 0
        """How often the endpoint had no room for it."""
        self._submitted = 0.0
        self._remote = ""
        self._changed = asyncio.Event()

    def join(self, items: Iterable[Item]) -> None:
        """Let further calls wait for the batch."""
        added = {item.custom_id: item for item in items}
        self._items |= added
        if self._remote:
            self._tell(added.values())
        self._changed.set()

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
            if not self._may_exist and not self._remote:
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
        await self._station.dispatch(list(items), self._client)

    async def _submit(self) -> bool:
        """Upload the file and create the batch; return False if no call waits for it any more."""
        ledger, failures = self._station.ledger, 0
        if not self._content:
            self._order = [item.custom_id for item in self._waiting()]
            self._content = b"".join(make_line(id, self._items[id].body) for id in self._order)
        while self._waiting():
            file = await self._repeated(lambda: self._client.upload(f"{self.id}.jsonl", self._content))
            await asyncio.to_thread(ledger.creating, self.id, file)
            remote, error = await self._create(file)
            if remote is not None:
                await self._note(remote)
                return True
            await asyncio.to_thread(ledger.replanned, self.id)
            failures += 1
            if failures >= bounds.file_attempts:
                raise error
            await asyncio.sleep(_pause_after(failures, error))
        await asyncio.to_thread(ledger.read, self.id, "cancelled", ())
        return False

    async def _create(self, file: str) -> tuple[Remote | None, Exception]:
        """Create the batch; return None, and why, if it is not there for sure, nor its file."""
        refused = 0
        while True:
            self._may_exist = True
            try:
                return await self._client.create(file, self.id), Exception()
            except Exception as error:
                if isinstance(error, NoBatchApi) or (is_certain(error) and not may_pass(error)):
                    self._may_exist = False
                    raise
                if not is_certain(error):
                    return await self._reconcile(file), error
                refused += 1
                await self._station.until_room(_pause_after(refused, error))

    async def _reconcile(self, file: str) -> Remote | None:
        """Return the batch if the endpoint has it; else see to it that it cannot be created any more."""
        found = await self._repeated(lambda: self._client.found(self.id))
        if found is None:
            # A creation that is still under way finds no file then.
            with contextlib.suppress(Exception):
                await self._client.delete(file)
            await asyncio.sleep(bounds.first_pause)
            found = await self._repeated(lambda: self._client.found(self.id))
        self._may_exist = found is not None
        return found

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
            found = await self._reconcile(listed.file) if listed.state == "creating" else None
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
            if may_pass(error):
                return None
            raise
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
        await self._station.until_room(_pause_after(self._refused, None))
        return await self._submit()

    async def _read(self, remote: Remote) -> None:
        """Write down what the batch has answered, then hand it to the calls."""
        status, texts = remote["status"], list[bytes]()
        for name in ("output_file_id", "error_file_id"):
            if file := remote.get(name):
                texts.append(await self._content_of(str(file)))
        outcome = await asyncio.to_thread(read_outcome, texts, str(status))
        await asyncio.to_thread(self._station.ledger.read, self.id, str(status), outcome.answers)
        refused = refusals(remote, self._order) if status == "failed" else None
        again = [
            item
            for item in self._items.values()
            if not self._settle(item, outcome, refused) and item.is_waiting
        ]
        if again:
            await self._again(again)

    async def _content_of(self, file: str) -> bytes:
        try:
            return await self._repeated(lambda: self._client.content(file))
        except Exception as error:
            if classify(error).status == 404:  # the file is gone: none of its lines says anything
                return b""
            raise

    def _settle(self, item: Item, outcome: Outcome, refused: Callable[[str], Exception] | None) -> bool:
        """Hand a call what the batch says of it; return False if the call is to be submitted once more."""
        body = outcome.bodies.get(item.custom_id)
        if body is not None and item.future.done() and self._spilled and item.deadline is not None:
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

    async def _repeated(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Make a request that may be repeated, until it succeeds or fails for good."""
        failures = refused = 0
        while True:
            try:
                return await ask()
            except Exception as error:
                if not may_pass(error):
                    raise
                later = classify(error).says_later
                refused, failures = refused + later, failures + (not later)
                if failures >= bounds.file_attempts:
                    raise
                await asyncio.sleep(_pause_after(refused + failures, error))


def _pause_after(failures: int, error: Exception | None) -> float:
    """Return the seconds to wait after a number of failures in a row."""
    asked = None if error is None else retry_after(error)
    backoff = min(bounds.longest_pause, bounds.first_pause * float(2 ** min(failures - 1, 16)))
    return max(asked or 0.0, backoff)
