"""What is told of the parts of chunks on Dask, and who may take it as being about its own."""

import asyncio
import concurrent.futures
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

pytest.importorskip("distributed", reason="distributed is not installed; CI has it")

from distributed import KilledWorker, Worker
from distributed.core import Status

from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.engine import Chunk, Job, LineEnded, WorkerLost
from langgraph_parallel.scale.engines import dask_cluster, dask_host, dask_plugin, dask_worker
from langgraph_parallel.scale.engines.dask import DaskEngine
from langgraph_parallel.scale.engines.dask_flights import Flight, Part
from langgraph_parallel.scale.engines.dask_host import Host, _Part
from langgraph_parallel.scale.engines.dask_plugin import Coordinators
from langgraph_parallel.scale.engines.dask_tasks import submit
from langgraph_parallel.scale.line.coordinator import DRAIN, GONE
from langgraph_parallel.scale.line.dask_line import ASK, DaskLine
from langgraph_parallel.scale.line.ledger import Ledger
from langgraph_parallel.scale.line.shared import LineLimits
from langgraph_parallel.scale.line.wire import pack_job, pack_results
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Row
from tests.support.clock import until

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


async def open_session(plugin: Coordinators, session: str, job: Job = JOB) -> None:
    """Open a session of the job."""
    await plugin.drive(
        session, f"client of {session}", "open", {"job": pack_job(job), "local": b"", "covers": True}
    )


async def granted(plugin: Coordinators, session: str, worker: str, calls: int, held: int = 0) -> int:
    """Have a worker ask for calls of the budget; return how many it is granted."""
    purse = {"spent": (0,) * 3, "held": (held, 0, 0), "needs": (calls, 0, 0), "like": (calls, 0, 0)}
    told = {"session": f"{session} {worker}", "endpoints": {}, "purse": purse}
    answer = await plugin.ask(session, worker, "limits.sync", told)
    return int(answer["purse"]["granted"][0])


async def collect(plugin: Coordinators, session: str, wait: float = 0.0) -> dict[str, Any]:
    """Return what there is for the driver of a session."""
    return await plugin.drive(session, "", "collect", {"after": 0, "wait": wait})


async def tell_of_part_1(plugin: Coordinators, session: str, way: str) -> None:
    """Have a worker of a session tell of its part 1."""
    state = {"left": 1}
    if way == "back":
        await plugin.ask(session, WORKERS[0], "back", {"part": 1, "keys": ["mine"], "to": WORKERS[1]})
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
    monkeypatch.setattr(engine, "_start", lambda flight, rows, to: started.append((rows, to)))
    for session in ("old", "new"):
        await open_session(plugin, session)
        await plugin.ask("old", WORKERS[0], "beat", {"state": {}})  # to hear that its driver is gone
        await plugin.ask(session, WORKERS[0], "begin", {"part": 1, "rows": 1})
    if earlier:
        plugin._sessions["new"].end(1)
    else:
        plugin._sessions["old"].end(1)
    await tell_of_part_1(plugin, "old" if earlier else "new", way)
    await engine._take(await collect(plugin, "new"))
    heard = flight.ended.done() or bool(started)
    assert heard is not earlier
    assert [to for _, to in started] == ([WORKERS[1]] if way == "back" and not earlier else [])
    if flight.ended.done():
        flight.ended.exception()


@pytest.mark.parametrize("has_begun", [True, False], ids=["begun", "not begun"])
async def test_a_part_that_dask_gives_up_is_lost_with_the_rows_that_had_begun(has_begun: bool) -> None:
    """Dask counts deaths of all workers that had the task; whether rows have begun, our scheduler knows."""
    plugin, (engine, flight) = await coordinators(), engine_with(Row("mine", {}), Row("other", {}))
    await open_session(plugin, "new")
    if has_begun:
        await plugin.ask("new", WORKERS[0], "begin", {"part": 1, "rows": 1})
        plugin.remove_worker(cast("Any", None), WORKERS[0])

    async def drive(what: str, data: dict[str, Any]) -> dict[str, Any]:
        return await plugin.drive("new", "", what, data)

    class Killed(Task):
        async def exception(self) -> Exception:
            return KilledWorker("task", cast("Any", SimpleNamespace(address=WORKERS[0])), 0)

    cast("Any", engine)._drive = drive
    await engine._watch(1, cast("Any", Killed()))
    await engine._take(await collect(plugin, "new"))
    with pytest.raises(WorkerLost, match=r"worker 127\.0\.0\.1:1 has died") as lost:
        await flight.ended
    assert lost.value.begun == (["mine"] if has_begun else [])


