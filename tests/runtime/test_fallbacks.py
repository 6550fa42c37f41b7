"""Fallbacks: which model is asked when, and who has answered."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from langgraph_parallel import (
    Ask,
    Limits,
    aestimate,
    aredrive,
    create_sectioning,
    create_voting,
    drain,
    governed,
)
from langgraph_parallel.errors import (
    EndpointResting,
    InvalidAnswer,
    ModelError,
    ModelsFailed,
    RefusedAnswer,
    UnknownPrice,
    UsageError,
)
from langgraph_parallel.nodes.work.parts import DividingAsk
from langgraph_parallel.runtime import resting
from langgraph_parallel.runtime.explain import kind_of
from langgraph_parallel.runtime.resting import FIRST_REST
from tests.support.clock import Clock, until
from tests.support.fans import GIVEN, numbered
from tests.support.server import Gate, ModelServer, Reply, Request

A, B, C = "openai:a", "openai:b", "openai:c"
ONCE = Limits(attempts=1)
DOWN = Reply(status=500)
TOO_LONG = Reply(
    status=400,
    body={
        "error": {
            "message": "This model's maximum context length is 50 tokens.",
            "code": "context_length_exceeded",
            "type": "invalid_request_error",
        }
    },
)


def of(name: str) -> Callable[[Request], bool]:
    """Match the requests to one model."""
    return lambda request: bool(request.body["model"] == name)


def asked(server: ModelServer) -> Counter[str]:
    """How often each model was asked."""
    return Counter(request.body["model"] for request in server.requests)


def fan(number: int, **options: Any) -> Any:
    """Ask A, else what the options say, about each of some sections."""
    return create_sectioning(planner=numbered(number), worker=Ask("{content}", model=A), **options)


@pytest.fixture
def other(server: ModelServer) -> Iterator[ModelServer]:
    """Run another server."""
    with ModelServer() as running:
        yield running


def at(server: ModelServer, name: str) -> ChatOpenAI:
    """Return a chat model of another endpoint than the environment's."""
    return ChatOpenAI(model=name, base_url=server.url, api_key="sk-test-other", max_retries=0)


class Fact(BaseModel):
    """A checked answer."""

    sure: bool


async def test_the_next_model_answers_and_the_record_says_so(model: str, server: ModelServer) -> None:
    """After the last attempt the fallback is asked; its call names the model that was to answer."""
    server.on(of("a"), DOWN)
    server.on(of("b"), Reply(text="from b"))
    out = await fan(1, fallbacks=[B, C], limits=Limits(attempts=2, backoff=0)).ainvoke(GIVEN)
    (branch,) = out["branches"].values()
    assert (branch.value, branch.answered_by) == ("from b", ["b"])
    called = [(call.target, call.attempt, call.ok, call.instead_of) for call in branch.calls]
    assert called == [("a", 1, False, ""), ("a", 2, False, ""), ("b", 1, True, "a")]
    (remark,) = out["run_report"].remarks
    assert remark.startswith("1 answer is of b in place of a: 500 from http://127.0.0.1")


async def test_without_a_failure_nothing_is_said(model: str, server: ModelServer) -> None:
    """A run that needs no fallback has the records of one that has none."""
    out = await fan(2, fallbacks=[B]).ainvoke(GIVEN)
    assert asked(server) == {"a": 2}
    assert out["run_report"].remarks == []
    assert {call.instead_of for call in out["run_report"].calls} == {""}


@pytest.mark.parametrize("status", [401, 402, 403, 404])
async def test_what_no_attempt_can_change_is_found_out_once(
    model: str, server: ModelServer, other: ModelServer, status: int
) -> None:
    """A refused key, a used-up quota, a missing model: one request there, and all answers from the next."""
    gate = Gate()
    reply = Reply(status=status, body={"error": {"message": "model a: no", "code": None}}, gate=gate)
    other.always(reply)
    worker = Ask("{content}", model=at(other, "a"), fallbacks=[B])
    graph = create_sectioning(planner=numbered(20), worker=worker, limits=Limits(concurrency=1))
    running = asyncio.ensure_future(graph.ainvoke(GIVEN))
    await asyncio.to_thread(other.wait, lambda one: len(one.requests) == 1)
    gate.open()
    out = await running
    assert out["run_report"].branches == {"ok": 20}
    assert (len(other.requests), asked(server)) == (1, {"b": 20})


