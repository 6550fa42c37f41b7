"""What is looked at several times a second while a driver runs."""

import asyncio
from collections.abc import Callable
from itertools import count

TICK = 0.2
"""Seconds between looks at capacity, progress and open reservations."""


def start_ticking(
    look: Callable[[int], None],
    show: Callable[[], None],
    *,
    on_silence: Callable[[str], object],
    on_failure: Callable[[BaseException], None],
) -> asyncio.Task[None]:
    """Start a task that looks and shows five times a second, until it is cancelled.

    Args:
        look: called with the number of the tick.
        show: shows the progress; not called any more once it has failed.
        on_silence: called with a remark when that happens.
        on_failure: called with what `look` has raised, after which nothing is looked at.
    """

    def ended(ticking: asyncio.Task[None]) -> None:
        if not ticking.cancelled() and (failure := ticking.exception()) is not None:
            on_failure(failure)

    task = asyncio.create_task(_tick(look, show, on_silence), name="progress")
    task.add_done_callback(ended)
    return task


async def _tick(
    look: Callable[[int], None], show: Callable[[], None] | None, on_silence: Callable[[str], object]
) -> None:
    for ticks in count(1):
        await asyncio.sleep(TICK)
        look(ticks)
        try:
            if show is not None:
                show()
        except Exception as error:
            show = None
            on_silence(f"the progress was not shown to the end: {error}")
