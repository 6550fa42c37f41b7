"""Branches that run at the same time, each in a task of its own."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from langgraph.errors import GraphBubbleUp


async def together(runs: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run nodes at the same time, each in a task; if one fails, end the others before its error is raised.

    Of several that fail at once, the error of the first in order is raised. One that only asks the run to
    stop or to wait does not end the others.
    """
    tasks = [asyncio.ensure_future(run) for run in runs]
    try:
        left: set[asyncio.Future[Any]] = set(tasks)
        while left:
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_EXCEPTION)
            ended = [task for task in tasks if task in done and not task.cancelled()]
            errors = [error for task in ended if (error := task.exception())]
            if failed := [error for error in errors if not isinstance(error, GraphBubbleUp)]:
                raise failed[0]
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
