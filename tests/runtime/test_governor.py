"""Models that functions, tools and agents call themselves obey the run, without a change to their code."""

import asyncio
import threading
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI

from langgraph_parallel import Limits, create_research, create_review, create_sectioning, create_voting
from langgraph_parallel.records import Section
from langgraph_parallel.report.run import run_lines
from langgraph_parallel.runtime.foreign_calls import ledger
from langgraph_parallel.runtime.limiter_registry import get_limiter
from tests.support.clock import Clock, until
from tests.support.server import Gate, ModelServer, Reply

LIMITS = Limits(concurrency=4, budget_calls=5)


def sections(number: int) -> Any:
    """Return a planner of a number of sections."""
    return lambda content: [Section(id=str(i), title=f"S{i}", content=f"text {i}") for i in range(number)]


def in_use(server: ModelServer) -> int:
    """Return the slots that are taken."""
    return get_limiter(f"{server.url}/", "own").in_flight


def kinds(model: ChatOpenAI) -> dict[str, Any]:
    """Return workers that call a model in each of the ways that there are."""

    def sync(section: Section) -> str:
        return str(model.invoke(section.content).text)

    async def in_async(section: Section) -> str:
        return str((await model.ainvoke(section.content)).text)

    async def streaming(section: Section) -> str:
        return "".join([chunk.text async for chunk in model.astream(section.content)])

    async def blocking(section: Section) -> str:
        return str(model.invoke(section.content).text)

    return {
        "sync": sync,
        "async": in_async,
        "streaming": streaming,
        "blocking": blocking,
        "agent": create_agent(model, tools=[]),
        "chain": RunnableLambda(lambda section: section["content"]) | model | StrOutputParser(),
    }


