"""The line of a Dask worker: through the scheduler, on the connection that the worker has anyway."""

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Worker

PACKAGE = "langgraph-parallel"
ASK = "langgraph_parallel_ask"
"""Handler of the scheduler that workers ask."""
DRIVE = "langgraph_parallel_drive"
"""Handler of the scheduler that drivers ask."""
EARLIER = " (earlier command)"
"""Follows the name of a worker that posts for a command whose driver is gone."""


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
            OSError: the scheduler is gone, or has been restarted.
        """
        asking = asyncio.run_coroutine_threadsafe(self._ask(op, data), self._loop)
        return await asyncio.wrap_future(asking)

    async def _ask(self, op: str, data: dict[str, object]) -> dict[str, Any]:
        asked = getattr(self._worker.scheduler, ASK)
        answer = await asked(session=self._session, worker=self._worker.address, what=op, data=data)
        if not isinstance(answer, dict):  # a scheduler that was restarted knows no such handler
            raise ConnectionResetError("Dask's scheduler has been restarted")
        return answer
