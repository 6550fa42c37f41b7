"""What Dask's workers run: tasks, each with a part of a chunk, which they hand to the host of the job."""

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from langgraph_parallel.runtime.collecting import collect_seldom
from langgraph_parallel.scale.engines.dask_host import Host
from langgraph_parallel.scale.line.coordinator import GONE
from langgraph_parallel.scale.line.dask_line import DaskLine

if TYPE_CHECKING:
    from distributed import Worker

_hosts: dict[tuple[str, str], "asyncio.Task[Host | None]"] = {}
"""By the worker's address and the session; two workers may be in one process."""


async def run_part(session: str, part: int, key: Sequence[str], rows: bytes) -> None:
    """Run rows, as a task of Dask; what becomes of them is told over the line.

    Args:
        session: names the command.
        part: number of the part; the scheduler lets no other worker begin it again.
        key: that of the task.
        rows: as `pack_rows` made them.
    """
    from distributed import get_worker

    worker = get_worker()
    begun = time.time()

    def secede() -> None:
        _secede(worker, tuple(key), time.time() - begun)

    with contextlib.suppress(OSError):  # the scheduler has gone, and the worker goes with it
        if host := await _host_of(worker, session):
            await host.run(part, rows, secede)


def _secede(worker: "Worker", key: tuple[str, ...], seconds: float) -> None:
    """Let the worker begin its next task: this one has begun all of its rows, and waits for their end."""
    from distributed.worker_state_machine import SecedeEvent

    event = SecedeEvent(key=key, compute_duration=seconds, stimulus_id=f"rows-begun-{time.time()}")
    worker.handle_stimulus(event)


async def _host_of(worker: "Worker", session: str) -> Host | None:
    """Return the host of a session in this worker; None if the session has ended."""
    name = (worker.address, session)
    if name not in _hosts:
        _hosts[name] = asyncio.create_task(_open_host(worker, session))
    try:
        host = await asyncio.shield(_hosts[name])
    except OSError:
        _hosts.pop(name, None)
        raise
    if host is None:
        _hosts.pop(name, None)
    return host


async def _open_host(worker: "Worker", session: str) -> Host | None:
    line = DaskLine(worker, session)
    answer = await line.ask("hello", {})
    if answer["control"] == GONE:
        return None
    return Host(line, answer, on_close=lambda: _hosts.pop((worker.address, session), None))


def dask_setup(worker: "Worker") -> None:
    """Set up a worker that the driver has started: it collects seldom; an interrupt is for the driver."""
    collect_seldom()
    logging.getLogger("distributed.worker").addFilter(is_news)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def is_news(record: logging.LogRecord) -> bool:
    """Return whether a log record of a worker says more than that the scheduler has gone.

    A worker that hears of it between two beats ends in silence; in the middle of one it logs an error with
    its traceback, also at the end of a run where all is well. What it means for a run the driver says.
    """
    return not record.getMessage().startswith("Failed to communicate with scheduler during heartbeat")
