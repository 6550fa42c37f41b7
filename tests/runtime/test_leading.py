"""Leaders: of calls whose prompts begin alike one goes first, and the others find its prefix in the cache."""

import asyncio
import random
import threading
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from itertools import count
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from langgraph_parallel import Ask, Limits, aredrive, create_sectioning, create_voting, drain, events
from langgraph_parallel.errors import RefusedAnswer
from langgraph_parallel.records import Section
from langgraph_parallel.records.events import Waiting
from langgraph_parallel.runtime.leading import LONGEST_WAIT, MOST_FAILED, Leading
from langgraph_parallel.runtime.limiter_registry import get_limiter, reset_limits
from langgraph_parallel.runtime.recording import recording
from tests.support.clock import Clock, until
from tests.support.prefix_server import PrefixServer
from tests.support.server import Gate, Reply, Request

DOCUMENT = " ".join(f"Sentence {number} of the document says something of its own." for number in range(760))
"""Of about 10,300 tokens: the last block, which no cache has, weighs less than one in a hundred."""
ON = Limits(leader="on", backoff=0.001)
GIVEN = {"content": "go"}


@pytest.fixture
def server() -> Iterator[PrefixServer]:
    """Run a model server with a cache of prefixes."""
    reset_limits()
    with PrefixServer() as running:
        yield running


def asker(model: str, limits: Limits | None = ON, **options: Any) -> Ask:
    """Return a worker whose prompts begin with a document."""
    return Ask("Answer {title} about {content}.", shared=["content"], model=model, limits=limits, **options)


def fan(n: int, model: str, limits: Limits = ON, **options: Any) -> Any:
    """Return a graph of branches that ask about the same document."""

    def plan(content: str) -> list[Section]:
        return [Section(id=str(i), title=f"Question {i}?", content=DOCUMENT) for i in range(n)]

    return create_sectioning(planner=plan, worker=asker(model, None), limits=limits, **options)


def streamed(server: PrefixServer) -> list[int]:
    """Return the places of the requests that were streamed, as those of leaders are."""
    return [number for number, request in enumerate(server.requests) if request.body.get("stream")]


def is_first(server: PrefixServer) -> Callable[[Request], bool]:
    """Return a rule for the first request alone."""
    return lambda request: len(server.requests) == 1


async def came(server: PrefixServer, requests: int) -> None:
    """Wait until a number of requests has come."""
    await asyncio.to_thread(server.wait, lambda s: len(s.requests) >= requests)


async def test_one_leads_and_the_others_read_its_prefix(model: str, server: PrefixServer) -> None:
    """They are sent once its first token has come, although its answer has not: nine pay less than two."""
    rest = Gate()
    server.on(is_first(server), Reply(text="an answer of several parts", rest=rest))
    running = asyncio.ensure_future(fan(9, model).ainvoke(GIVEN))
    await came(server, 9)
    assert all(request.begun is None for request in server.requests[1:])
    rest.open()
    out = await running
    assert out["run_report"].branches == {"ok": 9}
    assert streamed(server) == [0]
    single = server._tokens(server.requests[0])
    assert all(server.read[number] > 0.9 * single for number in range(1, 9))
    assert server.billed <= 1.9 * single
    assert out["run_report"].usage.cache_read_tokens == sum(server.read.values())


async def test_nobody_is_sent_before_the_first_token(model: str, server: PrefixServer) -> None:
    """While the leader waits for it, one request is in flight, and the others hold no slot."""
    gate = Gate()
    server.always(Reply(gate=Gate(opens_at=8)))  # the others are in flight together
    server.on(is_first(server), Reply(gate=gate))
    running = asyncio.ensure_future(fan(9, model).ainvoke(GIVEN))
    await came(server, 1)
    limiter = get_limiter(f"{server.url}/", "test-model")
    await until(lambda: limiter.in_flight == 1)
    assert len(server.requests) == 1
    gate.open()
    assert (await running)["run_report"].branches == {"ok": 9}


