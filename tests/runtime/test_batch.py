"""The batch lane: gathering, answers, errors of lines and of batches, deadlines, budgets, other clients."""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_openai import ChatOpenAI

from langgraph_parallel import (
    Ask,
    Limits,
    Roster,
    create_labeling,
    create_sectioning,
    create_voting,
    governed,
)
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.batch.lane import get_lane
from langgraph_parallel.runtime.batch.ledger import Ledger
from langgraph_parallel.runtime.batch.settings import bounds, ledger_folder
from langgraph_parallel.testing import FakeModel
from tests.support.batch_times import shorten_times
from tests.support.clock import Clock, until
from tests.support.server import Gate, ModelServer, Reply

YES = Reply(json={"choice": "yes"}, usage=(1000, 100))
BATCH = Limits(lane="batch", attempts=3)


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lane wait for milliseconds where it waits for minutes."""
    shorten_times(monkeypatch)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """The ledger of the test."""
    opened = Ledger(ledger_folder())
    yield opened
    opened.close()


def vote(model: Any, voters: int = 3, limits: Limits = BATCH, **options: Any) -> Any:
    """Build a vote in the lane."""
    options.setdefault("stop", "all_votes")
    return create_voting(model=model, voters=voters, choices=["yes", "no"], limits=limits, **options)


async def ask(graph: Any, question: str = "Is it?", **options: Any) -> Any:
    """Run a vote."""
    return await graph.ainvoke({"question": question}, **options)


async def polled(server: ModelServer) -> None:
    """Wait until a batch has been looked at."""
    await asyncio.to_thread(server.wait, lambda s: s.batches.seen["get"] > 0)


async def emptied(ledger: Ledger) -> None:
    """Wait until a run that has ended has given back what it had; another thread does it."""
    await until(lambda: not ledger.all())


async def parts(worker: Any, *names: str) -> Any:
    """Let a worker work on sections, and return their branches by name."""
    sections = [Section(id=name, title=name, content=name) for name in names]
    graph = create_sectioning(planner=lambda _: sections, worker=worker, limits=BATCH)
    return (await graph.ainvoke({"content": "all"}))["branches"]


async def test_all_voters_are_one_batch_at_half_the_price(server: ModelServer, model: str) -> None:
    """A vote in the lane asks all at once, in one file, and says what that saved."""
    server.always(YES)
    out = await ask(vote("openai:gpt-5-mini"))
    assert out["verdict"].choice == "yes"
    assert [len(batch.lines) for batch in server.batches.created] == [3]
    calls = out["run_report"].calls
    assert {call.lane for call in calls} == {"batch"}
    live = await ask(vote("openai:gpt-5-mini", limits=Limits(), wave="all"))
    assert sum(call.usd for call in calls) == pytest.approx(live["run_report"].usd / 2)
    assert sum(call.saved.batch for call in calls) == pytest.approx(live["run_report"].usd / 2)


async def test_nested_runs_share_a_file_whatever_the_size_of_a_step(server: ModelServer, model: str) -> None:
    """All items of a labeling are in one batch, though a step of a live run has a thousand sections."""
    server.on(lambda r: True, Reply(json={"choice": "a"}))
    graph = create_labeling(labels=["a", "b"], voters=2, model=model, limits=BATCH)
    out = await graph.ainvoke({"items": {str(i): f"text {i}" for i in range(30)}})
    assert len(out["labels"] if "labels" in out else out["labeling"].labels) == 30
    assert [len(batch.lines) for batch in server.batches.created] == [60]


async def test_equal_voters_have_ids_of_their_own(server: ModelServer, model: str) -> None:
    """Voters who are asked the same, in a voting of one prompt, never share an answer."""
    server.always(YES)
    await ask(vote(model, 5))
    ids = [line["custom_id"] for line in server.batches.created[0].lines]
    assert len(set(ids)) == 5


async def test_errors_of_lines_are_those_of_live_calls(server: ModelServer, model: str) -> None:
    """A 400 in a line fails its call with the endpoint's words; a 500 and a 429 go into the next batch."""
    server.always(YES)
    server.on("bad", Reply(status=400, body={"error": {"message": "flawed", "code": "invalid_value"}}))
    server.on("broken", Reply(status=500), times=1)
    server.on("busy", Reply(status=429), times=1)
    branches = await parts(Ask("{content}", model=model), "bad", "broken", "busy", "good")
    assert "flawed" in (branches["bad"].error or "")
    assert [branches[name].status for name in ("broken", "busy", "good")] == ["ok"] * 3
    assert [len(batch.lines) for batch in server.batches.created] == [4, 2]


