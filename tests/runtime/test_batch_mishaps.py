"""The batch lane where the endpoint is slow, full or away, and where only some calls are in a hurry."""

import asyncio
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI

from langgraph_parallel import Ask, Limits, create_sectioning, create_voting, governed
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.batch.entries import Wanted
from langgraph_parallel.runtime.batch.lane import get_lane
from langgraph_parallel.runtime.batch.ledger import Ledger
from langgraph_parallel.runtime.batch.owners import Owner, is_alive
from langgraph_parallel.runtime.batch.settings import bounds, ledger_folder
from tests.support.batch_times import shorten_times
from tests.support.clock import Clock, until
from tests.support.server import Gate, ModelServer, Reply

YES = Reply(json={"choice": "yes"}, usage=(1000, 100))
BATCH = Limits(lane="batch", attempts=3)
URGENT = Limits(lane="batch", deadline=500, call_timeout=20, price_input=1, price_output=1)
"""Calls go live 20 seconds before the deadline, and the time in which a batch says what it has answered."""
LATE = 482
"""Seconds after which they do."""


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch, server: ModelServer) -> None:
    """Let the lane wait for milliseconds where it waits for minutes, and the server answer yes."""
    shorten_times(monkeypatch)
    monkeypatch.setattr(bounds, "file_attempts", 3)
    server.always(YES)


def vote(model: Any, limits: Limits = BATCH, voters: int = 3) -> Any:
    """Build a vote in the lane."""
    return create_voting(model=model, voters=voters, choices=["yes", "no"], limits=limits, stop="all_votes")


async def ask(graph: Any, **config: Any) -> Any:
    """Run a vote."""
    return await graph.ainvoke({"question": "Is it?"}, config)


async def seen(server: ModelServer, step: Any, times: int = 1) -> None:
    """Wait until the server has got a number of requests of a kind."""
    await until(lambda: server.batches.seen[step] >= times)


async def test_an_outage_of_the_list_pays_nothing_twice(server: ModelServer, model: str) -> None:
    """A retry is the same request: it attaches to the batch that is there, once the list says so."""
    server.batches.lose("create")
    server.batches.refuse("list", 500, times=4)
    out = await ask(vote(model))
    assert out["verdict"].support.k == 3
    assert len(server.batches.billed) == 3


@pytest.mark.parametrize("status", [404, 500])
async def test_an_outage_of_the_files_pays_nothing_twice(
    server: ModelServer, model: str, status: int
) -> None:
    """The output file is paid for, and asked for until it comes: as patiently as the batch, thrice if 404."""
    server.batches.refuse("content", status, times=2 if status == 404 else 20)
    out = await ask(vote(model))
    assert out["verdict"].support.k == 3
    assert len(server.batches.billed) == 3


async def test_an_output_file_that_is_away_does_not_miss_the_deadline(
    server: ModelServer, model: str, clock: Clock
) -> None:
    """Calls whose answers cannot be read in time go live, and none is late."""
    server.batches.refuse("content", 503, times=10_000)
    running = asyncio.create_task(ask(vote(model, URGENT)))
    await seen(server, "content")
    clock.advance(LATE)
    out = await running
    assert out["verdict"].support.k == 3
    assert {call.lane for call in out["run_report"].calls if call.ok} == {"live"}


@pytest.mark.parametrize("step", ["upload", "create"])
async def test_no_batch_is_created_for_calls_that_have_gone_live(
    server: ModelServer, model: str, step: Any, clock: Clock
) -> None:
    """The endpoint takes the file, or the batch, only after the calls went live: nothing comes of it."""
    server.batches.refuse(step, 429, times=10_000)
    lane = await get_lane()
    running = asyncio.create_task(ask(vote(model, URGENT)))
    await seen(server, step, 2)
    clock.advance(LATE)
    out = await running
    assert {call.lane for call in out["run_report"].calls if call.ok} == {"live"}
    server.batches._refusals.clear()
    await until(lambda: not lane._tasks)
    assert not server.batches.created


