"""Governed models: the model as it was, with this package's retries, limits and accounts."""

import asyncio
import pickle
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import ConfigurableField
from langchain_openai import ChatOpenAI
from openai import DefaultAsyncHttpxClient
from pydantic import BaseModel, SecretStr

from langgraph_parallel import Ask, Limits, agents, create_sectioning, errors, governed
from langgraph_parallel.runtime.limiter_registry import get_limiter
from langgraph_parallel.runtime.loops import _stores
from tests.support.clock import Clock, until
from tests.support.fans import GIVEN, numbered
from tests.support.server import Gate, ModelServer, Reply

QUICK = {"backoff": 0}


def in_flight(server: ModelServer) -> int:
    """Return the slots that are taken."""
    return get_limiter(f"{server.url}/", "own").in_flight


def test_it_is_the_same_model(own: ChatOpenAI) -> None:
    """Of a subclass of its class, with its fields; governing twice changes nothing."""
    model = governed(own)
    assert isinstance(model, ChatOpenAI)
    assert type(model).__name__ == "ChatOpenAI"
    assert (model.model_name, model.temperature) == (own.model_name, own.temperature)
    assert type(governed(model)) is type(model)
    assert governed(model).tags == ["langgraph-parallel:governed"]
    assert own.tags is None


async def test_its_answers_are_those_of_the_model(server: ModelServer, own: ChatOpenAI) -> None:
    """All fields but the id of the run, on the short way, with a tool, with a schema, and streamed."""
    model = governed(own)

    class Answer(BaseModel):
        text: str

    async def same(ask: Any) -> None:
        first, second = await ask(model), await ask(own)
        assert first == second or first.model_dump(exclude={"id"}) == second.model_dump(exclude={"id"})

    def look(text: str) -> str:
        """Look something up."""
        return text

    await same(lambda m: m.ainvoke("Q?"))
    await same(lambda m: m.ainvoke([HumanMessage("Q?"), AIMessage("A."), HumanMessage("Why?")], stop=["x"]))
    await same(lambda m: m.bind_tools([look]).ainvoke("Q?"))
    await same(lambda m: m.with_structured_output(Answer).ainvoke("Q?"))
    await same(lambda m: asyncio.to_thread(m.invoke, "Q?"))
    server.always(Reply(text="a longer answer"))
    for model_or_own in (model, own):
        assert "".join([part.text async for part in model_or_own.astream("Q?")]) == "a longer answer"
        assert "".join(part.text for part in model_or_own.stream("Q?")) == "a longer answer"


@pytest.mark.parametrize("way", ["ainvoke", "astream", "invoke", "stream"])
async def test_failures_are_retried(way: str, server: ModelServer, own: ChatOpenAI) -> None:
    """Two answers of 500, then one that counts: three requests, in each way to call it."""
    model: Any = governed(own, QUICK)
    server.on("Q?", Reply(status=500), times=2)
    if way == "ainvoke":
        answer = (await model.ainvoke("Q?")).text
    elif way == "astream":
        answer = "".join([part.text async for part in model.astream("Q?")])
    elif way == "invoke":
        answer = (await asyncio.to_thread(model.invoke, "Q?")).text
    else:
        answer = await asyncio.to_thread(lambda: "".join(part.text for part in model.stream("Q?")))
    assert (answer, len(server.requests), in_flight(server)) == ("ok", 3, 0)


async def test_the_models_own_retries_are_off(server: ModelServer) -> None:
    """Or they would multiply with those of the limits."""
    model = governed(ChatOpenAI(model="own", base_url=server.url, api_key=SecretStr("x")), {"attempts": 1})
    server.always(Reply(status=500))
    with pytest.raises(Exception, match="500"):
        await model.ainvoke("Q?")
    with pytest.raises(Exception, match="500"):
        await asyncio.to_thread(model.invoke, "Q?")
    assert len(server.requests) == 2


async def test_the_ceiling_holds_outside_of_any_graph(server: ModelServer, own: ChatOpenAI) -> None:
    """Over all ways to call it, and with a request of an `Ask` beside it."""
    gate = Gate()
    server.always(Reply(gate=gate))
    model: Any = governed(own, {"concurrency": 2})
    stream = model.astream("s")
    calls = [
        *(model.ainvoke(str(i)) for i in range(3)),
        *(asyncio.to_thread(model.invoke, str(i)) for i in range(3)),
        anext(stream),
        Ask("{text}", model=own, limits=Limits(concurrency=2)).ainvoke("x"),
    ]
    running = [asyncio.ensure_future(call) for call in calls]
    await until(lambda: server.in_flight == 2)
    gate.open()
    await asyncio.gather(*running)
    await stream.aclose()
    assert (server.most_in_flight, len(server.requests), in_flight(server)) == (2, 8, 0)