@pytest.mark.parametrize("how", ["missing", "garbled"])
async def test_a_line_that_is_not_there_goes_again(server: ModelServer, model: str, how: Any) -> None:
    """A line that the output lacks, or that is no JSON, is asked once more in another batch."""
    server.always(YES)
    spoilt = iter([True])
    server.batches.spoil(how, lambda _: next(spoilt, False))
    out = await ask(vote(model))
    assert out["verdict"].support.k == 3
    assert [len(batch.lines) for batch in server.batches.created] == [3, 1]


async def test_a_line_that_is_there_twice_counts_once(server: ModelServer, model: str) -> None:
    """Of two lines for a request, one is read and paid for."""
    server.always(YES)
    server.batches.spoil("twice", lambda _: True)
    out = await ask(vote(model))
    assert out["run_report"].usage.input_tokens == 3000


@pytest.mark.parametrize("step", ["upload", "create", "get", "content"])
async def test_lost_answers_submit_nothing_twice(server: ModelServer, model: str, step: Any) -> None:
    """The endpoint does what it was asked for, and the connection breaks: no second batch is worked on."""
    server.always(YES)
    server.batches.lose(step)
    out = await ask(vote(model))
    assert out["verdict"].choice == "yes"
    assert len(server.batches.billed) == 3


async def test_a_creation_that_did_not_happen_is_made_again(server: ModelServer, model: str) -> None:
    """After a 500, the batch is looked for, its file is deleted, and another one is uploaded."""
    server.always(YES)
    server.batches.refuse("create", 500)
    out = await ask(vote(model))
    assert out["verdict"].choice == "yes"
    assert (server.batches.seen["delete"], server.batches.seen["upload"]) == (1, 2)
    assert len(server.batches.created) == 1


async def test_a_batch_is_found_on_a_later_page(server: ModelServer, model: str) -> None:
    """The list of batches is read to its end."""
    server.always(YES)
    server.batches.page = 1
    for _ in range(3):
        await ask(vote(model))
    server.batches.lose("create")
    server.batches.lose("list", 2)
    await ask(vote(model))
    assert len(server.batches.created) == 4


@pytest.mark.parametrize("step", ["upload", "create"])
async def test_refusals_for_now_wait(server: ModelServer, model: str, step: Any) -> None:
    """A 429 of the Batch API itself is no failed attempt."""
    server.always(YES)
    server.batches.refuse(step, 429, times=5)
    out = await ask(vote(model, limits=Limits(lane="batch", attempts=1)))
    assert out["verdict"].choice == "yes"
    assert len(server.batches.created) == 1


async def test_a_full_queue_waits_until_others_have_ended(server: ModelServer, model: str) -> None:
    """A batch that fails for enqueued tokens goes again when another one has ended."""
    server.always(YES)
    server.batches.most_enqueued, server.batches.gate = 4, Gate()
    both = [ask(vote(model)), ask(vote(model, limits=Limits(lane="batch", deadline=600, call_timeout=5)))]
    running = asyncio.gather(*both)
    await until(lambda: any(batch.status == "failed" for batch in server.batches.created))
    server.batches.gate.open()
    first, second = await running
    assert first["verdict"].choice == second["verdict"].choice == "yes"
    assert {batch.status for batch in server.batches.created} == {"failed", "completed"}
    assert len(server.batches.billed) == 6


async def test_a_refused_file_fails_each_call_with_its_error(server: ModelServer, model: str) -> None:
    """Calls get the error of validation that names their line; without a line, all get it."""
    server.always(YES)
    server.batches.fail({"code": "model_not_found", "message": "no such model"})
    out = await ask(vote(model))
    assert all("no such model" in (branch.error or "") for branch in out["branches"].values())
    assert out["verdict"].failed == 3


async def test_lines_beside_a_refused_one_go_again(server: ModelServer, model: str) -> None:
    """One invalid line does not fail the calls that were in the same file."""
    server.always(YES)
    server.batches.fail({"code": "context_length_exceeded", "message": "too long", "line": 2})
    out = await ask(vote(model))
    assert (out["verdict"].support.k, out["verdict"].failed) == (2, 1)


