"""Opens the parts of the service, and closes them once calls in flight have finished."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import psycopg
from fastapi import FastAPI
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from examples.service.feed import feed_at
from examples.service.graph import build
from examples.service.metrics import Metrics
from examples.service.runner import Runner
from examples.service.saver import sqlite_saver
from examples.service.store import Store
from langgraph_parallel import limiting

OPTIONS: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
"""Of connections to PostgreSQL, as its checkpointer needs them."""


@contextlib.asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Open the parts of the service, and let calls in flight finish at its end."""
    state, settings = app.state, app.state.settings
    async with contextlib.AsyncExitStack() as stack:
        state.store = Store(settings.database)
        stack.push_async_callback(state.store.close)
        if settings.redis:
            limiting.share_limits(settings.redis)
            stack.callback(limiting.share_limits, None)
        state.feed, state.metrics = feed_at(settings.redis), Metrics()
        stack.push_async_callback(state.feed.close)
        async with _alone(settings.database):
            await state.store.open()
            saver = await stack.enter_async_context(_saver(settings.database))
        state.runner = Runner(settings, build(saver), state.store, state.feed, state.metrics)
        keeping = asyncio.create_task(state.runner.keep())

        def begin_to_stop() -> None:
            state.runner.request_stop()
            state.feed.dismiss()

        with _at_signals(begin_to_stop):
            try:
                yield
            finally:
                state.feed.dismiss()
                await state.runner.stop()
                keeping.cancel()
                await asyncio.wait([keeping])


@contextlib.asynccontextmanager
async def _saver(database: str) -> AsyncIterator[Any]:
    """Open the checkpointer: in the same database, or in a file beside that of SQLite."""
    if database.startswith("sqlite"):
        async with sqlite_saver(f"{database.partition(':///')[2]}-checkpoints") as saver:
            yield saver
    else:  # a pool, which replaces connections that are lost
        async with AsyncConnectionPool(_plain(database), kwargs=OPTIONS, max_size=10) as pool:
            await (kept := AsyncPostgresSaver(pool)).setup()
            yield kept


@contextlib.asynccontextmanager
async def _alone(database: str) -> AsyncIterator[None]:
    """Let one process at a time make the tables of PostgreSQL, which cannot bear two."""
    if database.startswith("sqlite"):
        yield
        return
    async with await psycopg.AsyncConnection.connect(_plain(database), **OPTIONS) as connection:
        asked = "SELECT pg_try_advisory_lock(7306095)"
        # Whoever waited in PostgreSQL itself would hold up the indexes that the other one makes.
        while (await (await connection.execute(asked)).fetchone()) != {"pg_try_advisory_lock": True}:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        yield


def _plain(database: str) -> str:
    return database.replace("+psycopg", "", 1)


@contextlib.contextmanager
def _at_signals(act: Callable[[], None]) -> Iterator[None]:
    """Act as soon as the process is told to stop: the server then waits for its streams, which must end."""
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, frame: Any) -> None:
        loop.call_soon_threadsafe(act)
        if callable(theirs := before[number]):
            theirs(number, frame)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, theirs in before.items():
            signal.signal(number, theirs)