@pytest.mark.parametrize("status", [401, 402, 403, 404])
async def test_a_gateway_may_refuse_one_model_alone(model: str, server: ModelServer, status: int) -> None:
    """A fallback at the same address is asked, whatever was refused; without fallbacks nobody asks again."""
    reply = Reply(status=status, body={"error": {"message": "model a: no", "code": None}})
    server.on(of("a"), reply)
    out = await fan(5, fallbacks=[B], limits=Limits(concurrency=1)).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 5}
    assert asked(server) == {"a": 1, "b": 5}


async def test_hundreds_of_calls_do_not_each_find_out(model: str, server: ModelServer) -> None:
    """Long before a call has made its last attempt, those in line and between attempts go to the next."""
    server.on(of("a"), DOWN)
    limits = Limits(concurrency=8, backoff=0.1)
    out = await fan(300, fallbacks=[B], limits=limits).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 300}
    assert asked(server)["a"] <= 3 * 5 + 8
    assert asked(server)["b"] == 300


async def test_an_overloaded_model_is_left_as_well(model: str, server: ModelServer) -> None:
    """503 counts as a failed attempt where there is a fallback, and calls leave its shrinking line."""
    server.on(of("a"), Reply(status=503))
    out = await fan(100, fallbacks=[B], limits=Limits(attempts=1, concurrency=8)).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 100}
    assert asked(server)["a"] <= 5 + 8
    assert not resting.rests.is_resting(next(iter(resting.detours._rests)))  # calls without a fallback go on


async def test_calls_in_line_leave_when_the_rest_begins(model: str, server: ModelServer) -> None:
    """A call that waits for a slot of an endpoint goes to the fallback although no slot is free."""
    stuck = Gate()
    server.on(of("a"), Reply(text="late", gate=stuck))
    first = asyncio.ensure_future(fan(1, fallbacks=[B], limits=Limits(concurrency=1)).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda one: one.in_flight == 1)
    second = asyncio.ensure_future(fan(3, fallbacks=[B], limits=Limits(concurrency=1)).ainvoke(GIVEN))
    await until(
        lambda: bool(resting.detours._leaving) and len(next(iter(resting.detours._leaving.values()))) == 3
    )
    (key,) = resting.detours._leaving
    for _ in range(5):
        resting.count_failure(key, ConnectionError("gone"), 5)
    out = await second
    assert out["run_report"].branches == {"ok": 3}
    assert asked(server) == {"a": 1, "b": 3}
    stuck.open()
    assert (await first)["run_report"].branches == {"ok": 1}
    assert not resting.detours._leaving


async def test_the_first_is_asked_again_once_it_answers(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """While it rests nobody waits and nothing is sent; then one call finds out, and all others follow."""
    server.on(of("a"), DOWN, times=5)
    ask = Ask("{text}", model=A, fallbacks=[B], limits=ONCE)
    for _ in range(5):
        await ask.ainvoke("x")
    clock.stop()
    for _ in range(10):
        await ask.ainvoke("x")
    assert asked(server) == {"a": 5, "b": 15}
    clock.advance(FIRST_REST)
    for _ in range(3):
        await ask.ainvoke("x")
    assert asked(server) == {"a": 8, "b": 15}


async def test_a_probe_that_fails_costs_one_request(model: str, server: ModelServer, clock: Clock) -> None:
    """The call that finds out whether an endpoint is back makes one attempt, and has its answer as well."""
    server.on(of("a"), DOWN)
    ask = Ask("{text}", model=A, fallbacks=[B], limits=ONCE)
    for _ in range(5):
        await ask.ainvoke("x")
    clock.stop()
    clock.advance(FIRST_REST)
    patient = Ask("{text}", model=A, fallbacks=[B], limits=Limits(attempts=4, backoff=1000))
    answers = await asyncio.gather(*(patient.ainvoke("x") for _ in range(20)))
    assert len(answers) == 20
    assert asked(server) == {"a": 6, "b": 25}


async def test_slow_models_are_passed_over(model: str, server: ModelServer, clock: Clock) -> None:
    """After all timeouts of a call the next one is asked, and after five such calls at once."""
    server.on(of("a"), Reply(hang=True))
    ask = Ask("{text}", model=A, fallbacks=[B], limits=Limits(attempts=1, call_timeout=500))
    slow = [asyncio.ensure_future(ask.ainvoke("x")) for _ in range(5)]
    await asyncio.to_thread(server.wait, lambda one: one.hanging == 5)
    clock.advance(600)
    await asyncio.gather(*slow)
    await asyncio.gather(*(ask.ainvoke("x") for _ in range(10)))
    assert asked(server) == {"a": 5, "b": 15}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(refusal="no"), RefusedAnswer),
        (Reply(text="", finish="content_filter"), RefusedAnswer),
        (Reply(text="not JSON"), InvalidAnswer),
    ],
)
async def test_an_answer_is_an_answer(
    model: str, server: ModelServer, reply: Reply, kind: type[Exception]
) -> None:
    """Refused, filtered and invalid answers are not asked for elsewhere."""
    server.on(of("a"), reply)
    with pytest.raises(kind):
        await Ask("{text}", model=A, schema=Fact, fallbacks=[B]).ainvoke("x")
    assert set(asked(server)) == {"a"}


