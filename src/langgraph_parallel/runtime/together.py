"""Branches that run at the same time, each in a task of its own."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from contextvars import Context
from typing import Any

from langgraph.errors import GraphBubbleUp


async def together(runs: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run nodes at the same time, each in a task; if one fails, end the others before its error is raised.

    Of several that fail at once, the error of the first in order is raised. One that only asks the run to
    stop or to wait does not end the others.
    """
    tasks = [asyncio.ensure_future(run) for run in runs]
    try:
        await _ended_or_failed(tasks)
        for error in filter(None, map(_failure, tasks)):
            raise error
        return [task.result() for task in tasks]
    finally:
        try:
            if unfinished := [task for task in tasks if not task.done()]:
                for task in unfinished:
                    task.cancel()
                await asyncio.wait(unfinished)
        finally:
            for task in tasks:  # asyncio reports an error that nobody has read
                if task.done() and not task.cancelled():
                    task.exception()
            tasks.clear()  # an error that is raised here holds this frame, and so would hold itself


async def _ended_or_failed(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    """Wait until all tasks have ended, or one has failed."""
    # `asyncio.wait` gives each task a context of its own to tell that it has ended.
    over, left, context = asyncio.get_running_loop().create_future(), len(tasks), Context()

    def ended(task: "asyncio.Task[Any]") -> None:
        nonlocal left
        left -= 1
        if not over.done() and (not left or _failure(task) is not None):
            over.set_result(None)

    for task in tasks:
        task.add_done_callback(ended, context=context)
    if tasks:
        await over


def _failure(task: "asyncio.Task[Any]") -> BaseException | None:
    """Return the error of a task that has failed; None if it has not, or only asks the run to stop."""
    error = task.exception() if task.done() and not task.cancelled() else None
    return None if isinstance(error, GraphBubbleUp) else error