class Choice(BaseModel):
    """A choice."""

    choice: str


ANSWERS = {
    "text": (None, Reply(text="roses are red", reasoning="hm, which flower")),
    "record": (Choice, Reply(json={"choice": "left"})),
    "cut": (None, Reply(text="The first half of a", finish="length")),
    "refused": (Choice, Reply(refusal="I will not say anything about it")),
    "filtered": (None, Reply(text="Some", finish="content_filter")),
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_a_leader_gets_the_answer_that_others_get(kind: str, model: str, server: PrefixServer) -> None:
    """Its text, record, refusal, end and tokens are those of an answer that is not streamed."""
    schema, reply = ANSWERS[kind]
    server.always(reply)

    async def ask(leader: Any) -> Any:
        ask = asker(model, Limits(leader=leader, attempts=1), schema=schema)
        with recording() as calls:
            try:
                answer = await ask.ainvoke({"content": DOCUMENT, "title": kind})
            except Exception as error:
                answer = type(error), str(error)
        return answer, [
            (call.ok, call.usage.output_tokens, call.usage.input_tokens) for call in calls.values()
        ]

    led, whole = await ask("on"), await ask("off")
    assert [bool(request.body.get("stream")) for request in server.requests] == [True, False]
    assert led == whole
    assert (kind == "refused") == (isinstance(led[0], tuple) and led[0][0] is RefusedAnswer)


FAILURES = {
    "500": Reply(status=500),
    "429": Reply(status=429, headers={"retry-after": "0.01"}),
    "disconnect": Reply(disconnect=True),
    "malformed": Reply(body={"id": "x"}),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_if_a_leader_fails_the_next_one_leads(failure: str, model: str, server: PrefixServer) -> None:
    """At once, while the one that failed asks again; all are answered, and only one leads at a time."""
    server.on(lambda _: True, FAILURES[failure], times=1)
    out = await fan(5, model).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 5}
    assert streamed(server) == [0, 1]
    assert sum(read > 0 for read in server.read.values()) == 4


async def test_a_leader_that_is_cut_off_by_its_timeout_hands_over(
    model: str, server: PrefixServer, clock: Clock
) -> None:
    """The followers do not wait for its next attempt."""
    server.on(lambda _: True, Reply(hang=True), times=1)
    clock.stop()  # the time is less than that after which a prompt must have been read
    limits = Limits(leader="on", call_timeout=3, backoff=0)
    running = asyncio.ensure_future(fan(5, model, limits).ainvoke(GIVEN))
    await until(lambda: server.hanging == 1)
    clock.advance(3)
    assert (await running)["run_report"].branches == {"ok": 5}
    assert streamed(server) == [0, 1]


async def test_a_leader_that_thinks_for_long_is_not_waited_for(
    model: str, server: PrefixServer, clock: Clock
) -> None:
    """Its prompt has been read long since: after some seconds the others are sent."""
    gate = Gate()
    server.on(is_first(server), Reply(gate=gate))
    running = asyncio.ensure_future(fan(4, model).ainvoke(GIVEN))
    await came(server, 1)
    clock.advance(60)
    await came(server, 4)
    gate.open()
    assert (await running)["run_report"].branches == {"ok": 4}


async def test_if_leaders_keep_failing_all_go(model: str, server: PrefixServer) -> None:
    """One after another they would wait for the failures of each other."""
    gate = Gate(opens_at=4)
    server.always(Reply(status=500, gate=gate))
    server.on(lambda _: True, Reply(status=500), times=MOST_FAILED)
    limits = Limits(leader="on", attempts=1, rest_after=0)
    out = await fan(6, model, limits).ainvoke(GIVEN)
    assert out["run_report"].branches == {"failed": 6}
    assert len(server.requests) == 6


async def test_a_stop_of_the_leader_passes_on(model: str, server: PrefixServer) -> None:
    """A leader whose branch is cancelled leaves its place to the next call."""
    server.on(lambda request: "Question 0" in request.prompt, Reply(hang=True))
    ask = asker(model)
    first = asyncio.ensure_future(ask.ainvoke({"content": DOCUMENT, "title": "Question 0?"}))
    await until(lambda: server.hanging == 1)
    others = [
        asyncio.ensure_future(ask.ainvoke({"content": DOCUMENT, "title": f"Question {i}?"}))
        for i in range(1, 4)
    ]
    await asyncio.sleep(0)
    others[0].cancel()
    first.cancel()
    assert await asyncio.gather(*others[1:]) == ["ok", "ok"]
    assert streamed(server) == [0, 1]


async def test_a_drain_ends_those_that_wait_for_a_leader(model: str, server: PrefixServer) -> None:
    """They are skipped at once, and the leader may finish."""
    gate = Gate()
    server.always(Reply(gate=gate))
    running = asyncio.ensure_future(fan(5, model).ainvoke(GIVEN))
    await came(server, 1)
    drain()
    gate.open()
    out = await running
    assert out["run_report"].branches == {"ok": 1, "skipped": 4}
    assert len(server.requests) == 1


async def test_a_deadline_ends_those_that_wait_for_a_leader(
    model: str, server: PrefixServer, clock: Clock
) -> None:
    """And the leader: the run closes on what it has."""
    server.always(Reply(hang=True))
    running = asyncio.ensure_future(fan(5, model, Limits(leader="on", deadline=50)).ainvoke(GIVEN))
    await until(lambda: server.hanging == 1)
    clock.advance(50)
    out = await running
    assert out["run_report"].branches == {"timed_out": 5}
    assert len(server.requests) <= 5


async def test_a_budget_that_is_spent_ends_all(model: str, server: PrefixServer) -> None:
    """Nobody waits for a leader that may not start."""
    out = await fan(5, model, Limits(leader="on", budget_calls=2)).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 2, "skipped": 3}
    out = await fan(5, model, Limits(leader="on", budget_calls=0)).ainvoke(GIVEN)
    assert out["run_report"].branches == {"skipped": 5}