async def test_a_slow_creation_is_waited_for(server: ModelServer, own: Any, clock: Clock) -> None:
    """A creation that takes longer than the client's time limit is found in the list, and not repeated."""
    own = own.model_copy(update={"request_timeout": 100})
    own.root_async_client = own.root_async_client.with_options(timeout=100)
    server.batches.slow_creations = [150]
    running = asyncio.create_task(ask(vote(own)))
    await seen(server, "create")
    clock.advance(100)
    await seen(server, "list")
    clock.advance(60)
    out = await running
    assert out["verdict"].support.k == 3
    assert (server.batches.seen["create"], len(server.batches.created)) == (1, 1)


async def test_a_creation_that_comes_too_late_is_cancelled(
    server: ModelServer, model: str, clock: Clock
) -> None:
    """Of two batches with one id, one is kept."""
    server.batches.gate = Gate()
    server.batches.lose("create")
    server.batches.list_lag, server.batches.slow_creations = 200, [0, 300]
    running = asyncio.create_task(ask(vote(model)))
    await seen(server, "create", 2)
    clock.advance(300)
    server._loop.call_soon_threadsafe(int)  # its event loop sleeps, and looks at the clock when it wakes
    await seen(server, "get")
    server.batches.gate.open()
    out = await running
    assert out["verdict"].support.k == 3
    assert sorted(batch.status for batch in server.batches.created) == ["cancelled", "completed"]
    assert len(server.batches.billed) == 3


async def test_a_deadline_inside_takes_only_its_own_calls(
    server: ModelServer, model: str, own: Any, clock: Clock
) -> None:
    """A nested graph in a hurry goes live; the others wait for their batch, which is not cancelled."""
    server.batches.gate = Gate()
    quick = create_voting(
        model=own,
        voters=2,
        choices=["yes", "no"],
        limits=Limits(deadline=100),
        stop="all_votes",
    )
    chat = governed(own)

    async def work(section: Section) -> str:
        if section.id == "quick":
            return str((await quick.ainvoke({"question": section.content}))["verdict"].choice)
        return str((await chat.ainvoke(section.content)).content)

    sections = [Section(id=name, title=name, content=name) for name in ("quick", "slow")]
    graph = create_sectioning(
        planner=lambda _: sections,
        worker=work,
        limits=URGENT,
    )
    running = asyncio.create_task(graph.ainvoke({"content": "all"}))
    await seen(server, "get")
    clock.advance(82)
    await asyncio.to_thread(server.wait, lambda s: len(s.requests) == 2)
    await asyncio.sleep(0.2)
    assert [(batch.status, len(batch.lines)) for batch in server.batches.created] == [("in_progress", 3)]
    server.batches.gate.open()
    out = await running
    assert {branch.status for branch in out["branches"].values()} == {"ok"}
    lanes = [call.lane for call in out["branches"]["slow"].calls if call.ok]
    assert lanes == ["batch"]