KINDS = ["sync", "async", "streaming", "blocking", "agent", "chain"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_budget_and_a_ceiling_hold(kind: str, server: ModelServer, own: ChatOpenAI) -> None:
    """Of twenty branches five make their call, at most four at once; others are skipped, no slot is lost."""
    server.always(Reply(text="ok", delay=0.02))
    graph = create_sectioning(planner=sections(20), worker=kinds(own)[kind], limits=LIMITS)
    out = await graph.ainvoke({"content": ""})
    assert len(server.requests) == 5
    assert server.most_in_flight <= 4
    report = out["run_report"]
    assert report.branches == {"ok": 5, "skipped": 15}
    assert len(report.calls) == 5
    assert {call.target for call in report.calls} == {"own"}
    assert in_use(server) == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_calls_are_recorded_with_their_tokens(kind: str, server: ModelServer, own: ChatOpenAI) -> None:
    """The record is the server's count."""
    server.always(Reply(text="ok", usage=(7, 3)))
    out = await create_sectioning(planner=sections(3), worker=kinds(own)[kind]).ainvoke({"content": ""})
    calls = out["run_report"].calls
    assert len(calls) == len(server.requests) == 3
    if kind != "streaming":  # the server counts no tokens of a stream
        assert {(call.usage.input_tokens, call.usage.output_tokens) for call in calls} == {(7, 3)}
    assert all(call.ok for call in calls)


async def test_a_call_that_is_cancelled_returns_its_slot(server: ModelServer, own: ChatOpenAI) -> None:
    """LangChain reports neither an end nor an error then."""
    server.always(Reply(hang=True))
    model = own

    async def impatient(section: Section) -> str:
        asking = asyncio.ensure_future(model.ainvoke("hello"))
        await until(lambda: server.hanging == 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        return f"{in_use(server)} slots"

    out = await create_sectioning(planner=sections(1), worker=impatient).ainvoke({"content": ""})
    assert "0 slots" in out["result"]
    (call,) = out["run_report"].calls
    assert not call.ok


async def test_the_deadline_of_the_run_cuts_off_an_agent(
    server: ModelServer, own: ChatOpenAI, clock: Clock
) -> None:
    """Its branch is timed out, and nothing stays open."""
    server.always(Reply(hang=True))
    graph = create_voting(voters={"ann": create_agent(own, tools=[])}, limits={"deadline": 500})
    running = asyncio.ensure_future(graph.ainvoke({"question": "Q?"}))
    await until(lambda: server.hanging == 1)
    clock.advance(500)
    assert (await running)["run_report"].branches == {"timed_out": 1}
    await until(lambda: server.in_flight == 0)
    assert in_use(server) == 0


async def test_a_429_lowers_the_pace_for_calls_of_functions(server: ModelServer, own: ChatOpenAI) -> None:
    """The call fails, since its retries are the model's own affair, and the endpoint is paused."""
    server.on("text 0", Reply(status=429, headers={"retry-after": "0.2"}), times=1)
    model = own

    async def twice(section: Section) -> str:
        try:
            return str((await model.ainvoke(section.content)).text)
        except Exception:
            return str((await model.ainvoke(section.content)).text)

    out = await create_sectioning(planner=sections(1), worker=twice).ainvoke({"content": ""})
    first, second = server.requests
    assert second.started - first.started >= 0.2
    assert [(call.ok, call.throttled) for call in out["run_report"].calls] == [(False, True), (True, False)]


async def test_a_tool_of_an_agent_that_is_a_graph_of_ours_is_part_of_the_run(
    model: str, server: ModelServer, own: ChatOpenAI
) -> None:
    """Three levels: a section, its agent, and the vote that the agent's tool runs."""

    @tool
    async def ask_others(question: str) -> str:
        """Ask others."""
        out = await create_voting(model=model, voters=3, stop="all_votes").ainvoke({"question": question})
        return str(out["verdict"].choice)

    server.on(
        lambda r: r.body["model"] == "own" and r.body["messages"][-1]["role"] == "tool", Reply(text="done")
    )
    server.on("You are voter", Reply(json={"choice": "yes"}))
    graph = create_sectioning(
        planner=sections(4), worker=create_agent(own, tools=[ask_others]), limits=Limits(budget_calls=20)
    )
    out = await graph.ainvoke({"content": ""})
    assert out["run_report"].branches == {"ok": 4}
    assert len(server.requests) == 4 * (1 + 3 + 1)
    assert len(out["run_report"].calls) == len(server.requests)
    small = create_sectioning(
        planner=sections(4), worker=create_agent(own, tools=[ask_others]), limits=Limits(budget_calls=7)
    )
    before = len(server.requests)
    await small.ainvoke({"content": ""})
    assert len(server.requests) - before <= 7


async def test_a_thread_that_outlives_its_branch_starts_no_call(
    server: ModelServer, own: ChatOpenAI, clock: Clock
) -> None:
    """It waits in line while its branch ends; then it is refused."""
    gate = Gate()
    server.always(Reply(text="ok", gate=gate))
    model, begun, refused = own, threading.Barrier(3), threading.Event()

    def stubborn() -> Any:
        def work(section: Section) -> str:
            begun.wait(60)
            try:
                return str(model.invoke(section.content).text)
            except Exception:
                refused.set()
                raise

        return work

    def two(content: str) -> list[Section]:
        return [Section(id=name, title=name, content=name, worker=name) for name in "ab"]

    limits = Limits(concurrency=1, deadline=50)
    workers = {"a": stubborn(), "b": stubborn()}  # each of them works on one section at a time
    graph = create_sectioning(planner=two, worker=workers, limits=limits)
    running = asyncio.ensure_future(graph.ainvoke({"content": ""}))
    await asyncio.to_thread(begun.wait, 60)
    await until(lambda: len(server.requests) == 1)
    clock.advance(51)
    assert (await running)["run_report"].branches == {"timed_out": 2}
    gate.open()
    assert await asyncio.to_thread(refused.wait, 60)
    assert len(server.requests) == 1
    server.wait(lambda s: s.in_flight == 0)


async def test_planners_and_synthesizers_are_governed(server: ModelServer, own: ChatOpenAI) -> None:
    """They are functions outside of any branch; the report counts their calls."""
    server.always(Reply(text="ok"))
    model = own

    async def plan(content: str) -> list[Section]:
        await model.ainvoke("plan")
        return [Section(id="a", title="A", content="a")]

    async def join(gathered: Any) -> str:
        return str((await model.ainvoke("join")).text)

    graph = create_sectioning(planner=plan, worker=lambda section: "w", synthesizer=join)
    out = await graph.ainvoke({"content": ""})
    assert out["result"] == "ok"
    assert [call.target for call in out["run_report"].calls if call.kind == "model"] == ["own", "own"]
    capped = create_sectioning(
        planner=plan, worker=lambda s: "w", synthesizer=join, limits={"budget_calls": 1}
    )
    out = await capped.ainvoke({"content": ""})
    assert (out["result"], len(server.requests)) == (None, 3)
    assert "the budget of 1 call is spent" in out["run_report"].failures["synthesize"]


async def test_the_report_names_the_steps_of_an_agent(server: ModelServer, own: ChatOpenAI) -> None:
    """And calls of its tools; a function has no steps."""

    async def look(text: str) -> str:
        """Look something up."""
        return str((await own.ainvoke("inner")).text)

    server.on(lambda r: r.body["messages"][-1]["role"] == "tool", Reply(text="done"))
    agent = create_agent(own, [look], name="researcher")
    out = await create_sectioning(planner=sections(1), worker=agent).ainvoke({"content": "x"})
    steps = [call.step for call in out["run_report"].calls]
    assert steps == ["researcher/model", "researcher/tools", "researcher/model"]
    out = await create_sectioning(planner=sections(1), worker=kinds(own)["async"]).ainvoke({"content": "x"})
    assert [call.step for call in out["run_report"].calls] == [""]


async def test_the_report_says_what_it_could_not_see(server: ModelServer, own: ChatOpenAI) -> None:
    """A client of the provider in a function is past LangChain: that is said, instead of no calls."""

    async def raw(section: Section) -> str:
        async with AsyncOpenAI(base_url=server.url, api_key="x") as client:
            messages: Any = [{"role": "user", "content": section.content}]
            answer = await client.chat.completions.create(model="own", messages=messages)
            return answer.choices[0].message.content or ""

    out = await create_sectioning(planner=sections(2), worker=raw).ainvoke({"content": "x"})
    report = out["run_report"]
    assert (len(server.requests), report.unseen) == (2, 2)
    said = "2 branches ran code of yours in which no model call was seen"
    assert any(line.startswith(said) for line in run_lines(report))
    assert "no calls seen" in run_lines(report)[1]
    seen = await create_sectioning(planner=sections(2), worker=kinds(own)["async"]).ainvoke({"content": "x"})
    assert seen["run_report"].unseen == 0
    engines = await create_review(offline=True).ainvoke({"files": {"a.py": "x = 1\n"}})
    assert engines["run_report"].unseen == 0
    passages = await create_research(offline=True).ainvoke({"question": "x", "files": {"a": "x"}})
    assert passages["run_report"].unseen == 0


async def test_a_call_that_a_worker_gives_up_returns_its_slot(
    server: ModelServer, own: ChatOpenAI, clock: Clock
) -> None:
    """Its own time limit is over, and it asks again, with the only slot that there is."""
    server.on("text 0", Reply(hang=True), times=1)

    async def ask(section: Section) -> str:
        for _ in range(2):
            try:
                async with asyncio.timeout(200):
                    return str((await own.ainvoke(section.content)).text)
            except TimeoutError:
                continue
        return "never"

    graph = create_sectioning(planner=sections(1), worker=ask, limits={"concurrency": 1})
    running = asyncio.ensure_future(graph.ainvoke({"content": "x"}))
    await until(lambda: server.hanging == 1)
    clock.advance(200)
    out = await running
    assert out["branches"]["0"].value == "ok"
    assert [call.ok for call in out["run_report"].calls] == [False, True]
    assert in_use(server) == 0


class Guard(BaseCallbackHandler):
    """A handler of the caller's that forbids a prompt."""

    raise_error = True

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Forbid it."""
        raise ValueError("forbidden")


async def test_a_handler_that_raises_costs_no_slot(server: ModelServer, own: ChatOpenAI) -> None:
    """In sync code LangChain tells nobody then that the call has ended."""

    def ask(section: Section) -> str:
        return str(own.invoke(section.content, {"callbacks": [Guard()]}).text)

    out = await create_sectioning(planner=sections(3), worker=ask).ainvoke({"content": "x"})
    assert out["run_report"].branches == {"failed": 3}
    await until(lambda: in_use(server) == 0)


async def test_calls_that_a_handler_forbids_are_not_kept(
    server: ModelServer, own: ChatOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In async code the call is noted before it is opened, and never is: nothing of it stays."""
    monkeypatch.setattr("langgraph_parallel.runtime.foreign_calls._MOST_MAKERS", 5)
    guard = Guard()
    guard.run_inline = True

    async def ask(section: Section) -> str:
        return str((await own.ainvoke(section.content, {"callbacks": [guard]})).text)

    for _ in range(10):
        out = await create_sectioning(planner=sections(3), worker=ask).ainvoke({"content": "x"})
        assert out["run_report"].branches == {"failed": 3}
    assert len(ledger._makers) <= 5 + 3
    assert server.requests == []


async def test_an_answer_from_a_cache_is_no_call(server: ModelServer, own: ChatOpenAI) -> None:
    """It takes nothing of the budget, and is not in the report."""
    cached = own.model_copy(update={"cache": InMemoryCache()})

    async def ask(section: Section) -> str:
        return str((await cached.ainvoke("the same")).text)

    graph = create_sectioning(planner=sections(1), worker=ask)
    assert len((await graph.ainvoke({"content": "x"}))["run_report"].calls) == 1
    again = await graph.ainvoke({"content": "x"})
    assert (again["run_report"].unseen, again["run_report"].usage.input_tokens) == (1, 0)
    assert len(server.requests) == 1
    assert in_use(server) == 0