async def test_a_leader_needs_no_more_than_one_slot(model: str, server: PrefixServer) -> None:
    """With one call at a time nobody waits for a leader that cannot start."""
    out = await fan(5, model, Limits(leader="on", concurrency=1)).ainvoke(GIVEN, {"max_concurrency": 1})
    assert out["run_report"].branches == {"ok": 5}
    assert (len(streamed(server)), server.most_in_flight) == (1, 1)


async def test_two_runs_at_once_share_a_leader(model: str, server: PrefixServer) -> None:
    """The prefixes are those of the process."""
    gate = Gate()
    server.on(is_first(server), Reply(gate=gate))
    runs = [asyncio.ensure_future(fan(4, model).ainvoke(GIVEN)) for _ in range(2)]
    await came(server, 1)
    await asyncio.sleep(0.05)  # a second leader would be sent now
    gate.open()
    for out in await asyncio.gather(*runs):
        assert out["run_report"].branches == {"ok": 4}
    assert len(streamed(server)) <= 2
    assert server.billed < 3.1 * server._tokens(server.requests[0])


async def test_while_a_prefix_is_warm_nobody_leads(model: str, server: PrefixServer, clock: Clock) -> None:
    """A second run within minutes reads all of it, a later one leads again."""
    graph = fan(3, model)
    await graph.ainvoke(GIVEN)
    await graph.ainvoke(GIVEN)
    assert streamed(server) == [0]
    assert sum(read > 0 for read in server.read.values()) == 5
    clock.advance(600)
    await graph.ainvoke(GIVEN)
    assert len(streamed(server)) == 2


@pytest.mark.parametrize("way", ["threads", "invoke"])
def test_threads_with_loops_of_their_own_share_a_leader(way: str, model: str, server: PrefixServer) -> None:
    """A leader in one thread wakes those that wait in another, in sync code, too."""
    results: list[Any] = []

    def run() -> None:
        graph = fan(4, model)
        out = graph.invoke(GIVEN) if way == "invoke" else asyncio.run(graph.ainvoke(GIVEN))
        results.append(out["run_report"].branches)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [{"ok": 4}] * 3
    assert len(streamed(server)) <= 3


