"""The requests by which a batch is created, found and read, repeated where that is safe."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from langgraph_parallel.runtime.batch.client import Client, NoBatchApi, is_certain, may_pass
from langgraph_parallel.runtime.batch.settings import bounds
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.waits import retry_after

T = TypeVar("T")
Remote = Mapping[str, Any]
"""A batch, as the endpoint describes it."""
Wait = Callable[[float], Awaitable[None]]


class Steps:
    """The requests of one batch.

    Args:
        client: of its endpoint and account.
        wait: waits until another batch has ended, at most for some seconds.
        may_exist: whether the endpoint may have the batch already.
    """

    def __init__(self, client: Client, wait: Wait, *, may_exist: bool) -> None:
        self._client, self._wait = client, wait
        self.may_exist = may_exist
        """Whether the endpoint may have the batch, without the ledger knowing its id there."""

    async def upload(self, id: str, content: bytes) -> str:
        """Upload the file of a batch; return its id."""
        return await self._repeated(lambda: self._client.upload(f"{id}.jsonl", content))

    async def create(self, file: str, id: str) -> tuple[Remote | None, Exception]:
        """Create the batch; return None, and why, if it is not there for sure, nor its file."""
        refused = 0
        while True:
            self.may_exist = True
            try:
                return await self._client.create(file, id), Exception()
            except Exception as error:
                if isinstance(error, NoBatchApi) or (is_certain(error) and not may_pass(error)):
                    self.may_exist = False
                    raise
                if not is_certain(error):
                    return await self.reconcile(file, id), error
                refused += 1
                await self._wait(pause_after(refused, error))

    async def reconcile(self, file: str, id: str) -> Remote | None:
        """Return the batch if the endpoint has it; else see to it that it cannot be created any more."""
        found = await self._repeated(lambda: self._client.found(id))
        if found is None:
            # A creation that is still under way finds no file then.
            with contextlib.suppress(Exception):
                await self._client.delete(file)
            await asyncio.sleep(bounds.first_pause)
            found = await self._repeated(lambda: self._client.found(id))
        self.may_exist = found is not None
        return found

    async def content(self, file: str) -> bytes:
        """Return the content of a file; nothing if it is gone."""
        try:
            return await self._repeated(lambda: self._client.content(file))
        except Exception as error:
            if classify(error).status == 404:  # the file is gone: none of its lines says anything
                return b""
            raise

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
                await asyncio.sleep(pause_after(refused + failures, error))


def pause_after(failures: int, error: Exception | None) -> float:
    """Return the seconds to wait after a number of failures in a row."""
    asked = None if error is None else retry_after(error)
    backoff = min(bounds.longest_pause, bounds.first_pause * float(2 ** min(failures - 1, 16)))
    return max(asked or 0.0, backoff)