@pytest.mark.parametrize("sync", [False, True])
async def test_in_a_branch_it_obeys_the_run_once(sync: bool, server: ModelServer, own: ChatOpenAI) -> None:
    """Each request is recorded once and takes one of the budget: nothing else governs it."""
    model: Any = governed(own, QUICK)
    # Whichever request comes first fails: threads do not start in the order of their sections.
    server.on("Number", Reply(status=500), times=1)

    async def ask(section: Any) -> str:
        return str((await model.ainvoke(section.content)).text)

    def ask_blocking(section: Any) -> str:
        return str(model.invoke(section.content).text)

    worker: Any = ask_blocking if sync else ask
    graph = create_sectioning(planner=numbered(8), worker=worker, limits={"budget_calls": 5})
    report = (await graph.ainvoke(GIVEN))["run_report"]
    assert len(server.requests) == len(report.calls) == 5
    assert report.branches["ok"] == 4
    server.requests.clear()
    server.on("Number", Reply(status=500), times=1)
    graph = create_sectioning(planner=numbered(8), worker=worker, limits={"budget_calls": 9})
    report = (await graph.ainvoke(GIVEN))["run_report"]
    assert len(server.requests) == len(report.calls) == 9
    assert report.branches == {"ok": 8}
    assert [call.attempt for call in report.calls].count(2) == 1
    assert {call.target for call in report.calls} == {"own"}


async def test_a_call_that_hangs_is_timed_out(server: ModelServer, own: ChatOpenAI, clock: Clock) -> None:
    """Whole and streamed, by the limits of the call."""
    server.always(Reply(hang=True))
    model = governed(own, {"call_timeout": 300, "attempts": 1})
    for ask in (lambda: model.ainvoke("Q?"), lambda: anext(model.astream("Q?"))):
        asking = asyncio.ensure_future(ask())
        await until(lambda: server.hanging == 1)
        clock.advance(300)
        with pytest.raises(TimeoutError, match="no answer from own within 300 s"):
            await asking
        await until(lambda: server.in_flight == 0)
    assert in_flight(server) == 0


async def test_a_straggler_is_hedged(server: ModelServer, own: ChatOpenAI, clock: Clock) -> None:
    """The second request is answered, and the first is cut off."""
    server.on("Q?", Reply(hang=True), times=1)
    model = governed(own, {"hedge": 100, "hedge_share": 1})
    asking = asyncio.ensure_future(model.ainvoke("Q?"))
    await until(lambda: server.hanging == 1)
    clock.advance(100)
    assert (await asking).text == "ok"
    await until(lambda: server.in_flight == 0)
    assert (len(server.requests), in_flight(server)) == (2, 0)


async def test_a_stream_that_nobody_reads_returns_its_slot(server: ModelServer, own: ChatOpenAI) -> None:
    """Whether its reader goes away, or is cancelled."""
    server.always(Reply(text="word " * 50))
    model: Any = governed(own)
    stream = model.astream("Q?")
    await anext(stream)
    assert in_flight(server) == 1
    await stream.aclose()
    assert in_flight(server) == 0
    gate = Gate()
    server.always(Reply(gate=gate))
    reading = asyncio.ensure_future(anext(model.astream("Q?")))
    await until(lambda: in_flight(server) == 1)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await until(lambda: in_flight(server) == 0)


async def test_a_copy_is_governed_too(server: ModelServer, own: ChatOpenAI) -> None:
    """With other fields, which its requests have; with limits of the first."""
    copy = governed(own, {"concurrency": 1}).model_copy(update={"temperature": 0.25})
    server.always(Reply(delay=0.01))
    await asyncio.gather(*(copy.bind(stop=["x"]).ainvoke(str(i)) for i in range(3)))
    assert server.most_in_flight == 1
    assert {request.body["temperature"] for request in server.requests} == {0.25}


async def test_a_callback_hears_it(server: ModelServer, own: ChatOpenAI) -> None:
    """Once for a question, however many requests it took."""
    heard: list[str] = []

    class Listener(BaseCallbackHandler):
        def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            heard.append("start")

        def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
            heard.append("end")

    server.on("Q?", Reply(status=500), times=1)
    await governed(own, QUICK).ainvoke("Q?", {"callbacks": [Listener()]})
    assert (heard, len(server.requests)) == (["start", "end"], 2)