async def test_a_loop_that_ends_with_its_leader_leaves_the_others_one(
    model: str, server: PrefixServer
) -> None:
    """What waits in another thread leads as soon as the leader's event loop is gone."""
    server.on(is_first(server), Reply(hang=True))
    ask = asker(model)

    def lead() -> None:
        async def until_cut_off() -> None:
            asking = asyncio.ensure_future(ask.ainvoke({"content": DOCUMENT, "title": "first"}))
            await until(lambda: server.hanging == 1)
            goes_on.set()
            await asyncio.to_thread(ends.wait)
            del asking

        asyncio.run(until_cut_off())

    goes_on, ends = threading.Event(), threading.Event()
    thread = threading.Thread(target=lead)
    thread.start()
    await asyncio.to_thread(goes_on.wait)
    second = asyncio.ensure_future(ask.ainvoke({"content": DOCUMENT, "title": "second"}))
    await asyncio.sleep(0.01)
    ends.set()
    assert await second == "ok"
    await asyncio.to_thread(thread.join)


async def test_short_prompts_and_single_prefixes_go_at_once(model: str, server: PrefixServer) -> None:
    """A prefix of less than 1,024 tokens is not kept by any provider: no stream, no key, nobody waits."""
    gate = Gate(opens_at=4)
    server.always(Reply(gate=gate))
    ask = asker(model)
    questions = [{"content": "A short text.", "title": f"Question {i}?"} for i in range(4)]
    assert await asyncio.gather(*map(ask.ainvoke, questions)) == ["ok"] * 4
    assert not streamed(server)
    assert not server.keys


@pytest.mark.parametrize("leader", ["off", "auto"])
async def test_nobody_leads_where_no_cache_is_known(leader: Any, model: str, server: PrefixServer) -> None:
    """Nor where it is switched off: all leave together."""
    gate = Gate(opens_at=4)
    server.always(Reply(gate=gate))
    out = await fan(4, model, Limits(leader=leader)).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 4}
    assert not streamed(server)


async def test_an_endpoint_that_tells_of_its_cache_is_led_from_then_on(
    model: str, server: PrefixServer
) -> None:
    """Also if it read nothing yet, since the calls of a burst miss each other."""
    gate = Gate(opens_at=4)
    server.on(lambda request: len(server.requests) <= 4, Reply(gate=gate))
    limits = Limits(leader="auto")
    await fan(4, model, limits).ainvoke(GIVEN)
    assert not streamed(server)
    ask = asker(model, limits)
    questions = [{"content": DOCUMENT[7:], "title": f"Question {i}?"} for i in range(4)]
    await asyncio.gather(*map(ask.ainvoke, questions))
    assert streamed(server) == [4]


async def test_a_price_of_the_cache_is_enough(model: str, server: PrefixServer) -> None:
    """A user who says what cached input costs says that there is a cache."""
    limits = Limits(price_input=1, price_output=2, price_cache_read=0.1)
    await fan(4, model, limits).ainvoke(GIVEN)
    assert streamed(server) == [0]


async def test_where_followers_find_nothing_nobody_leads_any_more(model: str, server: PrefixServer) -> None:
    """The report says so; whoever insists is led all the same. Once a call finds something, all are again."""
    server.keeps = False
    limits = Limits(price_input=1, price_output=2, price_cache_read=0.1)
    await fan(10, model, limits).ainvoke(GIVEN)
    before = len(streamed(server))
    graph = create_sectioning(planner=_other_plan, worker=asker(model, limits), limits=limits)
    out = await graph.ainvoke(GIVEN)
    assert len(streamed(server)) == before
    assert any("not found in the cache" in remark for remark in out["run_report"].remarks)
    await create_sectioning(planner=_other_plan, worker=asker(model), limits=ON).ainvoke(GIVEN)
    assert len(streamed(server)) > before
    server.keeps = True
    for _ in range(2):
        await graph.ainvoke(GIVEN)
    before = len(streamed(server))
    ask = asker(model, limits)
    await asyncio.gather(
        *(ask.ainvoke({"content": DOCUMENT[9:], "title": f"Question {i}?"}) for i in range(3))
    )
    assert len(streamed(server)) == before + 1


