"""The requests by which a batch is created, found and read, repeated where that is safe."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from langgraph_parallel.runtime.batch.client import Client, NoBatchApi, is_certain, may_pass
from langgraph_parallel.runtime.batch.outcome import says_full
from langgraph_parallel.runtime.batch.settings import bounds
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.waits import retry_after

T = TypeVar("T")
Remote = Mapping[str, Any]
"""A batch, as the endpoint describes it."""
Wait = Callable[[float], Awaitable[None]]
ENDED = frozenset({"completed", "failed", "expired", "cancelled", "gone"})
_DOUBTED = 3
"""Answers in a row that a batch or file is not there, or may not be seen, until that is believed."""


class Unwanted(Exception):
    """A file is not uploaded, since not all of its calls wait any more."""


class Steps:
    """The requests of one batch.

    Args:
        client: of its endpoint and account.
        wait: waits until another batch has ended, at most for some seconds.
        is_wanted: whether all calls of the file still wait.
        may_exist: whether the endpoint may have the batch already.
    """

    def __init__(self, client: Client, wait: Wait, is_wanted: Callable[[], bool], *, may_exist: bool) -> None:
        self._client, self._wait, self._is_wanted = client, wait, is_wanted
        self.may_exist = may_exist
        """Whether the endpoint may have the batch, without the ledger knowing its id there."""
        self._given_up = False
        """Whether a creation of the batch was given up that may have come late."""
        self._doubts = 0
        """How often in a row the endpoint did not know the batch, or did not let us see it."""

    async def upload(self, id: str, content: bytes) -> str:
        """Upload the file of a batch; return its id.

        Raises:
            Unwanted: calls in it have gone in the meantime.
        """
        return await self._repeated(lambda: self._client.upload(f"{id}.jsonl", content), self._is_wanted)

    async def create(self, file: str, id: str) -> tuple[Remote | None, Exception]:
        """Create the batch; return None, and why, if it is not there for sure."""
        refused = 0
        while True:
            self.may_exist = True
            try:
                created = await self._client.create(file, id)
            except Exception as error:
                if not isinstance(error, NoBatchApi) and not is_certain(error):
                    return await self.reconcile(file, id, self._client.patience(error)), error
                self.may_exist = False
                if not (may_pass(error) or says_full(error)):
                    raise
                refused += 1
                await self._wait(pause_after(refused, error))
                if not self._is_wanted():
                    return None, error
            else:
                return await self._only_one(created, id) if self._given_up else created, Exception()

    async def reconcile(self, file: str, id: str, seconds: float) -> Remote | None:
        """Return the batch if the endpoint has it; else see to it that it cannot be created any more.

        Args:
            file: from which it may have been created.
            id: of the batch in the ledger.
            seconds: for which a creation may still be under way.
        """
        until, pause = time.monotonic() + seconds, bounds.first_pause
        found = await self._found(id)
        if found is None:  # a creation that is still under way finds no file then
            await self.forget(file)
        while found is None and (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, bounds.longest_pause)
            found = await self._found(id)
        self.may_exist = found is not None
        self._given_up = found is None
        return found

    async def forget(self, file: str) -> None:
        """Delete a file that no batch is to be created from, if it can be deleted."""
        with contextlib.suppress(Exception):
            await self._client.delete(file)

    async def look(self, remote: str) -> Remote | None:
        """Return the batch as it is now; None if the endpoint does not say, for a reason that may pass."""
        try:
            batch = await self._client.get(remote)
        except Exception as error:
            status = classify(error).status
            if may_pass(error):
                return None
            self._doubts += 1
            if status not in (401, 403, 404):
                raise
            if self._doubts < _DOUBTED:
                return None
            if status == 404:
                return {"status": "gone"}
            raise
        self._doubts = 0
        return {**batch, "status": str(batch.get("status"))}

    async def content(self, file: str, is_awaited: Callable[[], bool]) -> bytes:
        """Return the content of a file; nothing if it is gone.

        It is paid for: as long as a call waits for it, it is asked for as patiently as the batch itself.
        """
        failures = missing = 0
        while True:
            try:
                return await self._client.content(file)
            except Exception as error:
                missing += (is_missing := classify(error).status in (401, 403, 404))
                failures += 1
                if missing >= _DOUBTED and classify(error).status == 404:
                    return b""  # none of its lines says anything
                is_over = failures >= bounds.file_attempts and not is_awaited()
                if is_over or missing >= _DOUBTED or not (is_missing or may_pass(error)):
                    raise
                await asyncio.sleep(pause_after(failures, error))

    async def _found(self, id: str) -> Remote | None:
        return next(iter(await self._repeated(lambda: self._client.found(id))), None)

    async def _only_one(self, created: Remote, id: str) -> Remote:
        """Return the batch; if an earlier creation has come late as well, cancel one of the two."""
        with contextlib.suppress(Exception):
            twins = await self._repeated(lambda: self._client.found(id))
            kept = next((batch for batch in twins if batch.get("status") == "completed"), created)
            for batch in twins:
                if batch["id"] != kept["id"] and batch.get("status") not in ENDED:
                    await self._client.cancel(str(batch["id"]))
            return kept
        return created

    async def _repeated(
        self, ask: Callable[[], Awaitable[T]], is_wanted: Callable[[], bool] = lambda: True
    ) -> T:
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
                await asyncio.sleep(pause_after(refused + failures, error))
            if not is_wanted():
                raise Unwanted


def pause_after(failures: int, error: Exception | None) -> float:
    """Return the seconds to wait after a number of failures in a row."""
    asked = None if error is None else retry_after(error)
    backoff = min(bounds.longest_pause, bounds.first_pause * float(2 ** min(failures - 1, 16)))
    return max(asked or 0.0, backoff)