async def test_what_an_expired_batch_has_answered_counts(server: ModelServer, model: str) -> None:
    """The rest goes into another batch."""
    server.always(YES)
    server.batches.expires, server.batches.worked_on = True, 2
    out = await ask(vote(model, 5))
    assert out["verdict"].support.k == 5
    assert [len(batch.lines) for batch in server.batches.created] == [5, 3, 1]
    assert len(server.batches.billed) == 5


async def test_a_batch_that_somebody_cancels_is_that(server: ModelServer, model: str) -> None:
    """Its answers count; the other calls fail, and say so."""
    server.always(YES)
    server.batches.gate, server.batches.worked_on = Gate(), 2
    running = asyncio.create_task(ask(vote(model)))
    await polled(server)
    server.batches.cancel(server.batches.created[0])
    out = await running
    assert (out["verdict"].support.k, out["verdict"].failed) == (2, 1)
    assert any("cancelled at the endpoint" in (b.error or "") for b in out["branches"].values())


@pytest.mark.parametrize("worked_on", [0, 2])
async def test_a_deadline_spills_the_rest(
    server: ModelServer, model: str, worked_on: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In time before the deadline the batch is cancelled; what it lacks is asked live, and nothing twice."""
    server.always(YES)
    monkeypatch.setattr(bounds, "settle", 60.0)
    server.batches.gate, server.batches.worked_on = Gate(), worked_on
    running = asyncio.create_task(ask(vote(model, limits=Limits(lane="batch", deadline=500))))
    await polled(server)
    clock.advance(430)
    out = await running
    assert out["verdict"].support.k == 3
    lanes = [call.lane for call in out["run_report"].calls if call.ok]
    assert (lanes.count("batch"), lanes.count("live")) == (worked_on, 3 - worked_on)
    assert server.batches.created[0].status == "cancelled"
    assert len(server.requests) == 3
    assert any("deadline" in remark for remark in out["run_report"].remarks)


async def test_a_deadline_is_met_while_the_file_is_refused(
    server: ModelServer, model: str, clock: Clock
) -> None:
    """Calls whose batch is not even submitted go live in time, too."""
    server.always(YES)
    server.batches.refuse("upload", 429, times=10_000)
    running = asyncio.create_task(ask(vote(model, limits=Limits(lane="batch", deadline=500))))
    await until(lambda: server.batches.seen["upload"] > 1)
    clock.advance(482)
    out = await running
    assert out["verdict"].support.k == 3
    assert not server.batches.created


@pytest.mark.parametrize("offered", [False, True])
async def test_without_a_batch_api_nothing_is_sent(server: ModelServer, model: str, offered: bool) -> None:
    """An endpoint without one, and a client of another kind, fail before any call, unless told otherwise."""
    server.always(YES)
    server.batches.offered = False
    asked: Any = FakeModel({"Is it": {"choice": "yes"}}) if offered else model
    out = await ask(vote(asked))
    assert not server.requests
    assert {branch.status for branch in out["branches"].values()} == {"failed"}
    assert all("without_batch='live'" in (branch.error or "") for branch in out["branches"].values())
    live = await ask(vote(asked, limits=Limits(lane="batch", without_batch="live")))
    assert live["verdict"].choice == "yes"
    assert any("full price" in remark for remark in live["run_report"].remarks)


async def test_budgets_reserve_the_price_of_a_batch(server: ModelServer, model: str) -> None:
    """A budget has room for twice as many calls at once as live."""
    server.always(Reply(json={"choice": "yes"}, usage=(100_000, 0)))
    limits = Limits(lane="batch", price_input=1, price_output=1, budget_usd=0.2, answer_tokens=10)
    out = await ask(vote(model, 8, limits=limits))
    assert out["run_report"].usd <= 0.2 + 8 * 0.05
    assert out["run_report"].calls[0].usd == pytest.approx(0.05)


async def test_a_run_that_ends_leaves_no_answers(server: ModelServer, model: str, ledger: Ledger) -> None:
    """The same run, started again, asks again."""
    server.always(YES)
    for _ in range(2):
        await ask(vote(model))
    assert len(server.batches.billed) == 6
    await emptied(ledger)


async def test_a_cancelled_run_is_collected_by_the_next(server: ModelServer, model: str) -> None:
    """Its batch is kept; the same run, started again, waits for it and submits nothing."""
    server.always(YES)
    server.batches.gate = Gate()
    running = asyncio.create_task(ask(vote(model)))
    await polled(server)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    server.batches.gate.open()
    out = await ask(vote(model))
    assert out["verdict"].choice == "yes"
    assert len(server.batches.created) == 1


async def test_two_runs_at_once_share_a_file_and_no_answer(server: ModelServer, model: str) -> None:
    """Runs of one process that ask the same have requests of their own."""
    server.always(YES)
    await asyncio.gather(*(ask(vote(model)) for _ in range(4)))
    assert [len(batch.lines) for batch in server.batches.created] == [12]


def test_two_event_loops_on_one_ledger_ask_for_themselves(server: ModelServer, model: str) -> None:
    """What a lane has that is alive is not taken from it."""
    server.always(YES)
    server.batches.gate = Gate()
    threads = [threading.Thread(target=lambda: vote(model).invoke({"question": "Is it?"})) for _ in range(2)]
    for thread in threads:
        thread.start()
    server.wait(lambda s: len(s.batches.created) == 2)
    server.batches.gate.open()
    for thread in threads:
        thread.join()
    assert len({line["custom_id"] for line in server.batches.billed}) == 6


async def test_governed_models_of_functions_are_in_the_lane(server: ModelServer, own: ChatOpenAI) -> None:
    """Async and sync calls of functions are gathered into the same file, with the model's own client."""
    server.always(Reply(text="ok"))
    chat = governed(own)

    async def asynchronous(section: Section) -> str:
        return str((await chat.ainvoke(section.content)).content)

    def synchronous(section: Section) -> str:
        return str(chat.invoke(section.content).content)

    for worker in (asynchronous, synchronous):
        server.batches.created.clear()
        branches = await parts(worker, "a", "b", "c")
        assert {branch.status for branch in branches.values()} == {"ok"}
        assert [len(batch.lines) for batch in server.batches.created] == [3]
        assert {call.lane for branch in branches.values() for call in branch.calls} == {"batch"}


async def test_models_that_know_no_batches_are_refused(server: ModelServer, own: ChatOpenAI) -> None:
    """A model in a function that is not governed does not pay the full price unasked."""
    server.always(Reply(text="ok"))

    async def work(section: Section) -> str:
        return str((await own.ainvoke(section.content)).content)

    branches = await parts(work, "x")
    assert "governed" in (branches["x"].error or "")
    assert not server.requests


async def test_a_panel_has_a_file_for_each_model(server: ModelServer, model: str) -> None:
    """Files hold one model each."""
    server.always(YES)
    roster = Roster(models=["openai:one", "openai:two"], size=4)
    await ask(create_voting(voters=roster, choices=["yes", "no"], stop="all_votes", limits=BATCH))
    assert sorted(len(batch.lines) for batch in server.batches.created) == [2, 2]
    for batch in server.batches.created:
        assert len({line["body"]["model"] for line in batch.lines}) == 1


async def test_large_numbers_are_split(
    server: ModelServer, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file holds at most as many requests as the endpoint takes."""
    monkeypatch.setattr(bounds, "most_requests", 4)
    server.always(YES)
    await ask(vote(model, 10))
    assert sorted(len(batch.lines) for batch in server.batches.created) == [2, 4, 4]


async def test_the_ledger_is_private_and_has_no_prompts(server: ModelServer, model: str) -> None:
    """Its files belong to the user alone; what was asked is not in them."""
    server.always(YES)
    server.batches.gate = Gate()
    running = asyncio.create_task(ask(vote(model), "A secret question?"))
    await polled(server)
    files = await asyncio.to_thread(lambda: list(ledger_folder().iterdir()))
    assert files
    for file in files:
        assert file.stat().st_mode & 0o077 == 0
        assert b"secret question" not in file.read_bytes()
    server.batches.gate.open()
    await running


async def test_waits_for_a_batch_are_told(server: ModelServer, model: str) -> None:
    """Each call says in which batch it waits, how many are in it, and since when."""
    server.always(YES)
    told = []
    async for mode, data in vote(model).astream({"question": "Is it?"}, stream_mode=["custom", "values"]):
        if mode == "custom" and data["event"] == "waiting" and data["on"] == "batch":
            told.append(data)
    assert [(one["batch"], one["calls"]) for one in told] == [("batch_1", 3)] * 3


async def test_a_drain_returns_at_once_and_the_batch_is_kept(server: ModelServer, model: str) -> None:
    """A stopped run says that its batch is kept; the next one collects it."""
    from langgraph_parallel import drain

    server.always(YES)
    server.batches.gate = Gate()
    running = asyncio.create_task(ask(vote(model, limits=Limits(lane="batch", grace=60))))
    await polled(server)
    drain()
    out = await running
    assert any("is kept" in remark for remark in out["run_report"].remarks)
    server.batches.gate.open()
    assert (await ask(vote(model)))["verdict"].choice == "yes"
    assert len(server.batches.created) == 1


async def test_a_thread_that_ends_leaves_nothing_of_earlier_processes(
    server: ModelServer, model: str, ledger: Ledger
) -> None:
    """What a cancelled run on a thread had collected goes with the run that ends there; others stay."""
    server.always(YES)
    server.batches.gate = Gate()
    config: Any = {"configurable": {"thread_id": "1"}}
    running = asyncio.create_task(ask(vote(model), config=config))
    await polled(server)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    server.batches.gate.open()
    await ask(vote(model), config=config)
    await emptied(ledger)
    await ask(vote(model), config={"configurable": {"thread_id": "2"}})
    assert len(server.batches.created) == 2


async def test_callbacks_hear_of_calls_in_a_batch(server: ModelServer, model: str) -> None:
    """Tracers and handlers are told of the beginning and of the answer, as of live calls."""
    heard: list[str] = []

    class Listener(AsyncCallbackHandler):
        async def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            heard.append("start")

        async def on_llm_end(self, response: Any, **kwargs: Any) -> None:
            heard.append(response.generations[0][0].text)

        async def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
            heard.append("error")

    server.always(Reply(text="fine"))
    server.on("bad", Reply(status=400), times=1)
    sections = [Section(id=name, title=name, content=name) for name in ("bad", "good")]
    graph = create_sectioning(
        planner=lambda _: sections, worker=Ask("{content}", model=model), limits=Limits(lane="batch")
    )
    await graph.ainvoke({"content": "all"}, {"callbacks": [Listener()]})
    assert sorted(heard) == ["error", "fine", "start", "start"]


async def test_answers_that_a_vote_does_not_need_are_counted(server: ModelServer, model: str) -> None:
    """A vote that is decided by the first lines of its batch has paid for all of them, and says so."""
    server.always(YES)
    out = await ask(vote(model, 5, stop="decided"))
    assert len(server.batches.billed) == 5
    assert out["run_report"].usage.input_tokens == 5 * 1000


async def test_a_batch_that_the_endpoint_has_forgotten_is_made_again(server: ModelServer, model: str) -> None:
    """After three answers of 404 in a row, its requests go into another batch."""
    server.always(YES)
    server.batches.refuse("get", 404, times=3)
    out = await ask(vote(model))
    assert out["verdict"].support.k == 3
    assert len(server.batches.created) == 2


async def test_fields_of_a_schema_keep_their_order(server: ModelServer, model: str) -> None:
    """A line has the body of a live call, byte for byte, since models answer fields in their order."""
    server.always(YES)
    await ask(vote(model, 1))
    await ask(vote(model, 1, limits=Limits()))
    in_batch, live = server.requests
    assert json.dumps(in_batch.body) == json.dumps(live.body)


async def test_sync_functions_share_a_file_whatever_the_number_of_threads(
    server: ModelServer, own: ChatOpenAI, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """More of them than the loop has threads wait for the same batch."""
    server.always(Reply(text="ok"))
    monkeypatch.setattr(bounds, "quiet", 50.0)
    chat, lane = governed(own), await get_lane()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=2))
    asking = parts(lambda section: chat.invoke(section.content).content, *map(str, range(20)))
    running = asyncio.create_task(asking)
    await until(lambda: sum(len(one.items) for one in lane._gatherings.values()) == 20)
    clock.advance(50)
    branches = await running
    assert {branch.status for branch in branches.values()} == {"ok"}
    assert [len(batch.lines) for batch in server.batches.created] == [20]