async def test_rows_given_back_that_the_part_has_no_more_start_no_task() -> None:
    """There may be none of them left."""
    engine, flight = engine_with(Row("mine", {}))
    engine._hear(1, "", "", {"back": ["other"], "to": WORKERS[1]})
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
    await host._give_back(WORKERS[1])
    host._parts[2] = _Part(2, [row], lambda: None, handed=1)
    await host._give_back(WORKERS[1])
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


@pytest.mark.parametrize("is_gone", [True, False], ids=["scheduler gone", "scheduler there"])
async def test_a_client_whose_scheduler_is_gone_logs_nothing_as_it_closes(
    is_gone: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It would tell with its stack that it gives up to connect again; the command tells the loss itself."""
    log = logging.getLogger("distributed.client")

    class Reconnecting:
        async def __aexit__(self, *_: object) -> None:
            log.error("cancelled")

    log.addHandler(caplog.handler)
    try:
        await dask_cluster._close(cast("Any", Reconnecting()), at_once=is_gone)
        log.error("later")
        assert {*caplog.messages} == ({"later"} if is_gone else {"cancelled", "later"})
    finally:
        log.removeHandler(caplog.handler)


async def asked_back(plugin: Coordinators, worker: str, left: int, free: int = 0) -> str:
    """Return for whom a worker is asked for rows, as it tells how many it has left, and could begin."""
    state = {"left": left, "free": free}
    plugin._asked_at = float("-inf")
    return str((await plugin.ask("new", worker, "beat", {"state": state}))["back"])


async def test_rows_are_asked_back_only_for_a_worker_that_could_begin_them() -> None:
    """One whose rows have all begun is not idle while they run: the rows would only come back from it."""
    plugin = await coordinators()
    await open_session(plugin, "new")
    first, second, third = WORKERS
    for part, worker in enumerate((first, second, third)):
        await plugin.ask("new", worker, "begin", {"part": part, "rows": 1})
    assert not await asked_back(plugin, first, 1)
    assert not await asked_back(plugin, second, 0, free=0)
    assert not await asked_back(plugin, third, 0, free=0)
    assert not await asked_back(plugin, first, 1)
    assert not await asked_back(plugin, second, 0, free=2)
    assert not await asked_back(plugin, third, 0, free=3)
    assert await asked_back(plugin, first, 1) == third
    await plugin.ask("new", third, "begin", {"part": 4, "rows": 1})
    assert await asked_back(plugin, first, 1) == second
    assert not await asked_back(plugin, second, 0, free=0)
    assert not await asked_back(plugin, first, 1)


async def test_a_worker_without_rows_is_asked_for_first_unless_dask_keeps_it_busy() -> None:
    """It may be new, or have had none of this command; Dask knows of those of others."""
    plugin = await coordinators()
    await open_session(plugin, "new")
    first, second, third = WORKERS
    assert not await asked_back(plugin, second, 0, free=5)
    assert await asked_back(plugin, first, 1) == third
    cast("Any", plugin._scheduler).running[2].processing["task"] = 1.0
    assert await asked_back(plugin, first, 1) == second
    assert not await asked_back(plugin, first, 0)


@pytest.mark.parametrize("to", [None, WORKERS[1]], ids=["anywhere", "one worker"])
def test_rows_that_are_given_back_go_to_the_worker_that_waits_for_them(to: str | None) -> None:
    """It may have gone meanwhile: then Dask gives them to another one."""
    submitted: dict[str, Any] = {}
    client = SimpleNamespace(submit=lambda *_, **options: submitted.update(options))
    submit(cast("Any", client), ("title", "rows", "new-1"), 1, [Row("mine", {})], to)
    assert submitted.get("workers") == (None if to is None else [to])
    assert submitted.get("allow_other_workers", False) is (to is not None)


@pytest.mark.parametrize("pages", [[], ["bokeh's"]], ids=["without bokeh", "with bokeh"])
async def test_a_dashboard_is_named_where_there_is_one(pages: list[str]) -> None:
    """Without bokeh, or with `--no-dashboard`, the scheduler serves pages, but no dashboard."""
    plugin = await coordinators()
    scheduler = cast("Any", plugin._scheduler)
    scheduler.http_application = SimpleNamespace(applications=pages)
    scheduler.http_server = SimpleNamespace(port=8787)
    opened = await plugin.drive("new", "client", "open", {"job": pack_job(JOB), "local": b"", "covers": True})
    cluster = dask_cluster.Cluster("tcp://10.0.0.7:8786")
    cluster._client = cast("Any", SimpleNamespace(scheduler=SimpleNamespace(address="tcp://10.0.0.7:8786")))
    assert cluster.dashboard(opened["dashboard"]) == ("http://10.0.0.7:8787/status" if pages else "")


def test_tasks_are_named_by_their_rows_in_few_characters() -> None:
    """Keys come from the data, and may be of any length."""
    rows = [Row("first\n", {"text": "SECRET"}), Row("2", {}), Row("k" * 5000, {})]
    assert Chunk(1, rows).name == f"rows first  to {'k' * 37}..."
    assert Chunk(1, rows[1:2]).name == "row 2"


class OtherLine:
    """A line that answers as a function does."""

    def __init__(self, answer: Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
        self._answer = answer

    async def ask(self, op: str, data: dict[str, Any]) -> dict[str, Any]:
        """Ask the function."""
        return await self._answer(op, data)


async def test_a_worker_that_shares_limits_past_the_end_of_its_command_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The scheduler has forgotten the session, or the worker is closing: nothing is lost."""
    plugin = await coordinators()

    async def forgotten(op: str, data: dict[str, Any]) -> dict[str, Any]:
        return await plugin.ask("ended", WORKERS[0], op, data)

    async def closing(op: str, data: dict[str, Any]) -> dict[str, Any]:
        raise LineEnded("this worker is closing")

    for answer in (forgotten, closing):
        async with LineLimits(OtherLine(answer), None).kept_up():
            pass
    assert not caplog.messages


async def test_a_line_that_is_cut_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Calls go on, and the log of the worker says that its limits are its own from now on."""

    async def cut(op: str, data: dict[str, Any]) -> dict[str, Any]:
        raise OSError("connection reset")

    limits = LineLimits(OtherLine(cut), Limits(budget_calls=1))
    async with limits.kept_up():
        assert limits.budget is not None
        assert limits.budget.why_spent()
    assert caplog.messages == ["limits are not shared any more: connection reset"]


@pytest.mark.parametrize("status", [Status.running, Status.closing, Status.closed], ids=lambda one: one.name)
async def test_a_dask_worker_that_closes_ends_its_line(status: Status) -> None:
    """Dask's connections raise a RuntimeError then; of a worker that runs, any error is a loss."""

    async def closed(**_: object) -> None:
        raise RuntimeError("ConnectionPool is closed")

    worker = SimpleNamespace(scheduler=SimpleNamespace(**{ASK: closed}), status=status, address=WORKERS[0])
    expected = RuntimeError if status is Status.running else LineEnded
    with pytest.raises(expected):
        await DaskLine(cast("Any", worker), "new").ask("beat", {})


async def test_a_line_ends_with_the_event_loop_of_its_worker() -> None:
    """Rows have a loop of their own, which may outlive it."""

    async def make() -> DaskLine:
        return DaskLine(cast("Any", SimpleNamespace()), "new")

    line = await asyncio.to_thread(asyncio.run, make())
    with pytest.raises(LineEnded, match="closing"):
        await line.ask("beat", {})


async def test_a_part_whose_scheduler_has_gone_ends_without_an_error() -> None:
    """Nobody may wait for it any more who could hear of the error."""

    async def cut(op: str, data: dict[str, Any]) -> dict[str, Any]:
        raise OSError("connection reset")

    host: Any = Host.__new__(Host)
    host._line = OtherLine(cut)
    assert await host._run(_Part(1, [Row("mine", {})], lambda: None)) is None


async def test_a_worker_that_was_taken_for_dead_begins_no_more_rows_of_its_part() -> None:
    """Others have them: a row that they have stored would be asked for again."""
    begun: list[str] = []
    answers = iter([True, False, True])

    async def ask(op: str, data: dict[str, Any]) -> dict[str, Any]:
        return {"go": next(answers)}

    async def work(chunk: Chunk, deliver: Any) -> str:
        begun.extend(row.key for row in chunk.rows)
        return ""

    host: Any = Host.__new__(Host)
    host._line = SimpleNamespace(ask=ask)
    host._outbox = SimpleNamespace(deliver=None)
    host._opened = concurrent.futures.Future()
    state = SimpleNamespace(done=0)
    host._opened.set_result(
        SimpleNamespace(work=work, at_once=2, waiting=0, is_draining=False, state=lambda: state)
    )
    host._feeding, host._hungry = asyncio.Lock(), asyncio.Event()
    host._dask_loop = asyncio.get_running_loop()
    host._few = host._done = 0
    host._handed_at = 0.0
    part = _Part(1, [Row(key, {}) for key in "abcdef"], lambda: None)
    await host._work(part)
    await asyncio.sleep(0)
    assert begun in ([], ["a", "b"])


async def test_beats_go_on_after_one_that_has_failed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody else tells the worker to stop or to give rows back; the log says so once."""
    monkeypatch.setattr(dask_host, "_BEAT_SECONDS", 0.0)
    host: Any = Host.__new__(Host)
    asked: list[str] = []

    async def ask(op: str, data: dict[str, Any]) -> dict[str, Any]:
        asked.append(op)
        if len(asked) < 3:
            raise RuntimeError("dictionary changed size during iteration")
        host._running = 0
        return {"control": GONE}

    async def close() -> None:
        closed.set()

    closed, followed = asyncio.Event(), list[Any]()
    host._line, host._state, host._close = SimpleNamespace(ask=ask), dict, close
    host._running, host._busy, host._loop = 1, asyncio.Event(), asyncio.get_running_loop()
    host._follow, host._on_close = followed.append, lambda: None
    await asyncio.wait_for(host._beat(), 20)
    await asyncio.wait_for(closed.wait(), 20)
    assert followed == [{"control": GONE}]
    assert caplog.messages == ["a worker of Dask cannot tell how it is, and goes on trying"]


async def test_a_part_whose_rows_cannot_be_given_back_fails() -> None:
    """The worker has them no more, and nobody else was told of them."""

    async def ask(op: str, data: dict[str, Any]) -> dict[str, Any]:
        raise ZeroDivisionError("no answer of this kind")

    host: Any = Host.__new__(Host)
    ended: list[Any] = []

    async def work(part: _Part) -> None:
        await asyncio.Event().wait()

    async def flush() -> None:
        pass

    async def may_begin(part: _Part, rows: int) -> bool:
        return True

    host._line, host._giving, host._parts = SimpleNamespace(ask=ask), asyncio.Lock(), {}
    host._work, host._may_begin = work, may_begin
    host._outbox = SimpleNamespace(ended=lambda *one, **told: ended.append((*one, told)), flush=flush)
    host._worker = SimpleNamespace(is_draining=False, rest=flush)
    running = asyncio.ensure_future(host._run(_Part(7, [Row(key, {}) for key in "abcd"], lambda: None)))
    await until(lambda: 7 in host._parts)
    await host._give_back(WORKERS[1])
    await asyncio.wait_for(running, 20)
    problem = "rows cannot be given back: ZeroDivisionError: no answer of this kind"
    assert ended == [(7, {"why": "", "problem": problem})]


async def test_a_part_that_is_stopped_leaves_the_program_to_the_others() -> None:
    """It is loaded once for all parts of the worker."""
    host: Any = Host.__new__(Host)
    host._opened = concurrent.futures.Future()
    working = asyncio.ensure_future(host._work(_Part(1, [], lambda: None)))
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert not host._opened.cancelled()


async def test_a_grant_leaves_once_the_driver_has_told_that_the_sink_knows_of_it() -> None:
    """The driver hears of the need at once, also if it collects only later."""
    limited = replace(JOB, program=replace(JOB.program, limits=Limits(budget_calls=40)))
    plugin = await coordinators()
    await open_session(plugin, "new", limited)
    await plugin.ask("new", WORKERS[0], "hello", {})
    for needed in (10, 25):  # the driver collects already, and does so later
        collecting = [] if needed == 25 else [asyncio.ensure_future(collect(plugin, "new", 30.0))]
        await asyncio.sleep(0)
        asking = asyncio.ensure_future(granted(plugin, "new", WORKERS[0], needed, held=needed - 10))
        told = await asyncio.wait_for(collecting[0] if collecting else collect(plugin, "new", 30.0), 5)
        assert told["purse"] == {"spent": (0, 0, 0), "held": (2 * needed - 10, 0, 0), "is_used": True}
        assert not asking.done()
        await plugin.drive("new", "", "cover", {"stored": (2 * needed - 11, 0, 0)})
        await asyncio.sleep(0)
        assert not asking.done()
        await plugin.drive("new", "", "cover", {"stored": (2 * needed - 10, 0, 0)})
        assert await asking == needed
    # With nothing new to tell it waits for results.
    waiting = asyncio.ensure_future(collect(plugin, "new", 30.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


@pytest.mark.parametrize("way", ["lives", "dies", "gives back"])
async def test_what_is_granted_after_a_kill_of_the_driver_counts_for_the_next(way: str) -> None:
    """No sink knows of it, and whoever got it may be dead as well: the scheduler knows."""
    limited = replace(JOB, program=replace(JOB.program, limits=Limits(budget_calls=40)))
    plugin = await coordinators()
    await open_session(plugin, "old", limited)
    await plugin.ask("old", WORKERS[0], "hello", {})
    await plugin.ask("old", WORKERS[0], "begin", {"part": 1, "rows": 1})
    asking = asyncio.ensure_future(granted(plugin, "old", WORKERS[0], 30))
    await asyncio.sleep(0)
    assert not asking.done()
    plugin.remove_client(cast("Any", None), "client of old")
    assert await asking == 30
    if way == "dies":
        plugin.remove_worker(cast("Any", None), WORKERS[0])
    await open_session(plugin, "new", limited)
    if way == "gives back":
        assert await granted(plugin, "old", WORKERS[0], 0, held=5) == 0
    known = 5 if way == "gives back" else 30
    assert (await collect(plugin, "new"))["purse"]["spent"] == (known, 0, 0)
    await plugin.drive("new", "", "cover", {"stored": (40, 0, 0)})
    await plugin.ask("new", WORKERS[1], "hello", {})
    assert await granted(plugin, "new", WORKERS[1], 40 - known + 1) == 0
    assert await granted(plugin, "new", WORKERS[1], 40 - known) == 40 - known


async def test_an_engine_has_the_sink_know_of_what_the_scheduler_grants() -> None:
    """It tells the scheduler once that is stored; at its end, what workers gave back is free again."""
    ledger, needs, told = Ledger(), list[None](), list[Any]()
    ledger.on_need = lambda: needs.append(None)
    limits = Limits(budget_calls=40)
    program = Program(graph="tests.scale.programs:nothing", limits=limits)
    job = Job(id="maps", program=program, spent_calls=5, ledger=ledger)
    engine = DaskEngine("tcp://127.0.0.1:9")
    engine._keep_account(job)

    async def drive(what: str, data: dict[str, Any]) -> dict[str, Any]:
        told.append((what, data))
        return {"purse": {"spent": (9, 0, 0), "held": (0, 0, 0), "is_used": True}}

    engine._drive = drive  # type: ignore[method-assign]
    engine._covering = asyncio.create_task(engine._cover())
    purse = {"spent": (7, 0, 0), "held": (4, 0, 0), "is_used": True}
    await engine._take({"workers": {}, "reserved": (0, 0, 0.0), "posted": [], "purse": purse})
    assert len(needs) == 1
    with ledger.writing(Amount(6)) as reserved:
        assert reserved.calls >= 5
    stored = reserved.calls + 6
    await asyncio.sleep(0)
    assert told == [("cover", {"stored": (stored, 0, 0)})]
    await engine._take({"workers": {}, "reserved": (0, 0, 0.0), "posted": [], "purse": purse})
    assert len(needs) == 1
    purse["held"] = (1, 0, 0)
    await engine._take({"workers": {}, "reserved": (0, 0, 0.0), "posted": [], "purse": purse})
    with ledger.writing(Amount(6)) as reserved:  # grants up to what was told may be made meanwhile
        assert reserved.calls + 6 == stored
    await engine.close()
    with ledger.writing(Amount(8)) as reserved:
        assert reserved.calls == 1


async def test_what_was_told_of_a_budget_stays_spent_once_the_scheduler_is_gone() -> None:
    """Workers may have had all of it, and nobody knows."""
    ledger = Ledger()
    program = Program(graph="tests.scale.programs:nothing", limits=Limits(budget_calls=40))
    job = Job(id="maps", program=program, ledger=ledger)
    engine = DaskEngine("tcp://127.0.0.1:9")
    engine._keep_account(job)
    purse = {"spent": (7, 0, 0), "held": (4, 0, 0), "is_used": True}
    await engine._take({"workers": {}, "reserved": (0, 0, 0.0), "posted": [], "purse": purse})
    with ledger.writing(Amount(7)) as reserved:
        stored = reserved.calls
    engine._lost = "the scheduler is gone"
    await engine.close()
    with ledger.writing(Amount(7)) as reserved:
        assert reserved.calls == stored > 0


@pytest.mark.parametrize("way", ["beat", "death"])
async def test_no_row_begins_before_workers_have_heard_that_the_command_before_is_gone(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may still begin rows that this one has as well, and that would be asked for again."""
    monkeypatch.setattr(dask_plugin, "_QUIET_SECONDS", 600.0)
    plugin = await coordinators()
    await open_session(plugin, "old")
    await plugin.ask("old", WORKERS[0], "hello", {})
    await plugin.ask("old", WORKERS[0], "begin", {"part": 1, "rows": 1})
    plugin.remove_client(cast("Any", None), "client of old")
    await open_session(plugin, "new")
    await plugin.ask("new", WORKERS[1], "hello", {})
    beginning = asyncio.ensure_future(plugin.ask("new", WORKERS[1], "begin", {"part": 1, "rows": 1}))
    await asyncio.sleep(0.05)
    assert not beginning.done()
    if way == "beat":
        answer = await plugin.ask("old", WORKERS[0], "beat", {"state": {}})
        assert answer["control"] == DRAIN
    else:
        plugin.remove_worker(cast("Any", None), WORKERS[0])
    async with asyncio.timeout(60):
        assert (await beginning)["go"]


async def test_a_command_begins_at_once_where_nothing_runs_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody has to hear that it has gone."""
    monkeypatch.setattr(dask_plugin, "_QUIET_SECONDS", 600.0)
    plugin = await coordinators()
    await open_session(plugin, "old")
    plugin.remove_client(cast("Any", None), "client of old")
    await open_session(plugin, "new")
    await plugin.ask("new", WORKERS[1], "hello", {})
    async with asyncio.timeout(60):
        assert (await plugin.ask("new", WORKERS[1], "begin", {"part": 1, "rows": 1}))["go"]


async def test_workers_that_never_hear_are_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each further part of the command begins at once."""
    monkeypatch.setattr(dask_plugin, "_QUIET_SECONDS", 0.05)
    plugin = await coordinators()
    await open_session(plugin, "old")
    await plugin.ask("old", WORKERS[0], "begin", {"part": 1, "rows": 1})
    await open_session(plugin, "new")
    assert (await plugin.ask("new", WORKERS[1], "begin", {"part": 1, "rows": 1}))["go"]
    monkeypatch.setattr(dask_plugin, "_QUIET_SECONDS", 600.0)
    async with asyncio.timeout(60):
        assert (await plugin.ask("new", WORKERS[1], "begin", {"part": 2, "rows": 1}))["go"]


def test_a_worker_logs_no_error_because_its_run_has_ended() -> None:
    """Its last beat may find the scheduler gone, which the driver has told already; all else is logged."""
    last, other = "Failed to communicate with scheduler during heartbeat.", "Compute Failed"
    assert last in inspect.getsource(Worker.heartbeat)
    records = [logging.LogRecord("distributed.worker", 40, __file__, 1, it, (), None) for it in (last, other)]
    assert [dask_worker.is_news(record) for record in records] == [False, True]