def _other_plan(content: str) -> list[Section]:
    return [Section(id=str(i), title=f"Question {i}?", content=DOCUMENT[5:]) for i in range(4)]


async def test_guidelines_are_led_once_and_each_item_once(model: str, server: PrefixServer) -> None:
    """A call that leads the guidelines leads its item, too; the other items begin with its first token."""
    ask = Ask(
        "Label {item} by {guidelines}. {voter}",
        shared=["guidelines", "item"],
        model=model,
        limits=ON,
        instructing=["voter"],
    )
    items = [f"Item {i}. " + f"It has its own long text, number {i}. " * 200 for i in range(4)]
    given = [
        {"guidelines": DOCUMENT, "item": item, "voter": f"You are voter {voter}."}
        for item in items
        for voter in range(3)
    ]
    await asyncio.gather(*map(ask.ainvoke, given))
    assert len(streamed(server)) == 4
    assert server.read[0] == 0
    whole = [read for read in server.read.values() if read > len(DOCUMENT) / 4 + 1000]
    assert len(whole) == 8  # two voters of each item read it, too


@pytest.mark.parametrize("refusal", ["stream_options is not supported", "something is wrong with that"])
async def test_an_endpoint_that_refuses_streams_is_led_by_whole_answers(
    refusal: str, model: str, server: PrefixServer
) -> None:
    """That is found out once; then the leader's answer wakes the others."""
    error = {"error": {"message": refusal, "type": "invalid_request_error"}}
    server.on(lambda request: bool(request.body.get("stream")), Reply(status=400, body=error))
    out = await fan(4, model).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 4}
    assert len(streamed(server)) == 1
    assert sum(read > 0 for read in server.read.values()) == 3


async def test_an_endpoint_that_ignores_the_stream_is_read(model: str, server: PrefixServer) -> None:
    """It answers with a whole completion, as to any other request."""
    completion = {
        "choices": [{"message": {"role": "assistant", "content": "whole"}, "finish_reason": "stop"}]
    }
    server.on(lambda request: bool(request.body.get("stream")), Reply(body=completion))
    ask = asker(model)
    answers = await asyncio.gather(
        *(ask.ainvoke({"content": DOCUMENT, "title": f"Question {i}?"}) for i in range(3))
    )
    assert sorted(answers) == ["ok", "ok", "whole"]


async def test_a_stream_that_breaks_off_is_asked_for_again(model: str, server: PrefixServer) -> None:
    """Half an answer is none; its followers are on their way all the same."""
    server.on(is_first(server), Reply(text="The first half of an answer", breaks_off=True))
    ask = asker(model)
    questions = [{"content": DOCUMENT, "title": f"Question {i}?"} for i in range(3)]
    assert await asyncio.gather(*map(ask.ainvoke, questions)) == ["ok"] * 3
    assert len(server.requests) == 4


async def test_streams_that_are_not_counted_are_given_up(model: str, server: PrefixServer) -> None:
    """The tokens of the one that showed it are estimated: no answer is free."""
    server.uncounted = True
    ask = asker(model)
    with recording() as calls:
        for document in (DOCUMENT[1:], DOCUMENT[2:], DOCUMENT[3:]):
            for title in ("first", "second"):
                await ask.ainvoke({"content": document, "title": title})
    assert streamed(server) == [0]
    assert all(call.usage.input_tokens > 9000 for call in calls.values())


