"""What is told of the parts of chunks on Dask, and who may take it as being about its own."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

pytest.importorskip("distributed", reason="distributed is not installed; CI has it")

from langgraph_parallel.scale.engine import Job
from langgraph_parallel.scale.engines.dask import DaskEngine
from langgraph_parallel.scale.engines.dask_flights import Flight, Part
from langgraph_parallel.scale.engines.dask_host import Host, _Part
from langgraph_parallel.scale.engines.dask_plugin import Coordinators
from langgraph_parallel.scale.line.wire import pack_job, pack_results
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Row

JOB = Job(id="job", program=Program(graph="tests.scale.programs:nothing"))
WORKERS = ("tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "tcp://127.0.0.1:3")


class Task:
    """A task of Dask that nobody runs."""

    def release(self) -> None:
        """Forget it."""

    def cancel(self) -> None:
        """Watch it no more."""


def engine_with(*rows: Row) -> tuple[DaskEngine, Flight]:
    """Return the engine of the session `new` whose part 1 has these rows."""
    engine, flight, task = DaskEngine("tcp://127.0.0.1:9"), Flight(), cast("Any", Task())
    engine._session = "new"
    engine._parts[1] = flight.parts[1] = Part(flight, rows, task, task)
    return engine, flight


async def coordinators() -> Coordinators:
    """Return what runs in a scheduler with these workers."""
    running = [
        SimpleNamespace(address=address, processing={}, long_running=set(), nthreads=1) for address in WORKERS
    ]
    scheduler = SimpleNamespace(
        handlers={}, running=running, workers=WORKERS, queued=(), unrunnable=(), tasks={}
    )
    plugin = Coordinators()
    await plugin.start(cast("Any", scheduler))
    return plugin


async def open_session(plugin: Coordinators, session: str) -> None:
    """Open a session of the job."""
    await plugin.drive(session, f"client of {session}", "open", {"job": pack_job(JOB), "local": b""})


async def collect(plugin: Coordinators, session: str) -> dict[str, Any]:
    """Return what there is for the driver of a session."""
    return await plugin.drive(session, "", "collect", {"after": 0, "wait": 0.0})


async def tell_of_part_1(plugin: Coordinators, session: str, way: str) -> None:
    """Have a worker of a session tell of its part 1."""
    state = {"left": 1}
    if way == "back":
        await plugin.ask(session, WORKERS[0], "back", {"part": 1, "keys": ["mine"]})
    elif way == "lost":
        plugin.remove_worker(cast("Any", None), WORKERS[0])
    else:
        post = {"results": pack_results(()), "size": 0, "ended": [(1, "", "")], "state": state}
        await plugin.ask(session, WORKERS[0], "post", post)


@pytest.mark.parametrize("way", ["back", "lost", "ended"])
@pytest.mark.parametrize("earlier", [True, False])
async def test_what_is_told_of_a_part_is_heard_by_its_own_command(
    way: str, earlier: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of each command are counted from 1, and a later command reads the mailbox of an earlier one."""
    plugin, (engine, flight) = await coordinators(), engine_with(Row("mine", {}))
    started: list[Any] = []
    monkeypatch.setattr(engine, "_start", lambda flight, rows: started.append(rows))
    for session in ("old", "new"):
        await open_session(plugin, session)
        await plugin.ask(session, WORKERS[0], "begin", {"part": 1, "rows": 1})
    if earlier:
        plugin._sessions["new"].end(1)
    else:
        plugin._sessions["old"].end(1)
    await tell_of_part_1(plugin, "old" if earlier else "new", way)
    await engine._take(await collect(plugin, "new"))
    heard = flight.ended.done() or bool(started)
    assert heard is not earlier
    if flight.ended.done():
        flight.ended.exception()


async def test_rows_given_back_that_the_part_has_no_more_start_no_task() -> None:
    """There may be none of them left."""
    engine, flight = engine_with(Row("mine", {}))
    engine._hear(1, "", "", {"back": ["other"]})
    assert [row.key for row in engine._parts[1].rows] == ["mine"]
    assert not flight.ended.done()


async def test_rows_that_a_worker_has_given_back_are_not_given_back_again() -> None:
    """They may come to the same worker again, as another part; that one has them then, and nobody else."""
    told: list[tuple[int, list[str]]] = []

    async def ask(op: str, data: dict[str, Any]) -> dict[str, Any]:
        told.append((data["part"], data["keys"]))
        return {}

    row = Row("again", {})
    host: Any = Host.__new__(Host)
    host._giving, host._line = asyncio.Lock(), SimpleNamespace(ask=ask)
    host._parts = {1: _Part(1, [Row("first", {}), row], lambda: None, handed=2)}
    host._worker = SimpleNamespace(is_draining=False, waiting=1, give_back=lambda most: [row])
    await host._give_back()
    host._parts[2] = _Part(2, [row], lambda: None, handed=1)
    await host._give_back()
    assert told == [(1, ["again"]), (2, ["again"])]
    assert (host._parts[1].left, host._parts[2].left) == (0, 0)


async def test_the_scheduler_keeps_little_of_parts_that_have_ended() -> None:
    """It knows that they are not to begin again, and nothing else; one that runs may begin more rows."""
    plugin = await coordinators()
    await open_session(plugin, "new")
    hosted = plugin._sessions["new"]

    async def begins(part: int, worker: str, rows: int = 1) -> bool:
        answer = await plugin.ask("new", worker, "begin", {"part": part, "rows": rows})
        return bool(answer["go"])

    first, second, _ = WORKERS
    for part in (1, 2, 3):
        await plugin.ask("new", first, "hello", {})
        assert await begins(part, first)
    assert not await begins(2, second, rows=9)
    assert await begins(2, first, rows=5)
    assert hosted.parts[2].rows == 5
    await plugin.drive("new", "", "stop", {"parts": [2, 4]})
    await tell_of_part_1(plugin, "new", "ended")
    assert [*hosted.parts] == [2, 3]
    assert hosted.stopped == {2}
    for part in (1, 4):
        assert not await begins(part, first)
    assert hosted.is_busy
    plugin.remove_worker(cast("Any", None), first)
    assert not [*hosted.parts, *hosted.stopped]
    assert not hosted.is_busy
    assert not await begins(3, second)