@pytest.mark.parametrize("endpoint", ["slow to cancel", "full"])
async def test_deadlines_are_met_by_a_lane_that_is_stuck(
    server: ModelServer, model: str, endpoint: str, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """Neither a cancellation that takes minutes nor a full endpoint takes the time of the live calls."""
    monkeypatch.setattr(bounds, "settle", 10.0)
    if endpoint == "full":
        server.batches.most_enqueued = 0
    else:
        server.batches.gate = Gate()
        server.batches.cancel = lambda batch: None  # type: ignore[method-assign]
    lane = await get_lane()
    running = asyncio.create_task(ask(vote(model, URGENT)))
    await seen(server, "get")
    clock.advance(472)
    if endpoint == "slow to cancel":
        await seen(server, "cancel")
        clock.advance(10)
    out = await running
    assert out["verdict"].support.k == 3
    if endpoint == "full":  # the other batch is asked for until it ends
        await until(lambda: not lane._tasks)
    created = len(server.batches.created)
    await asyncio.sleep(0.3)
    assert len(server.batches.created) == created


async def test_what_may_still_be_billed_is_said(server: ModelServer, model: str, clock: Clock) -> None:
    """A cancelled batch that has not ended is named, with the number of its calls and their most price."""
    server.batches.gate = Gate()
    server.batches.cancel = lambda batch: None  # type: ignore[method-assign]
    running = asyncio.create_task(ask(vote(model, URGENT)))
    await seen(server, "get")
    clock.advance(LATE)
    out = await running
    (said,) = [remark for remark in out["run_report"].remarks if "batch_1" in remark]
    assert "3 calls" in said
    assert "$" in said


async def test_late_answers_are_in_the_report(server: ModelServer, model: str, clock: Clock) -> None:
    """What a cancelled batch has answered after all is in the report as it is billed."""
    server.batches.gate, server.batches.worked_on = Gate(), 2
    cancel = server.batches.cancel
    cancelled: list[Any] = []
    server.batches.cancel = cancelled.append  # type: ignore[method-assign, assignment]
    asked, go_on = asyncio.Event(), asyncio.Event()
    server.on("Is it", YES)

    async def judge(state: Any) -> Any:
        asked.set()
        await go_on.wait()
        return None

    sections = [Section(id="a", title="a", content="a"), Section(id="b", title="b", content="b")]
    lane = await get_lane()
    graph = create_sectioning(
        planner=lambda _: sections,
        worker=Ask("{content}", model=model),
        synthesizer=judge,
        limits=URGENT,
    )
    running = asyncio.create_task(graph.ainvoke({"content": "all"}))
    await seen(server, "get")
    clock.advance(LATE)
    await until(asked.is_set)
    for batch in cancelled:
        cancel(batch)
    await until(lambda: not lane._tasks)
    go_on.set()
    report = (await running)["run_report"]
    assert len(server.batches.billed) == 2
    assert report.usage.input_tokens == 4 * 1000
    assert report.usd == pytest.approx((2 * 1100 + 2 * 1100 / 2) / 1e6)
    assert len(report.calls) == 4


@pytest.mark.parametrize("begins", [False, True])
async def test_no_room_is_no_failed_attempt(server: ModelServer, model: str, begins: bool) -> None:
    """A batch that is refused for enqueued tokens goes again, at its creation and after it has begun."""
    full: Any = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}
    server.batches.begins_first, server.batches.delay = begins, 0.1
    for _ in range(4):
        server.batches.fail(full) if begins else server.batches.refuse("create", 400, **full)
    out = await ask(vote(model, Limits(lane="batch", attempts=1)))
    assert out["verdict"].support.k == 3
    assert len(server.batches.billed) == 3


async def test_a_refused_batch_says_nothing_of_a_dialect(server: ModelServer, model: str) -> None:
    """What a whole batch is refused for is left out of no other request."""
    await ask(vote(model, Limits()))
    schema = [request.body.get("response_format") for request in server.requests]
    server.batches.fail({"code": "unsupported_parameter", "message": "response_format is not supported"})
    await ask(vote(model, Limits(lane="batch", attempts=1)))
    server.requests.clear()
    await ask(vote(model, Limits()))
    assert [request.body.get("response_format") for request in server.requests][:1] == schema[:1]
    assert schema[0]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_poll_may_be_refused_once(server: ModelServer, model: str, status: int) -> None:
    """A key that is looked up too slowly fails no calls that are paid for."""
    server.batches.refuse("get", status, times=2)
    assert (await ask(vote(model)))["verdict"].support.k == 3
    assert len(server.batches.created) == 1