async def test_a_repair_goes_to_who_answered(model: str, server: ModelServer) -> None:
    """The model whose answer does not fit is shown what is wrong with it."""
    server.on(of("a"), DOWN)
    server.on(of("b"), Reply(text="not JSON"), times=1)
    fact = await Ask("{text}", model=A, schema=Fact, fallbacks=[B], limits=ONCE).ainvoke("x")
    assert isinstance(fact, Fact)
    assert asked(server) == {"a": 1, "b": 2}


async def test_a_repair_falls_back_too(model: str, server: ModelServer) -> None:
    """A model that fails after its answer is made up for by the next."""
    server.on(of("a"), DOWN)
    server.on(of("a"), Reply(text="not JSON"), times=1)
    assert await Ask("{text}", model=A, schema=Fact, fallbacks=[B], limits=ONCE).ainvoke("x")
    assert asked(server) == {"a": 2, "b": 1}


async def test_a_budget_is_not_spent_elsewhere(model: str, server: ModelServer) -> None:
    """The budget ends a question, whoever would be asked."""
    server.on(of("a"), DOWN)
    out = await fan(3, fallbacks=[B], limits=Limits(attempts=1, budget_calls=1)).ainvoke(GIVEN)
    assert len(server.requests) == 1
    assert {branch.ended_by for branch in out["branches"].values()} == {"budget"}
    assert all("budget" in branch.error for branch in out["branches"].values())


async def test_fallbacks_count_against_the_budget(model: str, server: ModelServer) -> None:
    """Each request to each model is one call of the budget."""
    server.on(of("a"), DOWN)
    limits = Limits(attempts=1, budget_calls=3, concurrency=1)
    out = await fan(2, fallbacks=[B], limits=limits).ainvoke(GIVEN)
    assert asked(server) == {"a": 2, "b": 1}
    assert out["run_report"].branches["ok"] == 1


async def test_unknown_prices_are_refused_before_any_call(model: str, server: ModelServer) -> None:
    """A budget in dollars needs the price of every model that may be asked."""
    dollars = Limits(budget_usd=1.0)
    with pytest.raises(UnknownPrice, match="price of 'nobody'"):
        create_voting(model="openai:gpt-5-mini", fallbacks=["openai:nobody"], limits=dollars)
    ask = Ask("{content}", model="openai:gpt-5-mini", fallbacks=["openai:nobody"])
    with pytest.raises(UnknownPrice, match="price of 'nobody'"):
        create_sectioning(planner=numbered(1), worker=ask, limits=dollars)
    graph = create_voting(model="openai:gpt-5-mini", limits=dollars)
    with pytest.raises(UnknownPrice, match="price of 'nobody'"):
        await graph.ainvoke({"question": "x"}, context={"fallbacks": ["openai:nobody"]})
    assert server.requests == []


async def test_the_deadline_holds_over_all_models(model: str, server: ModelServer, clock: Clock) -> None:
    """A run that is over asks no fallback."""
    server.on(of("a"), Reply(hang=True))
    running = asyncio.ensure_future(fan(1, fallbacks=[B], limits=Limits(deadline=50)).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda one: one.hanging == 1)
    clock.advance(60)
    (branch,) = (await running)["branches"].values()
    assert (branch.status, branch.ended_by) == ("timed_out", "deadline")
    assert asked(server) == {"a": 1}