async def test_an_error_in_a_stream_is_one_of_the_endpoint(model: str, server: PrefixServer) -> None:
    """Servers put it in a part of the answer."""
    part = 'data: {"error": {"message": "overloaded", "code": 503}}\n\n'
    calls = count()
    server.on(lambda request: next(calls) == 0, Reply(events=part))
    out = await fan(3, model).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 3}
    assert out["run_report"].retries == 1


async def test_keys_are_sent_where_they_are_taken(model: str, server: PrefixServer) -> None:
    """One key for each prefix; a refusal is found out once."""
    await fan(4, model).ainvoke(GIVEN)
    assert len(server.keys) == 1
    reset_limits()
    error = {"error": {"message": "Unsupported parameter(s): `prompt_cache_key`"}}
    server.on(lambda request: "prompt_cache_key" in request.body, Reply(status=400, body=error))
    before = len(server.requests)
    out = await fan(4, model).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 4}
    assert len(server.requests) - before == 5
    assert any("prompt_cache_key is not sent" in remark for remark in out["run_report"].remarks)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrefixServer]:
    """Run a server of whose machines each takes 15 calls with one key."""
    reset_limits()
    with PrefixServer(per_key=15) as running:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


async def test_calls_above_the_rate_of_a_key_get_another_one(narrow: PrefixServer) -> None:
    """Each with a leader; the first further key shows that it is needed."""
    out = await fan(40, "openai:test-model").ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 40}
    assert len(narrow.keys) == 3
    assert sum(read == 0 for read in narrow.read.values()) == 3


async def test_where_one_machine_has_all_further_keys_cost_nothing(model: str, server: PrefixServer) -> None:
    """The first call with one finds the prefix, and later runs use one key."""
    out = await fan(40, model).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 40}
    assert sum(read == 0 for read in server.read.values()) == 1
    before = len(server.requests)
    ask = asker(model)
    await asyncio.gather(
        *(ask.ainvoke({"content": DOCUMENT[3:], "title": f"Question {i}?"}) for i in range(40))
    )
    later = {request.body["prompt_cache_key"] for request in server.requests[before:]}
    assert len(later) == 1


class Caller:
    """A call that takes its turn, for tests of the turns alone."""

    def __init__(self, run: Hashable = "run") -> None:
        self.run: Hashable = run
        self.is_sent = False


async def test_a_thousand_followers_are_woken_at_once() -> None:
    """By one token, in the order in which they came, and none is left."""
    leading = Leading()
    leader = Caller()
    assert await leading.turn(lambda: "x", leader, lambda: None) == ("x", True)
    waits = [asyncio.ensure_future(leading.turn(lambda: "x", Caller(), lambda: None)) for _ in range(1000)]
    await asyncio.sleep(0)
    assert not any(wait.done() for wait in waits)
    leading.used("x")
    assert await asyncio.gather(*waits) == [("x", False)] * 1000


async def test_nobody_waits_for_a_leader_of_another_run_that_is_in_line() -> None:
    """That run may be slow on purpose; once its request has left, others wait for it."""
    leading = Leading()
    leader = Caller("slow")
    await leading.turn(lambda: "x", leader, lambda: None)
    assert await leading.turn(lambda: "x", Caller("other"), lambda: None) == ("x", False)
    leader.is_sent = True
    waits = asyncio.ensure_future(leading.turn(lambda: "x", Caller("other"), lambda: None))
    await asyncio.sleep(0)
    assert not waits.done()
    leading.lost("x", leader, failed=False)
    assert await waits == ("x", True)


async def test_every_one_that_leaves_passes_on() -> None:
    """Leaders that end without a token and waiters that are cancelled, in any order, leave nobody behind."""
    leading = Leading()
    callers = [Caller() for _ in range(30)]
    led: list[int] = []

    async def run(number: int) -> None:
        _, leads = await leading.turn(lambda: "x", callers[number], lambda: None)
        if leads:
            led.append(number)
            await asyncio.sleep(0)
            leading.lost("x", callers[number], failed=False)

    tasks = [asyncio.ensure_future(run(number)) for number in range(30)]
    await asyncio.sleep(0)
    for number in (1, 2, 5, 29):
        tasks[number].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert sorted(led) == [n for n in range(30) if n not in (1, 2, 5, 29)]