class Words(BaseChatModel):
    """A model of the caller's that has only sync code."""

    calls: list[str] = []

    @property
    def _llm_type(self) -> str:
        return "words"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **options: Any) -> Any:
        self.calls.append(messages[0].text)
        return ChatResult(generations=[ChatGeneration(message=AIMessage("word"))])


async def test_any_chat_model_can_be_governed() -> None:
    """One that has only sync code, and one that streams letter by letter."""
    words = governed(Words())
    assert (await words.ainvoke("a")).text == "word"
    assert words.invoke("b").text == "word"
    assert [part.text async for part in words.astream("c") if part.text] == ["word"]
    assert words.calls == ["a", "b", "c"]
    letters = governed(FakeListChatModel(responses=["abc"]))
    assert [part.text async for part in letters.astream("x") if part.text] == ["a", "b", "c"]
    assert [part.text for part in letters.stream("x") if part.text] == ["a", "b", "c"]


async def test_it_can_be_the_model_of_a_graph(server: ModelServer, own: ChatOpenAI) -> None:
    """Then the graph governs it, once."""
    graph = create_sectioning(planner=numbered(2), worker=Ask("{content}", model=governed(own)))
    report = (await graph.ainvoke(GIVEN))["run_report"]
    assert (report.branches, len(report.calls), len(server.requests)) == ({"ok": 2}, 2, 2)


@pytest.mark.parametrize("how", ["model", "middleware"])
async def test_an_agent_has_its_calls_governed(how: str, server: ModelServer, own: ChatOpenAI) -> None:
    """By a governed model, or by the middleware: retried, and recorded once each, as its only governor."""

    def look(text: str) -> str:
        """Look something up."""
        return "found"

    server.on(lambda r: r.body["messages"][-1]["role"] == "tool", Reply(text="done"))
    server.on("Number 1:", Reply(status=500), times=1)
    agent = (
        create_agent(governed(own, QUICK), [look])
        if how == "model"
        else create_agent(own, [look], middleware=[agents.GovernedMiddleware(QUICK)])
    )
    graph = create_sectioning(planner=numbered(3), worker=agent, limits={"concurrency": 1})
    out = await graph.ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 3}
    assert len(out["run_report"].calls) == len(server.requests) == 7
    assert server.most_in_flight == 1
    assert out["run_report"].retries == 1


def test_the_middleware_works_in_sync_code(server: ModelServer, own: ChatOpenAI) -> None:
    """Outside of any graph of this package."""
    server.on("Q?", Reply(status=500), times=1)
    agent = create_agent(own, [], middleware=[agents.GovernedMiddleware(QUICK)])
    assert agent.invoke({"messages": [HumanMessage("Q?")]})["messages"][-1].text == "ok"
    assert len(server.requests) == 2


def test_what_cannot_be_governed_is_said(own: ChatOpenAI) -> None:
    """In one line."""
    wrong: Any = "openai:gpt"
    with pytest.raises(errors.UsageError, match="'openai:gpt' is not a LangChain chat model; pass one"):
        governed(wrong)
    with pytest.raises(errors.UsageError, match="limits of a worker cannot set budget_calls"):
        governed(own, {"budget_calls": 1})
    with pytest.raises(errors.UsageError, match="limits has the unknown key 'speed'"):
        agents.GovernedMiddleware({"speed": 1})


class Failing(FakeListChatModel):
    """A model whose stream fails before it begins, and which counts its answers."""

    def _stream(self, *args: Any, **options: Any) -> Any:
        raise ValueError("no stream")


def test_a_stream_that_fails_before_it_begins_returns_its_slot() -> None:
    """Where the model's code is no generator: the next call gets the slot."""
    model = governed(Failing(responses=["a"]), {"concurrency": 1})
    for _ in range(2):
        with pytest.raises(ValueError, match="no stream"):
            list(model.stream("x"))
    assert model.invoke("x").text == "a"


async def test_the_state_and_the_settings_of_a_model_are_its_own(
    server: ModelServer, own: ChatOpenAI
) -> None:
    """A model that answers one after another does so, and a setting that is changed later counts."""
    letters = governed(FakeListChatModel(responses=["a", "b", "c"]))
    said = [letters.invoke("x").text, (await letters.ainvoke("x")).text]
    assert [*said, await asyncio.to_thread(lambda: letters.invoke("x").text)] == ["a", "b", "c"]
    model = governed(own)
    await model.ainvoke("x")
    model.temperature = 0.75
    await model.ainvoke("x")
    assert [request.body.get("temperature") for request in server.requests] == [None, 0.75]