async def test_a_drain_asks_nobody_else(model: str, server: ModelServer) -> None:
    """A run that is stopped while its first model fails does not go on with the second."""
    gate = Gate()
    server.on(of("a"), Reply(status=500, gate=gate))
    running = asyncio.ensure_future(fan(1, fallbacks=[B], limits=ONCE).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda one: one.in_flight == 1)
    drain(grace=60)
    gate.open()
    (branch,) = (await running)["branches"].values()
    assert branch.ended_by == "drain"
    assert asked(server) == {"a": 1}


async def test_all_that_failed_are_named_once(model: str, server: ModelServer, other: ModelServer) -> None:
    """The error names each model and why; what two have in common is said once."""
    server.always(DOWN)
    other.always(Reply(status=401))
    ask = Ask("{text}", model=A, fallbacks=[at(other, "b"), C], limits=ONCE)
    with pytest.raises(ModelsFailed) as raised:
        await ask.ainvoke("x")
    words = str(raised.value)
    assert words.startswith("none of 3 models answered: a, c: 500 from http://127.0.0.1")
    assert "b: 401 from" in words
    assert len(raised.value.errors) == 3
    assert kind_of(raised.value) == "server"
    out = await fan(1, fallbacks=[B, C], limits=ONCE).ainvoke(GIVEN)
    (branch,) = out["branches"].values()
    assert (branch.status, branch.cause) == ("failed", "server")
    assert branch.error.startswith("none of 3 models answered: a, b, c: 500 from")


async def test_when_all_rest_nothing_is_sent(model: str, server: ModelServer, clock: Clock) -> None:
    """The last of them waits through its first rest, as without fallbacks; then the call is refused."""
    server.always(DOWN)
    ask = Ask("{text}", model=A, fallbacks=[B], limits=ONCE)
    for _ in range(5):
        with pytest.raises(ModelsFailed):
            await ask.ainvoke("x")
    clock.stop()
    clock.advance(FIRST_REST)
    with pytest.raises(ModelsFailed):
        await ask.ainvoke("x")  # a probe at both
    before = len(server.requests)
    with pytest.raises(EndpointResting, match=r"none of 2 models answered: a: .*; b: "):
        await ask.ainvoke("x")
    assert len(server.requests) == before


async def test_a_prompt_that_is_too_long_is_put_to_the_next(model: str, server: ModelServer) -> None:
    """A model with a larger context reads the whole before anything is cut."""
    server.on(of("a"), TOO_LONG)
    server.on(of("b"), Reply(text="whole"))
    cutting = DividingAsk(Ask("Read {text}", model=A, fallbacks=[B]), "text", " ".join)
    assert await cutting.ainvoke({"text": "word " * 400}) == "whole"
    assert asked(server) == {"a": 1, "b": 1}


async def test_work_is_cut_if_it_is_too_long_for_all(model: str, server: ModelServer) -> None:
    """Where no model takes the whole, the parts go to the first again."""

    def too_long(request: Request) -> bool:
        return len(request.prompt) > 1500

    server.always(Reply(text="part"))
    server.on(too_long, TOO_LONG)
    server.on(lambda request: too_long(request) and of("b")(request), DOWN)
    ask = Ask("Read {text}", model=A, fallbacks=[B], limits=ONCE)
    assert await DividingAsk(ask, "text", " ".join).ainvoke({"text": "word " * 500}) == "part part"
    assert asked(server) == {"a": 3, "b": 1}


async def test_models_of_langchain_with_fallbacks(
    model: str, server: ModelServer, other: ModelServer
) -> None:
    """`llm.with_fallbacks([...])` is a model, of every part of which the limits hold; also as a worker."""
    other.always(DOWN)
    chain = at(other, "a").with_fallbacks([at(server, "b")])
    for worker in (chain, Ask("{content}", model=chain), Ask("{content}", model=A, fallbacks=[chain])):
        out = await create_sectioning(planner=numbered(1), worker=worker, limits=ONCE).ainvoke(GIVEN)
        (branch,) = out["branches"].values()
        assert branch.status == "ok"
    out = await create_voting(model=chain, voters=1, limits=ONCE).ainvoke({"question": "x"})
    (ballot,) = out["ballots"]
    assert (ballot.model, ballot.instead_of) == ("b", "a")


