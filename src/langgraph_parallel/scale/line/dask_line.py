"""The line of a Dask worker: through the scheduler, on the connection that the worker has anyway."""

import asyncio
from typing import TYPE_CHECKING, Any

from langgraph_parallel.scale.engine import LineEnded

if TYPE_CHECKING:
    from distributed import Worker

PACKAGE = "langgraph-parallel"
ASK = "langgraph_parallel_ask"
"""Handler of the scheduler that workers ask."""
DRIVE = "langgraph_parallel_drive"
"""Handler of the scheduler that drivers ask."""
EARLIER = " (earlier command)"
"""Follows the name of a worker that posts for a command whose driver is gone."""
_CLOSED = ("closing", "closing_gracefully", "closed", "failed")
"""States of a Dask worker that asks nothing any more."""
_CLOSING = "this worker of Dask is closing"


class DaskLine:
    """Asks the coordinator in the scheduler, from any event loop of the worker's process.

    Args:
        worker: the Dask worker, on whose event loop this is made.
        session: names the command.
    """

    def __init__(self, worker: "Worker", session: str) -> None:
        self._worker = worker
        self._session = session
        self._loop = asyncio.get_running_loop()

    async def ask(self, op: str, data: dict[str, object]) -> dict[str, Any]:
        """Ask, and wait for the answer.

        Raises:
            OSError: the scheduler is gone, or has been restarted; `LineEnded` if the worker is closing, with
                which all that it runs ends.
        """
        asking = self._ask(op, data)
        try:
            asked = asyncio.run_coroutine_threadsafe(asking, self._loop)
        except RuntimeError:
            asking.close()
            raise LineEnded(_CLOSING) from None  # the loop of the worker is closed
        return await asyncio.wrap_future(asked)

    async def _ask(self, op: str, data: dict[str, object]) -> dict[str, Any]:
        asked = getattr(self._worker.scheduler, ASK)
        try:
            answer = await asked(session=self._session, worker=self._worker.address, what=op, data=data)
        except (OSError, RuntimeError) as error:  # a pool of connections that is closed raises RuntimeError
            if self._worker.status.name in _CLOSED:
                raise LineEnded(_CLOSING) from error
            raise
        if not isinstance(answer, dict):  # a scheduler that was restarted knows no such handler
            raise ConnectionResetError("Dask's scheduler has been restarted")
        return answer
