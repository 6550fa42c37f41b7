"""Strands Agents: users bring graphs of agents, swarms that hand over, tools that run in parallel, and hooks.

A node of a graph is a section with needs here, a swarm is a graph of the user's own in one branch, and tools
that a model calls at once are sources of a scatter-gather.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from langgraph_parallel import (
    Section,
    Source,
    agents,
    aredrive,
    create_guarded,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    errors,
    governed,
)
from tests.support.clock import Clock, until
from tests.support.server import ModelServer, Reply

CONFIG: Any = {"configurable": {"thread_id": "1"}}
GIVEN = {"content": "the task"}
USE = {"request": "Bergen"}


def node(id: str, *needs: str, worker: str = "") -> Section:
    """Return a node of a graph, with its edges."""
    return Section(id=id, title=id, content="the task", needs=list(needs), worker=worker)


DIAMOND = [node("start"), node("left", "start"), node("right", "start"), node("end", "left", "right")]


def graph(nodes: list[Section], worker: Any, **options: Any) -> Any:
    """Build a graph of nodes."""
    return create_sectioning(planner=lambda content: nodes, worker=worker, **options)


async def never(*_: Any) -> str:
    """Never answer."""
    await asyncio.Event().wait()
    return "never"


# graphs


async def test_nodes_run_once_their_dependencies_have() -> None:
    """Strands: a graph executes what is ready, in parallel, and then what depends on it."""
    both = asyncio.Barrier(2)
    order: list[str] = []

    async def work(section: Section) -> str:
        if section.id in ("left", "right"):
            await both.wait()
        order.append(section.id)
        return section.id

    out = await asyncio.wait_for(graph(DIAMOND, work).ainvoke(GIVEN), 10)
    assert (order[0], set(order[1:3]), order[3]) == ("start", {"left", "right"}, "end")
    assert out["run_report"].branches == {"ok": 4}


async def test_a_node_waits_for_all_that_it_depends_on() -> None:
    """Strands: an edge from any completed node is enough to run the next one, unless a condition says "all".

    Differs: a section needs all of its needs, so that it never runs twice or too early.
    """
    seen: list[list[str]] = []

    def work(section: Section) -> str:
        if section.id == "end":
            seen.append(sorted(section.earlier))
        return section.id

    await graph(DIAMOND, work).ainvoke(GIVEN)
    assert seen == [["left", "right"]]


async def test_an_agent_gets_the_task_and_what_came_before_as_one_text() -> None:
    """Strands: the input of a node is the original task, and the results of the nodes before it by name."""
    heard: list[str] = []

    def answer(state: MessagesState) -> Any:
        heard.append(state["messages"][-1].text)
        return {"messages": [AIMessage(f"answer {len(heard)}")]}

    agent = StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile()
    await graph([node("first"), node("second", "first")], agent).ainvoke(GIVEN)
    assert heard[0] == "the task"
    assert heard[1].startswith("the task")
    assert "first" in heard[1]
    assert "answer 1" in heard[1]


async def test_a_node_that_fails_takes_only_its_dependents_along() -> None:
    """Strands: an exception of a node fails the graph fast.

    Differs: what does not depend on it is executed, and the report counts completed and failed nodes.
    """

    def work(section: Section) -> str:
        if section.id == "left":
            raise RuntimeError("model not found")
        return section.id

    out = await graph(DIAMOND, work).ainvoke(GIVEN)
    assert {key: branch.status for key, branch in out["branches"].items()} == {
        "start": "ok",
        "left": "failed",
        "right": "ok",
        "end": "skipped",
    }
    assert (out["run_report"].status, out["missing"]) == ("partial", ["left", "end"])


async def test_the_cause_of_a_node_that_was_not_run_is_the_one_before_it() -> None:
    """Strands: users look for the node that failed first; here each skipped one names what it lacked."""

    def work(section: Section) -> str:
        raise RuntimeError("model not found")

    out = await graph([node("a"), node("b", "a")], work).ainvoke(GIVEN)
    assert out["branches"]["a"].error == "RuntimeError: model not found"
    assert out["branches"]["b"].error == "unmet need 'a': RuntimeError: model not found"


async def test_a_node_has_a_time_limit() -> None:
    """Strands: `set_node_timeout` fails the graph. Differs: the source is late, and the others are there."""
    out = await create_scatter_gather(
        sources={"slow": Source(never, timeout=0.05), "quick": lambda r: r}, timeout=60
    ).ainvoke(USE)
    assert (out["branches"]["slow"].status, out["results"]) == ("timed_out", {"quick": "Bergen"})


async def test_the_execution_has_a_time_limit(clock: Clock) -> None:
    """Strands: `set_execution_timeout` fails the graph.

    Differs: at the deadline the run returns what it has, and nothing that waits is begun.
    """
    begun: list[str] = []

    async def work(section: Section) -> str:
        begun.append(section.id)
        return await never() if section.id == "left" else section.id

    running = asyncio.ensure_future(graph(DIAMOND, work, limits={"deadline": 500}).ainvoke(GIVEN))
    await until(lambda: len(begun) == 3)
    clock.advance(500)
    out = await running
    assert {key: branch.status for key, branch in out["branches"].items()} == {
        "start": "ok",
        "left": "timed_out",
        "right": "ok",
        "end": "skipped",
    }
    assert "end" not in begun


async def test_the_most_executions_at_once_bound_a_step() -> None:
    """Strands: `set_max_node_executions` fails the graph when it is reached.

    Differs: what is beyond the limit follows when the others have ended.
    """
    ran: list[str] = []

    def work(section: Section) -> str:
        ran.append(section.id)
        return section.id

    nodes = [node(name) for name in "abcde"]
    out = await graph(nodes, work, limits={"max_sections": 3}).ainvoke(GIVEN)
    assert (sorted(ran[:3]), sorted(ran[3:]), out["missing"]) == (["a", "b", "c"], ["d", "e"], [])


async def test_a_cycle_of_nodes_is_refused_by_name() -> None:
    """Strands: cycles are allowed, bounded by limits.

    Differs: needs are no cycle; what should be repeated is a graph with rounds.
    """
    with pytest.raises(errors.PlanError, match="a -> b -> a"):
        await graph([node("a", "b"), node("b", "a")], never).ainvoke(GIVEN)


async def test_an_edge_from_nowhere_is_refused() -> None:
    """Strands: the builder refuses edges whose source or target is not in the graph."""
    with pytest.raises(errors.PlanError, match="'nonexistent'"):
        await graph([node("a", "nonexistent")], never).ainvoke(GIVEN)


async def test_one_agent_may_be_several_nodes() -> None:
    """Strands: the same instance in two nodes is refused, because it keeps its messages.

    Differs: an agent of LangGraph keeps nothing of a run, so that no node hears what another was told.
    """
    heard: list[int] = []

    def answer(state: MessagesState) -> Any:
        heard.append(len(state["messages"]))
        return {"messages": [AIMessage("fine")]}

    agent = StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile()
    out = await graph([node("a"), node("b"), node("c")], agent).ainvoke(GIVEN)
    assert (heard, out["run_report"].branches) == ([1, 1, 1], {"ok": 3})


async def test_a_condition_decides_who_is_run() -> None:
    """Strands: a conditional edge is followed only if its function says so; here the planner decides."""

    def plan(content: str) -> list[Section]:
        return [node("technical") if "error" in content else node("business")]

    both = create_sectioning(planner=plan, worker=lambda section: section.id)
    assert list((await both.ainvoke({"content": "an error"}))["branches"]) == ["technical"]
    assert list((await both.ainvoke({"content": "a price"}))["branches"]) == ["business"]


async def test_a_graph_is_a_node_of_a_graph() -> None:
    """Strands: a multi-agent system may be a node; its nodes count in the result of the whole."""
    inner = graph([node("x"), node("y", "x")], lambda section: section.id.upper())
    out = await graph([node("nested"), node("after", "nested")], inner).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 4}
    assert out["branches"]["nested"].leaves == {"ok": 2}


async def test_a_graph_that_failed_goes_on_from_its_session() -> None:
    """Strands: a session manager restores a graph; completed nodes are kept, the failed one runs again."""
    ran: Counter[str] = Counter()
    down = True

    def work(section: Section) -> str:
        ran[section.id] += 1
        if section.id == "right" and down:
            raise ConnectionError("down")
        return section.id

    saver = InMemorySaver()
    await graph(DIAMOND, work, checkpointer=saver).ainvoke(GIVEN, CONFIG)
    down = False
    out = await aredrive(graph(DIAMOND, work, checkpointer=saver), CONFIG)
    assert (out["missing"], ran) == ([], {"start": 1, "left": 1, "right": 2, "end": 1})


async def test_the_state_of_an_invocation_reaches_every_node() -> None:
    """Strands: `invocation_state` is passed to all nodes and tools, and never shown to a model."""
    users: list[str] = []

    def work(section: Section, config: RunnableConfig) -> str:
        users.append(config["configurable"]["user"])
        return section.id

    config: Any = {"configurable": {"user": "ann"}}
    out = await graph(DIAMOND, work).ainvoke(GIVEN, config)
    assert users == ["ann"] * 4
    assert "ann" not in str(out["sections"])


def test_a_graph_is_called_from_code_that_is_not_async() -> None:
    """Strands: `graph("task")` runs in an event loop of its own, and nodes run in parallel there too."""
    both = asyncio.Barrier(2)

    async def work(section: Section) -> str:
        if section.id in ("left", "right"):
            await asyncio.wait_for(both.wait(), 10)
        return section.id

    assert graph(DIAMOND, work).invoke(GIVEN)["run_report"].branches == {"ok": 4}


async def test_events_say_which_node_started_and_stopped() -> None:
    """Strands: the stream has a start and a stop of each node; those of parallel nodes are interleaved."""
    both = asyncio.Barrier(2)

    async def work(section: Section) -> str:
        if section.id in ("left", "right"):
            await both.wait()
        return section.id

    events: Any = [e async for e in graph(DIAMOND, work).astream(GIVEN, stream_mode="custom")]
    log = [(e["event"], e["branch"][-1]) for e in events if e["event"] in ("started", "ended")]
    assert [kind for kind, _ in log] == [
        "started",
        "ended",
        *["started"] * 2,
        *["ended"] * 2,
        "started",
        "ended",
    ]
    assert [id for kind, id in log if kind == "ended"][0::3] == ["start", "end"]


async def test_a_node_that_streams_gives_its_whole_text() -> None:
    """Strands: agents are async generators; the parts of one make its result."""

    async def parts(request: str) -> AsyncIterator[str]:
        yield "In "
        yield request

    out = await create_scatter_gather(sources={"a": parts}).ainvoke(USE)
    assert out["results"] == {"a": "In Bergen"}


async def test_usage_of_all_nodes_is_accumulated() -> None:
    """Strands: `accumulated_usage` and `execution_count` add up the nodes, also those of nested graphs."""
    usage: Any = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}
    model = GenericFakeChatModel(messages=iter([AIMessage("x", usage_metadata=usage) for _ in range(5)]))

    async def work(section: Section) -> str:
        return str((await model.ainvoke(section.id)).text)

    inner = graph(DIAMOND, work)
    nodes = [node("nested", worker="inner"), node("plain", worker="work")]
    report = (await graph(nodes, {"inner": inner, "work": work}).ainvoke(GIVEN))["run_report"]
    assert (report.usage.input_tokens, report.usage.output_tokens) == (50, 100)
    assert len(report.calls) == 5


# swarms


class Swarm(TypedDict, total=False):
    """The shared state of a swarm."""

    task: str
    visited: Annotated[list[str], lambda old, new: [*old, *new]]


def swarm(**next_agents: str) -> Any:
    """Build a swarm: each agent hands over to another one, or ends it."""

    def agent(name: str, goes_to: str) -> Any:
        def act(state: Swarm) -> Command[Any]:
            return Command(goto=goes_to or END, update={"visited": [name]})

        return act

    builder: Any = StateGraph(Swarm)
    for name, goes_to in next_agents.items():
        builder.add_node(name, agent(name, goes_to), destinations=tuple(next_agents))
    builder.add_edge(START, next(iter(next_agents)))
    return agents.adapt(
        builder.compile(), input=lambda r: {"task": r}, output=lambda out: "->".join(out["visited"])
    )


async def test_swarms_run_beside_each_other_with_a_context_of_their_own() -> None:
    """Strands: agents of a swarm share a context and hand over; two swarms know nothing of each other."""
    sources = {"one": swarm(a="b", b="c", c=""), "two": swarm(x="y", y="")}
    out = await create_scatter_gather(sources=sources).ainvoke(USE)
    assert out["results"] == {"one": "a->b->c", "two": "x->y"}


async def test_a_swarm_that_hands_over_for_ever_is_one_failed_branch() -> None:
    """Strands: `max_handoffs` ends a swarm that goes in circles; its siblings are not concerned."""
    sources = {"circle": swarm(a="b", b="a"), "fine": swarm(x="")}
    out = await create_scatter_gather(sources=sources).ainvoke(USE, {"recursion_limit": 15})
    assert (out["results"], out["missing"]) == ({"fine": "x"}, ["circle"])
    assert "ecursion" in (out["branches"]["circle"].error or "")


async def test_an_agent_of_a_swarm_asks_a_person() -> None:
    """Strands: an interrupt inside of a swarm stops it there, and the reply goes on with the same agent."""
    visited: list[str] = []

    def first(state: Swarm) -> Command[Any]:
        visited.append("first")
        return Command(goto="second")

    def second(state: Swarm) -> Swarm:
        return {"visited": [interrupt("Which port?")]}

    builder: Any = StateGraph(Swarm)
    builder.add_node("first", first, destinations=("second",))
    builder.add_node("second", second)
    builder.add_edge(START, "first")
    asking = agents.adapt(
        builder.compile(), input=lambda r: {"task": r}, output=lambda out: out["visited"][0]
    )
    graph = create_scatter_gather(sources={"asking": asking}, checkpointer=InMemorySaver())
    out = await graph.ainvoke(USE, CONFIG)
    assert out["__interrupt__"][0].value == "Which port?"
    out = await graph.ainvoke(Command(resume="Oslo"), CONFIG)
    assert (out["results"], visited) == ({"asking": "Oslo"}, ["first"])


# tools in parallel


async def test_tools_run_at_once_and_their_results_are_in_the_order_of_the_calls() -> None:
    """Strands: `ConcurrentToolExecutor` runs all tools of a turn; results keep the order of the requests."""
    last_is_done = asyncio.Event()

    @tool
    async def weather(city: str) -> str:
        """Look the weather up."""
        await last_is_done.wait()
        return f"rain in {city}"

    @tool
    async def time(city: str) -> str:
        """Look the time up."""
        last_is_done.set()
        return f"noon in {city}"

    out = await create_scatter_gather(sources={"weather": weather, "time": time}).ainvoke(USE)
    assert list(out["results"].items()) == [("weather", "rain in Bergen"), ("time", "noon in Bergen")]


async def test_a_tool_that_raises_is_an_error_result_for_the_model() -> None:
    """Strands: an exception of a tool becomes a result with the status `error`, and the agent goes on.

    Differs: error texts are no results; the join knows by name what is missing.
    """

    @tool
    def broken(city: str) -> str:
        """Raise."""
        raise ValueError("no such city")

    def join(gathered: Any) -> Any:
        return {"there": [*gathered], "missing": gathered.missing}

    out = await create_scatter_gather(
        sources={"broken": broken, "fine": lambda r: "x"}, synthesizer=join
    ).ainvoke(USE)
    assert out["result"] == {"there": ["x"], "missing": ["broken"]}
    assert out["branches"]["broken"].error == "ValueError: no such city"


async def test_tools_can_be_run_one_after_another() -> None:
    """Strands: `SequentialToolExecutor` never runs two tools at once."""
    inside, most = 0, 0

    async def careful(request: str) -> str:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        for _ in range(20):
            await asyncio.sleep(0)
        inside -= 1
        return request

    tools = dict.fromkeys("abcd", careful)
    out = await create_scatter_gather(sources=tools).ainvoke(USE, {"max_concurrency": 1})
    assert (most, out["missing"]) == (1, [])


async def test_a_blocking_tool_does_not_block_the_others() -> None:
    """Strands: sync tools run in threads, so that one that blocks lets the others finish."""
    released = threading.Event()

    def blocks(request: str) -> str:
        assert released.wait(10)
        return "blocked"

    async def releases(request: str) -> str:
        released.set()
        return "released"

    out = await create_scatter_gather(sources={"a": blocks, "b": releases}).ainvoke(USE)
    assert out["results"] == {"a": "blocked", "b": "released"}


# hooks, guardrails and models


async def test_hooks_see_each_model_call_and_change_nothing() -> None:
    """Strands: `BeforeModelCallEvent` and `AfterModelCallEvent` come in pairs, whichever node calls."""

    class Hooks(BaseCallbackHandler):
        def __init__(self) -> None:
            self.seen: Counter[str] = Counter()

        def on_chat_model_start(self, *_: Any, **options: Any) -> None:
            self.seen["before"] += 1

        def on_llm_end(self, *_: Any, **options: Any) -> None:
            self.seen["after"] += 1

    hooks, model = Hooks(), FakeListChatModel(responses=["yes"])

    async def voter(question: str) -> str:
        return str((await model.ainvoke(question)).text)

    vote = create_voting(voters={"a": voter, "b": voter, "c": voter}, stop="all_votes")
    out = await vote.ainvoke({"question": "so?"}, {"callbacks": [hooks]})
    assert (hooks.seen, str(out["verdict"].support)) == ({"before": 3, "after": 3}, "3/3")


async def test_a_guardrail_that_intervenes_replaces_the_answer_by_a_reason() -> None:
    """Strands: an intervening guardrail ends the turn with `guardrail_intervened`, and redacts the output."""

    def answer(message: str) -> str:
        return "the secret recipe"

    checks: Any = {
        "secrets": lambda message: {"flagged": "recipe" in message, "reason": "asks for secrets"},
        "length": lambda message: len(message) > 1000,
    }
    guarded = create_guarded(worker=answer, checks=checks)
    out = await guarded.ainvoke({"message": "the recipe, please"})
    assert (out["answer"], out["released"], out["reason"]) == (None, False, "asks for secrets")
    assert "secret recipe" not in str(out)
    out = await guarded.ainvoke({"message": "the time, please"})
    assert (out["answer"], [one.status for one in out["outcomes"]]) == ("the secret recipe", ["clean"] * 2)


async def test_a_throttled_model_is_asked_again(server: ModelServer, own: Any) -> None:
    """Strands: a throttled call is repeated with a backoff, and the agent does not see it."""
    server.on("hello", Reply(status=429, headers={"retry-after": "0"}), times=1)
    model = governed(own)

    def answer(state: MessagesState) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    agent = StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile()
    out = await agent.ainvoke({"messages": [HumanMessage("hello")]})
    assert out["messages"][-1].text == "ok"
    assert [request.status for request in server.requests] == [429, 200]


async def test_pictures_are_part_of_the_task() -> None:
    """Strands: a task may be a list of content blocks; each node gets the text and the picture."""
    heard: list[Any] = []

    def voter(question: Any) -> str:
        heard.append(question)
        return "a ship"

    picture = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
    await create_voting(voters=[voter]).ainvoke({"question": ["What is this?", picture]})
    assert "What is this?" in str(heard[0])
    assert "aGk=" in str(heard[0])