async def test_the_errors_that_langchain_handles(model: str, server: ModelServer, other: ModelServer) -> None:
    """`exceptions_to_handle` is honoured: by default any error of a request, else those that it names."""
    bad = Reply(status=400, body={"error": {"message": "bad request", "code": None}})
    other.always(bad)
    first, second = at(other, "a"), at(server, "b")
    assert await Ask("{text}", model=first.with_fallbacks([second]), limits=ONCE).ainvoke("x")
    with pytest.raises(Exception, match="bad request"):
        await Ask("{text}", model=first, fallbacks=[second], limits=ONCE).ainvoke("x")
    narrow = first.with_fallbacks([second], exceptions_to_handle=(TimeoutError,))
    with pytest.raises(Exception, match="bad request"):
        await Ask("{text}", model=narrow, limits=ONCE).ainvoke("x")
    assert len(server.requests) == 1


async def test_chains_of_other_parts_stay_runnables(
    model: str, server: ModelServer, other: ModelServer
) -> None:
    """With a schema bound to its parts, a chain is a Runnable, whose model calls are governed one by one."""
    other.always(DOWN)
    chain: Any = at(other, "a").with_fallbacks([at(server, "b")])
    structured = chain.with_structured_output(Fact, method="function_calling")
    with pytest.raises(ModelError, match="is not a model"):
        Ask("{text}", model=structured)
    worker = RunnableLambda(lambda section: section["content"]) | structured | (lambda fact: fact.sure)
    graph = create_sectioning(planner=numbered(2), worker=worker, limits=Limits(budget_calls=4))
    server.always(Reply(json={"sure": True}))
    out = await graph.ainvoke(GIVEN)
    targets = [call.target for call in out["run_report"].calls]
    assert Counter(targets) == {"a": 2, "b": 2}


async def test_governed_models_in_a_chain(model: str, server: ModelServer, other: ModelServer) -> None:
    """Governed models fall back as LangChain has them do, each under its own limits; also in sync code."""
    other.always(DOWN)
    chain = governed(at(other, "a"), ONCE).with_fallbacks([governed(at(server, "b"), ONCE)])
    assert (await chain.ainvoke("x")).text
    assert chain.invoke("x").text
    assert await Ask("{text}", model=chain).ainvoke("x")
    assert (len(other.requests), len(server.requests)) == (3, 3)


async def test_who_comes_first_names_the_fallbacks(model: str, server: ModelServer) -> None:
    """The runtime context, then the worker, then the graph, then the one around it; an empty list is none."""
    server.on(of("a"), DOWN)
    of_graph = fan(1, fallbacks=[B], limits=ONCE)
    await of_graph.ainvoke(GIVEN, context={"fallbacks": ["openai:context"]})
    own = Ask("{content}", model=A, fallbacks=["openai:own"])
    await create_sectioning(planner=numbered(1), worker=own, fallbacks=[B], limits=ONCE).ainvoke(GIVEN)
    inner = create_voting(model=A, voters=1, limits=ONCE)
    await create_sectioning(planner=numbered(1), worker=inner, fallbacks=["openai:outer"]).ainvoke(GIVEN)
    assert asked(server) == {"a": 3, "context": 1, "own": 1, "outer": 1}
    none = create_sectioning(planner=numbered(1), worker=fan(1, fallbacks=[], limits=ONCE), fallbacks=[B])
    out = await none.ainvoke({"content": "go"})
    assert out["run_report"].branches == {"failed": 1}


async def test_the_context_replaces_the_model_alone(model: str, server: ModelServer) -> None:
    """Another model for one run has the same fallbacks, but is none of its own."""
    server.on(of("c"), DOWN)
    await fan(1, fallbacks=[C, B], limits=ONCE).ainvoke(GIVEN, context={"model": C})
    assert asked(server) == {"c": 1, "b": 1}


async def test_the_environment_names_fallbacks(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LANGGRAPH_PARALLEL_FALLBACKS holds where no graph or worker has its own, and outside of graphs."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_FALLBACKS", "openai:b, openai:c")
    server.on(of("a"), DOWN)
    await Ask("{text}", model=A, limits=ONCE).ainvoke("x")
    await fan(1, limits=ONCE).ainvoke(GIVEN)
    assert asked(server) == {"a": 2, "b": 2}
    monkeypatch.setenv("LANGGRAPH_PARALLEL_FALLBACKS", "b")
    with pytest.raises(ModelError, match="provider:model"):
        await fan(1).ainvoke(GIVEN)


