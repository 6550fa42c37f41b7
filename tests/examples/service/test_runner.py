"""Moments at which two things happen at once: a database that fails, a cancel while a run begins to ask."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from examples.service import feed as feeds
from examples.service.app import _sent as sent_of
from examples.service.app import create_app
from examples.service.settings import Settings
from tests.support.clock import Clock, until
from tests.support.served import ACME, FILES, votes
from tests.support.server import ModelServer, Reply


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Any]:
    """Open the parts of the service in this process."""
    database = f"sqlite:///{folder}/service.sqlite"
    app = create_app(Settings(database=database, lease=600.0, tenants=(ACME,)))
    async with app.router.lifespan_context(app):
        yield app.state


async def last_line(state: Any, id: str) -> str:
    """Return the last line that is told of a run."""
    async for line in state.feed.follow(id, ""):
        if line is not None and '"over"' in line[1]:
            return str(line[1])
    raise AssertionError("nothing was told")


@pytest.mark.filterwarnings("ignore:coroutine method 'aclose':RuntimeWarning")
async def test_a_result_that_could_not_be_stored_is_stored_later(
    server: ModelServer, prices: None, tmp_path: Path, clock: Clock
) -> None:
    """The run is taken over once its lease has ended, and no model is asked again."""
    votes(server, "release", "release", "release")
    async with opened(tmp_path) as state:
        leave, failures = state.store.leave, [OSError("the disk is full")]

        async def failing(*args: Any, **values: Any) -> Any:
            if failures:
                raise failures.pop()
            return await leave(*args, **values)

        state.store.leave = failing
        id = await state.store.create(ACME, {"files": FILES, "diff": None})
        watching = asyncio.ensure_future(last_line(state, id))
        await until(lambda: not failures)
        clock.advance(601)
        assert '"status": "done"' in await watching
        assert (await state.store.get("acme", id))["result"]["choice"] == "release"
    assert failures == []
    assert len(server.requests) == 9


@pytest.mark.filterwarnings("ignore:coroutine method 'aclose':RuntimeWarning")
async def test_a_cancel_while_a_run_begins_to_ask_is_obeyed(
    server: ModelServer, prices: None, tmp_path: Path
) -> None:
    """It does not ask for ever what nobody wants to know."""
    votes(server, "release", "hold")
    async with opened(tmp_path) as state:
        leave = state.store.leave

        async def cancelled(id: str, *args: Any, **values: Any) -> Any:
            await state.store.cancel(id)
            return await leave(id, *args, **values)

        state.store.leave = cancelled
        id = await state.store.create(ACME, {"files": FILES, "diff": None})
        assert '"status": "cancelled"' in await last_line(state, id)


@pytest.mark.filterwarnings("ignore:coroutine method 'aclose':RuntimeWarning")
async def test_a_stream_ends_although_the_end_could_not_be_told(
    monkeypatch: pytest.MonkeyPatch, server: ModelServer, prices: None, tmp_path: Path
) -> None:
    """Whoever watches while no line comes is told what the store says of the run."""
    monkeypatch.setattr(feeds, "QUIET", 0.01)
    votes(server, "release", "release", "release")
    async with opened(tmp_path) as state:
        put = state.feed.put

        async def failing(run: str, line: Mapping[str, Any]) -> None:
            if line["event"] == feeds.OVER:
                raise OSError("Redis is not reached")
            await put(run, line)

        state.feed.put = failing
        id = await state.store.create(ACME, {"files": FILES, "diff": None})
        sent = [text async for text in sent_of(state, await state.store.get("acme", id), "")]
    kinds = [json.loads(text.partition("data: ")[2])["event"] for text in sent if "data: " in text]
    assert kinds.count("called") == 9
    assert kinds[-1] == "over"
    assert kinds.count("over") == 1


async def test_a_process_that_lost_its_lease_leaves_the_run_alone(
    server: ModelServer, prices: None, tmp_path: Path
) -> None:
    """Another process has taken it over: this one closes its connections, and changes nothing."""
    server.always(Reply(hang=True))
    async with opened(tmp_path) as state:
        id = await state.store.create(ACME, {"files": FILES, "diff": None})
        await until(lambda: server.hanging == 6)
        with state.store._engine.begin() as database:
            database.exec_driver_sql("UPDATE service_runs SET owner = 'other', lease_until = 9e9")
        await until(lambda: server.in_flight == 0)
        row = await state.store.get("acme", id)
        assert (row["owner"], row["status"]) == ("other", "running")
