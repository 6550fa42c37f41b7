"""A worker process: `python -m langgraph_parallel.scale.worker`, started by the engine of processes.

Its standard input says where the coordinator is, and who may ask it; the pipe stays open as long as the
parent lives. What the code of the rows prints goes to the parent's standard error.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
import traceback
from typing import Any

from langgraph_parallel.runtime.collecting import collect_seldom
from langgraph_parallel.scale.line.coordinator import GO
from langgraph_parallel.scale.line.marks import Marks
from langgraph_parallel.scale.line.threaded import Address, ThreadedLine
from langgraph_parallel.scale.line.wire import unpack_job
from langgraph_parallel.scale.pulling import Puller

_LAST_SECONDS = 0.5
"""Seconds that rows have to notice that their driver is gone, before the process ends."""


def main() -> None:
    """Run rows until the driver has no more, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides what an interrupt means
    given = json.loads(sys.stdin.readline())
    lifeline = _keep_stdin()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    sys.path[:] = given["path"]
    collect_seldom()
    status: object = 0
    try:
        asyncio.run(_work(given, lifeline))
    except SystemExit as ending:  # raised by the code of a row
        status = ending.code
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Functions that were cancelled may still run in threads; nobody wants their results.
    os._exit(status if isinstance(status, int) else int(status is not None))


async def _work(given: dict[str, Any], lifeline: int) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    puller: Puller | None = None

    def end() -> None:
        threading.Timer(_LAST_SECONDS, os._exit, [1]).start()
        loop.call_soon_threadsafe(task.cancel)

    def state() -> dict[str, Any]:
        return {} if puller is None else puller.state()

    def on_answer(answer: dict[str, Any]) -> None:
        if puller is not None and answer["control"] != GO:
            loop.call_soon_threadsafe(puller.follow, answer)

    line = ThreadedLine(
        Address(*given["address"]),
        worker=given["worker"],
        state=state,
        on_answer=on_answer,
        on_end=end,
        lifeline=lifeline,
    )
    with contextlib.suppress(OSError, asyncio.CancelledError):  # the driver is gone
        welcome = line.start()
        puller = Puller(unpack_job(welcome["job"]), line, Marks(given["marks"]), given["siblings"])
        puller.follow(welcome)
        await puller.run()
        line.close()


def _keep_stdin() -> int:
    """Return standard input under another number; code of the rows that reads it finds its end."""
    kept = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return kept


if __name__ == "__main__":
    main()