async def test_one_that_was_woken_to_lead_and_is_cancelled_passes_on() -> None:
    """The wake is not lost between the two."""
    leading, leader = Leading(), Caller()
    await leading.turn(lambda: "x", leader, lambda: None)
    heir, next_one = (
        asyncio.ensure_future(leading.turn(lambda: "x", Caller(), lambda: None)) for _ in range(2)
    )
    await asyncio.sleep(0)
    leading.lost("x", leader, failed=True)
    heir.cancel()
    assert await asyncio.wait_for(next_one, 5) == ("x", True)


async def test_nobody_waits_for_ever(clock: Clock) -> None:
    """Not even for a leader in an event loop that nobody runs any more; who came later waits on."""
    leading = Leading()
    await leading.turn(lambda: "x", Caller(), lambda: None)
    first = asyncio.ensure_future(leading.turn(lambda: "x", Caller(), lambda: None))
    await asyncio.sleep(0)
    clock.advance(LONGEST_WAIT - 1)
    second = asyncio.ensure_future(leading.turn(lambda: "x", Caller(), lambda: None))
    await asyncio.sleep(0)
    clock.advance(1.5)
    assert await first == ("x", False)
    assert not second.done()
    leading.used("x")
    assert await second == ("x", False)


async def test_a_waiter_whose_loop_is_closed_is_passed_over() -> None:
    """It was not cancelled, and is never going to lead."""
    leading, leader = Leading(), Caller()
    await leading.turn(lambda: "x", leader, lambda: None)
    waits: list[Any] = []

    def wait_and_leave() -> None:
        loop = asyncio.new_event_loop()
        waits.append(loop.create_task(leading.turn(lambda: "x", Caller(), lambda: None)))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    await asyncio.to_thread(wait_and_leave)
    other = asyncio.ensure_future(leading.turn(lambda: "x", Caller(), lambda: None))
    await asyncio.sleep(0)
    leading.lost("x", leader, failed=False)
    assert await asyncio.wait_for(other, 60) == ("x", True)
    waits[0]._log_destroy_pending = False


async def test_what_is_forgotten_is_bounded() -> None:
    """A process that asks about many documents does not remember all of them."""
    leading = Leading()
    for number in range(10_000):
        await leading.turn(partial(int, number), caller := Caller(), lambda: None)
        leading.lost(number, caller, failed=False)
    assert len(leading._prefixes) <= 4096 + 1


def panel(n: int, model: str, **options: Any) -> Any:
    """Return a vote of readers of the same document."""
    voters = [Ask(f"Reader {i}: is {{question}} right?", shared=["question"], model=model) for i in range(n)]
    return create_voting(voters=voters, choices=["yes", "no"], limits=ON, **options)


@pytest.mark.parametrize("wave", ["all", "lossless", 1, 2])
async def test_votes_ask_the_same_voters_in_any_wave(wave: Any, model: str, server: PrefixServer) -> None:
    """Whether all are asked at once or one after another: who waits for a leader holds up nobody."""
    server.always(Reply(text="yes"))
    out = await panel(5, model, wave=wave, stop="all_votes").ainvoke({"question": DOCUMENT})
    assert (out["verdict"].choice, out["verdict"].asked) == ("yes", 5)
    assert streamed(server) == [0]
    assert sum(read > 0 for read in server.read.values()) == 4


async def test_a_vote_that_is_over_ends_those_that_follow(model: str, server: PrefixServer) -> None:
    """Its stop cuts off the leader, too, whose answer has begun: the prefix stays warm for others."""
    server.always(Reply(text="yes"))
    server.on("Reader 0", Reply(text="yes, it is", rest=Gate()))
    out = await panel(3, model, wave="all", stop="decided").ainvoke({"question": DOCUMENT})
    assert (out["verdict"].choice, out["verdict"].status) == ("yes", "decided")
    await asyncio.to_thread(server.wait, lambda s: s.cut_off == 1)
    assert streamed(server) == [0]