@pytest.mark.parametrize("place", ["function", "worker", "ask", "configurable"])
async def test_its_limits_hold_wherever_it_is_called(
    place: str, server: ModelServer, own: ChatOpenAI
) -> None:
    """Also where a graph asks it, and where LangChain builds it anew for other settings."""
    server.always(Reply(status=500))
    model: Any = governed(own, {"attempts": 1})
    if place == "configurable":
        model = model.configurable_fields(temperature=ConfigurableField(id="warmth"))

    async def ask(section: Any) -> str:
        return str((await model.with_config(configurable={"warmth": 0.5}).ainvoke(section.content)).text)

    worker: Any = {"worker": model, "ask": Ask("{content}", model=model) if place == "ask" else None}.get(
        place, ask
    )
    await create_sectioning(planner=numbered(1), worker=worker).ainvoke(GIVEN)
    assert len(server.requests) == 1


async def test_nothing_is_kept_of_models_that_are_gone(own: ChatOpenAI) -> None:
    """A process that governs a model for each call does not grow."""
    await governed(own).ainvoke("x")
    before = len(_stores[asyncio.get_running_loop()].objects)
    for _ in range(5):
        await governed(own).ainvoke("x")
    assert len(_stores[asyncio.get_running_loop()].objects) == before


def test_it_can_be_pickled() -> None:
    """As the model it was, governed again."""
    model = pickle.loads(pickle.dumps(governed(Words(), {"attempts": 2})))
    assert model.tags == ["langgraph-parallel:governed"]
    assert Ask("{text}", model=model).limits == Limits(attempts=2)


async def test_the_headers_of_the_callers_client_are_sent(server: ModelServer) -> None:
    """As the SDK does, which a gateway may need."""
    async with DefaultAsyncHttpxClient(headers={"X-Gateway": "abc"}) as client:
        model = ChatOpenAI(model="own", base_url=server.url, api_key=SecretStr("x"), http_async_client=client)
        await governed(model).ainvoke("x")
        await Ask("{text}", model=model).ainvoke("x")
    sent = [{name.lower(): value for name, value in r.headers.items()} for r in server.requests]
    assert [headers.get("x-gateway") for headers in sent] == ["abc", "abc"]


async def test_a_stream_without_usage_is_estimated(server: ModelServer, own: ChatOpenAI) -> None:
    """Or a budget of tokens would not hold for it."""
    server.always(Reply(text="word " * 40))
    model = governed(own)

    async def ask(section: Any) -> str:
        return "".join([part.text async for part in model.astream(section.content)])

    report = (await create_sectioning(planner=numbered(1), worker=ask).ainvoke(GIVEN))["run_report"]
    assert report.usage.input_tokens > 3
    assert report.usage.output_tokens > 20


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(status=500)], ids=["hangs", "is retried"])
async def test_the_deadline_reaches_a_planner_that_streams(
    reply: Reply, server: ModelServer, own: ChatOpenAI, clock: Clock
) -> None:
    """It is in no branch, whose bound would end it; nothing goes on, be it a request or a pause."""
    server.always(reply)
    model = governed(own)

    async def planner(content: str) -> Any:
        return [part async for part in model.astream(content)]

    limits = {"deadline": 500, "backoff": 1000, "call_timeout": 900}
    graph = create_sectioning(planner=planner, worker=len, limits=limits)
    running = asyncio.ensure_future(graph.ainvoke(GIVEN))
    await until(lambda: server.hanging == 1 or any(request.status == 500 for request in server.requests))
    await asyncio.sleep(0.05)
    clock.advance(500)
    await until(running.done)
    assert (await running)["run_report"].failures["plan"].startswith("DeadlineExceeded")


def test_a_sync_call_leaves_the_event_loop_of_its_thread_alone() -> None:
    """Code that keeps a loop for later finds it again."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        governed(Words()).invoke("x")
        assert asyncio.get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def test_the_middleware_leaves_a_model_alone_that_is_chosen_later(
    server: ModelServer, own: ChatOpenAI
) -> None:
    """Which is no chat model yet."""
    later: Any = own.configurable_fields(temperature=ConfigurableField(id="warmth"))
    assert agents.GovernedMiddleware()._govern(later) is later
