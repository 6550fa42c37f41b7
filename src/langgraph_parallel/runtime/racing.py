"""Requests that race for the same answer."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

AnswerT = TypeVar("AnswerT")


async def first_answer(racing: Sequence["asyncio.Task[AnswerT]"]) -> AnswerT:
    """Return the first answer of several requests; if all fail, raise the error of the first request.

    Of those that are answered in the same turn of the loop, the first in the order of the requests wins.

    One that fails does not end the race: the other may still be answered.
    """
    running = set(racing)
    while running:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in (task for task in racing if task in done):
            if not task.cancelled() and task.exception() is None:
                return task.result()
    return racing[0].result()


async def cut_off(tasks: Sequence["asyncio.Task[object]"]) -> None:
    """Cancel the tasks that still run, and wait until they have ended.

    Only then are their connections closed and their ledgers settled: the caller may read the report next.
    """
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