async def test_a_redrive_leads_again_or_finds_it_warm(model: str, server: PrefixServer) -> None:
    """What failed is asked again, with the prefix that the others have left in the cache."""
    config: Any = {"configurable": {"thread_id": "leading"}}
    server.on(
        lambda request: "Question 2" in request.prompt, Reply(text="", finish="content_filter"), times=1
    )
    graph = fan(4, model, checkpointer=InMemorySaver())
    out = await graph.ainvoke(GIVEN, config)
    assert out["run_report"].branches == {"failed": 1, "ok": 3}
    out = await aredrive(graph, config)
    assert out["run_report"].branches == {"ok": 4}
    assert server.read[len(server.requests) - 1] > 0
    assert streamed(server) == [0]


async def test_who_waits_tells_so(model: str, server: PrefixServer) -> None:
    """As an event of the branch, with the call that waits."""
    told = [event async for event in events(fan(4, model), GIVEN)]
    waits = [event for event in told if isinstance(event, Waiting) and event.on == "leader"]
    assert len(waits) == 3
    assert len({event.call for event in waits}) == 3


async def test_a_hedge_of_a_leader_needs_no_turn(model: str, server: PrefixServer) -> None:
    """The first answer of the two lets the others go."""
    server.on(is_first(server), Reply(hang=True))
    out = await fan(3, model, Limits(leader="on", hedge=0.05, hedge_share=1.0)).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 3}
    assert out["run_report"].hedges >= 1


async def test_what_langchain_may_keep_is_not_streamed(model: str, server: PrefixServer) -> None:
    """Calls that LangChain's cache may answer are not streamed, so that their answers are kept."""
    set_llm_cache(InMemoryCache())
    try:
        ask = asker(model)
        for _ in range(2):
            assert await ask.ainvoke({"content": DOCUMENT, "title": "once"}) == "ok"
    finally:
        set_llm_cache(None)
    assert len(server.requests) == 1
    assert not streamed(server)


async def test_what_is_left_out_by_a_guess_comes_back(model: str, server: PrefixServer) -> None:
    """A refusal without a reason is tried without key and stream; if it stays, they were not the reason."""
    server.always(Reply(status=400, body={"error": {"message": "something is wrong"}}))
    ask = asker(model, Limits(leader="on", attempts=1))
    with pytest.raises(Exception, match="something is wrong"):
        await ask.ainvoke({"content": DOCUMENT, "title": "refused"})
    server.always(Reply(text="fine"))
    await ask.ainvoke({"content": DOCUMENT, "title": "taken"})
    assert server.requests[-1].body.get("prompt_cache_key")
    assert server.requests[-1].body["stream"]


def test_many_threads_leave_nobody_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaders of nested prefixes that end, fail and are cancelled at random, in four event loops."""
    monkeypatch.setattr("langgraph_parallel.runtime.leading.WARM_SECONDS", 0.001)
    leading = Leading()

    def run(seed: int) -> None:
        draw = random.Random(seed)

        async def call(number: int) -> None:
            caller, held = Caller(), list[Hashable]()
            try:
                for level in ("a", "ab", "abc")[: draw.randint(1, 3)]:
                    name, leads = await leading.turn(
                        partial(tuple, [level, number % 3]), caller, lambda: None
                    )
                    held += [name] if leads else []
                caller.is_sent = True
                await asyncio.sleep(draw.random() * 0.001)
                for name in held[: draw.randint(0, 3)]:
                    leading.used(name)
            finally:
                for name in held:
                    leading.lost(name, caller, failed=False)

        async def calls() -> None:
            tasks = [asyncio.ensure_future(call(number)) for number in range(80)]
            for task in draw.sample(tasks, 20):
                await asyncio.sleep(0)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run(calls())

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert all(prefix.is_idle for prefix in leading._prefixes.values())