def test_looking_at_a_lane_does_not_take_its_lock(tmp_path: Path) -> None:
    """Two that look at the same time, at a lane that is gone, both see that; one that is alive stays so."""
    import fcntl

    owner = Owner(tmp_path)
    (tmp_path / "gone.lock").touch()
    with (tmp_path / "gone.lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not is_alive(tmp_path, "gone")
    assert is_alive(tmp_path, owner.token)
    owner.close()
    assert not is_alive(tmp_path, owner.token)


def test_a_forked_child_does_not_keep_a_lane_alive(tmp_path: Path) -> None:
    """A lane ends with its process, whatever children it has."""
    owner = Owner(tmp_path)
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.close(write)
        os.read(read, 1)  # until the parent closes its end
        os._exit(0)
    os.close(owner._file)  # as if the process had ended
    try:
        deadline = time.monotonic() + 60
        while is_alive(tmp_path, owner.token) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not is_alive(tmp_path, owner.token)
    finally:
        os.close(write)
        os.waitpid(child, 0)


def test_a_run_deletes_no_answers_of_another_one_on_its_thread(tmp_path: Path) -> None:
    """Of the requests of a thread, a run that ends deletes its own, and those of runs that are gone."""
    ledger, living = Ledger(tmp_path), Owner(tmp_path)
    owners = [f"{living.token}.1", f"{living.token}.2", "gone.1"]
    wanted = [Wanted(f"key{n}", owner, 1, "thread") for n, owner in enumerate(owners)]
    (batch,) = ledger.plan(wanted, living.token, "scope", "endpoint", "model").new
    ledger.read(batch, "completed", [(one.key, 0, b"{}") for one in wanted])
    ledger.release(owners[0], collected=True, thread="thread")
    rows = sqlite3.connect(tmp_path / "ledger.sqlite").execute("SELECT key FROM requests").fetchall()
    assert rows == [("key1",)]
    living.close()
    ledger.close()


async def test_the_end_of_a_run_blocks_no_event_loop(server: ModelServer, model: str) -> None:
    """Another process that writes into the ledger holds up no other calls."""
    await ask(vote(model))
    other = sqlite3.connect(ledger_folder() / "ledger.sqlite", isolation_level=None)
    server.batches.gate = Gate()
    running = asyncio.create_task(ask(vote(model)))
    await seen(server, "get", 2)
    other.execute("BEGIN IMMEDIATE")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    lane = await get_lane()
    assert any(not releasing.done() for releasing in lane._releasing)
    other.execute("ROLLBACK")
    other.close()


async def test_an_end_by_a_policy_says_where_the_calls_are(
    server: ModelServer, model: str, clock: Clock
) -> None:
    """A completion policy that ends a run before its batch leaves word of the batch, as a drain does."""
    server.batches.gate = Gate()
    graph = create_voting(
        model=model,
        voters=3,
        choices=["yes", "no"],
        limits=BATCH,
        stop="all_votes",
        completion="deadline(500)",
    )
    running = asyncio.create_task(ask(graph))
    await seen(server, "get")
    clock.advance(500)
    remarks = (await running)["run_report"].remarks
    assert any("collect its answers" in remark for remark in remarks)
    assert any("batch_1" in remark for remark in remarks)


def test_what_others_can_read_is_made_private(tmp_path: Path) -> None:
    """A folder and a ledger that were there with wider rights are the user's alone from then on."""
    folder = tmp_path / "batches"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "ledger.sqlite").touch()
    (folder / "ledger.sqlite").chmod(0o644)
    ledger = Ledger(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    ledger.close()


@pytest.mark.parametrize(
    ("problem", "advice"), [("broken", "move"), ("foreign", "another version"), ("locked", "another process")]
)
def test_a_ledger_that_cannot_be_used_says_what_to_do(
    tmp_path: Path, problem: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice fits: a broken file is moved away, and a locked one is waited for."""
    monkeypatch.setattr("langgraph_parallel.runtime.batch.ledger._SECONDS", 0.1)
    file = tmp_path / "ledger.sqlite"
    other = sqlite3.connect(file, isolation_level=None)
    if problem == "broken":
        file.write_bytes(b"no database " * 1000)
    elif problem == "foreign":
        other.execute("CREATE TABLE batches (id TEXT)")
    else:
        Ledger(tmp_path).close()
        other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UsageError, match=advice):
        Ledger(tmp_path).all()
    other.close()


def test_a_lock_of_somebody_else_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock file that may not be read is an error in words."""

    def refuse(*args: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "other.lock").touch()
    monkeypatch.setattr("langgraph_parallel.runtime.batch.owners._look_at", refuse)
    with pytest.raises(UsageError, match="Permission denied"):
        Ledger(tmp_path)


async def test_a_key_that_is_a_function_is_named(server: ModelServer) -> None:
    """A model whose key is made for each call cannot be in a batch, and hears why."""
    chat = ChatOpenAI(model="m", base_url=server.url, api_key=lambda: "sk-one")
    out = await ask(vote(chat))
    assert all("API key that is a text" in (branch.error or "") for branch in out["branches"].values())
