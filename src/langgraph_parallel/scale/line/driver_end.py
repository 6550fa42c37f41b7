"""The driver's end of the line: a coordinator and its server, and the results that come in."""

import asyncio
from collections.abc import Callable

from langgraph_parallel.scale.engine import Deliver, Job
from langgraph_parallel.scale.line.coordinator import Coordinator, Keeper
from langgraph_parallel.scale.line.tcp import LineServer
from langgraph_parallel.scale.line.threaded import Address
from langgraph_parallel.scale.line.wire import unpack_results

_LONGEST_WAIT = 60.0
"""Seconds after which the mailbox is looked at again, though nothing was posted."""


class DriverEnd:
    """Delivers what workers post, in order.

    Args:
        job: of the command.
        deliver: takes results.
        rows: keeper of the rows that workers pull; None where they are given chunks.
        on_ended: called with the number of a part that has ended, why no more rows can be run, and the
            problem with it, after its results were delivered.
        on_failure: called with an error of `deliver`, after which nothing is delivered any more.
        host: address that workers connect to.
    """

    def __init__(
        self,
        job: Job,
        deliver: Deliver,
        *,
        rows: Keeper | None = None,
        on_ended: Callable[[int, str, str], None] = lambda *_: None,
        on_failure: Callable[[Exception], None] = lambda _: None,
        host: str = "127.0.0.1",
    ) -> None:
        self.coordinator = Coordinator(job, rows=rows)
        self.server = LineServer(self.coordinator, host=host)
        self._deliver = deliver
        self._on_ended = on_ended
        self._on_failure = on_failure
        self._read_up_to = 0
        self._failure: Exception | None = None
        self._has_read = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> Address:
        """Listen; return what workers have to know.

        Raises:
            UsageError: the host is not an address of this machine.
        """
        await self.server.start()
        self._reading = asyncio.create_task(self._read())
        return Address(self.server.host, self.server.port, self.server.token)

    async def wait_for(self, number: int) -> None:
        """Wait until what was posted with a number is delivered.

        Raises:
            Exception: that of `deliver`, if it has failed.
        """
        async with self._has_read:
            await self._has_read.wait_for(lambda: self._failure or self._read_up_to >= number)
        if self._failure is not None:
            raise self._failure

    async def close(self, grace: float = 0.0) -> None:
        """Hang up on all workers, and deliver nothing more.

        Args:
            grace: seconds that workers have to hang up by themselves, because they were told to.
        """
        await self.server.close(grace)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        mailbox = self.coordinator.mailbox
        try:
            while True:
                for posted in await mailbox.read(self._read_up_to, _LONGEST_WAIT):
                    if posted.size:
                        await self._deliver(unpack_results(posted.results, posted.worker))
                    self._read_up_to = posted.number
                    for number, why, problem in posted.ended:
                        self._on_ended(number, why, problem)
                async with self._has_read:
                    self._has_read.notify_all()
        except Exception as error:  # of the sink: whoever waits for a chunk is to hear of it
            self._failure = error
            self._on_failure(error)
            async with self._has_read:
                self._has_read.notify_all()