def test_what_is_no_list_of_models_is_refused() -> None:
    """A text, a wrong name and workers with fallbacks are errors before any call."""
    from langgraph_parallel import Roster

    wrong: Any
    for wrong in ("openai:b", ["b"], [3]):
        with pytest.raises(UsageError):
            Ask("{text}", model=A, fallbacks=wrong)
        with pytest.raises(UsageError):
            create_voting(model=A, fallbacks=wrong)
    with pytest.raises(UsageError, match="leave out"):
        Roster([lambda question: "x"], fallbacks=[B])


async def test_estimates_take_the_dearest(model: str) -> None:
    """The greatest cost is that of the dearest model of a chain, with all attempts at all of them."""
    cheap, dear = "openai:gpt-5-nano", "openai:gpt-5"

    async def bounds(first: str, *fallbacks: str) -> Any:
        graph = create_sectioning(
            planner=numbered(1), worker=Ask("{content}", model=first, fallbacks=fallbacks)
        )
        return await aestimate(graph, GIVEN)

    alone, chained = await bounds(dear), await bounds(cheap, dear)
    assert chained.usd == alone.usd > (await bounds(cheap)).usd
    assert (chained.calls, chained.most_calls) == (alone.calls, 2 * alone.most_calls)
    assert chained.notes == [
        f"The greatest cost is that of the dearest of the models that may answer: {cheap}, {dear}."
    ]
    unknown = await bounds(cheap, "openai:nobody")
    assert unknown.usd is None
    assert unknown.expected_usd is not None
    assert unknown.notes[0].startswith("The price of openai:nobody is not known: ")
    inner = create_sectioning(
        planner=numbered(1), worker=Ask("{content}", model=cheap), fallbacks=[dear], name="inner"
    )
    outer = create_sectioning(planner=numbered(1), worker=inner)
    assert (await aestimate(outer, GIVEN)).most_calls == chained.most_calls


async def test_hedges_stay_with_their_model(model: str, server: ModelServer, clock: Clock) -> None:
    """A late request is repeated at the same model; the next is asked only when both have failed."""
    server.on(of("a"), Reply(hang=True))
    limits = Limits(attempts=1, call_timeout=500, hedge=0.01, hedge_share=1.0)
    running = asyncio.ensure_future(fan(1, fallbacks=[B], limits=limits).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda one: one.hanging == 2)
    clock.advance(600)
    out = await running
    assert asked(server)["a"] == 2
    assert set(asked(server)) == {"a", "b"}
    assert out["run_report"].branches == {"ok": 1}


async def test_listeners_hear_the_model_that_answers(model: str, server: ModelServer) -> None:
    """Streams of messages have the tokens of the fallback; events name it, and whom it stands for."""
    server.on(of("a"), DOWN)
    server.on(of("b"), Reply(text="from the second"))
    graph = fan(1, fallbacks=[B], limits=ONCE)
    heard, told = "", []
    async for mode, data in graph.astream(GIVEN, stream_mode=["messages", "custom"]):
        if mode == "messages":
            heard += data[0].text
        elif data.get("event") in ("calling", "called"):
            told.append((data["event"], data["target"], data["instead_of"]))
    assert heard == "from the second"
    assert told == [("calling", "a", ""), ("called", "a", ""), ("calling", "b", "a"), ("called", "b", "a")]


def test_sync_invoke_falls_back(model: str, server: ModelServer) -> None:
    """The sync face of a graph has fallbacks as the async one."""
    server.on(of("a"), DOWN)
    out = fan(2, fallbacks=[B], limits=ONCE).invoke(GIVEN)
    assert out["run_report"].branches == {"ok": 2}


async def test_a_redrive_may_have_other_fallbacks(model: str, server: ModelServer) -> None:
    """What failed is asked again with the fallbacks of the graph that redrives, and nothing else is."""
    from langgraph.checkpoint.memory import InMemorySaver

    server.on(of("a"), DOWN)
    server.on("Number 1", Reply(text="fine"))
    saver, config = InMemorySaver(), RunnableConfig(configurable={"thread_id": "1"})
    first = fan(3, limits=ONCE, checkpointer=saver)
    out = await first.ainvoke(GIVEN, config)
    assert out["run_report"].branches == {"failed": 2, "ok": 1}
    out = await aredrive(fan(3, limits=ONCE, checkpointer=saver, fallbacks=[B]), config)
    assert out["run_report"].branches == {"ok": 3}
    assert asked(server) == {"a": 5, "b": 2}
    assert out["run_report"].remarks[0].startswith("2 answers are of b in place of a: ")
