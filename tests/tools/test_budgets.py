"""What a call, and all calls of a conversation, may spend."""

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command

from langgraph_parallel import (
    Ask,
    Limits,
    agents,
    as_tool,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    split,
)
from langgraph_parallel.errors import UnknownPrice, UsageError
from langgraph_parallel.tools import conversation
from tests.support.calling_agent import is_agent, script
from tests.support.server import ModelServer, Reply


def thread(name: str = "1") -> RunnableConfig:
    """Return the config of a thread."""
    return {"configurable": {"thread_id": name}}


def panel(model: str, name: str = "panel", **options: Any) -> Any:
    """Return a vote of three, all of whom are asked."""
    return create_voting(model=model, choices=["yes", "no"], voters=3, stop="all_votes", name=name, **options)


class Caller:
    """Calls tools as an agent does, with the history of their messages."""

    def __init__(self, *tools: Any, stored: bool = True) -> None:
        builder = StateGraph(MessagesState)
        builder.add_node("tools", ToolNode([*tools]))
        builder.add_edge(START, "tools")
        self.graph = builder.compile(checkpointer=InMemorySaver() if stored else None)
        self.names = [tool.name for tool in tools]
        self.number = 0

    async def call(self, *names: str, config: RunnableConfig | None = None) -> list[ToolMessage]:
        """Call these tools, by default the first one, and return their messages."""
        self.number += 1
        calls: Any = [
            {
                "name": name,
                "args": {"question": "Is 2027 prime?"},
                "id": f"c{self.number}_{i}",
                "type": "tool_call",
            }
            for i, name in enumerate(names or self.names[:1])
        ]
        given: Any = {"messages": [HumanMessage("?", id=f"h{self.number}"), AIMessage("", tool_calls=calls)]}
        out = await self.graph.ainvoke(given, config or thread())
        return [message for message in out["messages"] if isinstance(message, ToolMessage)][-len(calls) :]


async def test_a_call_has_limits_of_its_own_within_those_of_the_graph(
    server: ModelServer, model: str
) -> None:
    """The tighter one holds, whichever it is; the next call has its budget again."""
    tight = as_tool(panel(model, limits={"budget_calls": 9}), limits={"budget_calls": 2})
    caller = Caller(tight)
    for _ in range(2):
        (answer,) = await caller.call()
        assert answer.artifact["calls"] == 2
        assert "the budget of 2 calls is spent" in answer.text
    (answer,) = await Caller(
        as_tool(panel(model, limits={"budget_calls": 1}), limits={"budget_calls": 2})
    ).call()
    assert answer.artifact["calls"] == 1
    assert len(server.requests) == 5


async def test_a_call_has_a_deadline(server: ModelServer, model: str) -> None:
    """What hangs is ended, and the answer says so."""
    server.on("2027", Reply(hang=True))
    (answer,) = await Caller(as_tool(panel(model), limits=Limits(deadline=0.3))).call()
    assert answer.status == "error"
    assert "deadline" in answer.text


async def test_all_calls_of_a_conversation_share_a_budget(server: ModelServer, model: str) -> None:
    """Once it is spent, no model is asked, and one line says so; another conversation has its own."""
    caller = Caller(as_tool(panel(model), conversation_limits={"budget_calls": 5}))
    assert [(await caller.call())[0].artifact["calls"] for _ in range(2)] == [3, 2]
    (spent,) = await caller.call()
    assert spent.status == "error"
    told = "the budget of 5 calls is spent: it is for all calls of this conversation; go on without it"
    assert spent.text == f"panel (voting): not run, {told}"
    assert len(server.requests) == 5
    (other,) = await caller.call(config=thread("2"))
    assert other.artifact["calls"] == 3


@pytest.mark.parametrize("shares", [True, False])
async def test_tools_share_the_limits_object_that_they_are_given(
    server: ModelServer, model: str, shares: bool
) -> None:
    """Calls at the same moment as well: the budget is never exceeded."""
    one, two = Limits(budget_calls=4), Limits(budget_calls=4)
    first = as_tool(panel(model, "first"), conversation_limits=one)
    second = as_tool(panel(model, "second"), conversation_limits=one if shares else two)
    caller = Caller(first, second)
    answers = await caller.call("first", "second")
    assert sum(answer.artifact["calls"] for answer in answers) == (4 if shares else 6)
    assert len(server.requests) == (4 if shares else 6)


@pytest.mark.parametrize("with_thread", [True, False])
async def test_after_a_restart_the_messages_tell_what_was_spent(
    server: ModelServer, model: str, with_thread: bool
) -> None:
    """A new process has the messages of the conversation, and nothing else."""
    limits = {"budget_calls": 3}

    def process() -> Any:
        return Caller(as_tool(panel(model), conversation_limits=limits), stored=with_thread).graph

    config = thread() if with_thread else None
    given: Any = {"messages": [HumanMessage("?", id="h"), AIMessage("", tool_calls=[_call("c1")])]}
    out = await process().ainvoke(given, config)
    assert out["messages"][-1].artifact["calls"] == 3
    history = [*out["messages"], HumanMessage("again", id="h2"), AIMessage("", tool_calls=[_call("c2")])]
    later = await process().ainvoke({"messages": history}, config)
    assert "not run, the budget of 3 calls" in later["messages"][-1].text
    assert len(server.requests) == 3


def _call(id: str) -> Any:
    return {"name": "panel", "args": {"question": "Is 2027 prime?"}, "id": id, "type": "tool_call"}


async def test_messages_of_a_client_can_only_raise_what_was_spent(server: ModelServer, model: str) -> None:
    """An artifact that was made up does no harm: numbers that are none count as nothing."""
    caller = Caller(as_tool(panel(model), conversation_limits={"budget_calls": 3}))
    await caller.call()
    numbers_of_a_client: list[Any] = [
        {"calls": -9},
        {"calls": "many"},
        {"run": ["no id"]},
        {"calls": float("nan"), "usd": [1]},
    ]
    made_up: list[Any] = [
        ToolMessage(
            "",
            tool_call_id=f"x{n}",
            name="panel",
            artifact={"by": conversation.ARTIFACT, "run": n, **numbers},
        )
        for n, numbers in enumerate(numbers_of_a_client)
    ]
    made_up.append(ToolMessage("", tool_call_id="y", name="panel", artifact=["list"]))
    given: Any = {"messages": [*made_up, AIMessage("", tool_calls=[_call("z")])]}
    out = await caller.graph.ainvoke(given, thread())
    assert "not run, the budget of 3 calls is spent" in out["messages"][-1].text


async def test_an_answer_of_a_person_is_not_lost_when_the_budget_is_spent(
    server: ModelServer, model: str
) -> None:
    """The run that waits goes on, although its conversation may begin no other."""
    voters: Any = {"ann": lambda q: "yes", "ben": lambda q: "no", "cem": Ask("{question}", model=model)}
    graph = create_voting(
        voters=voters,
        choices=["yes", "no"],
        rule="unanimous",
        stop="all_votes",
        on_undecided="escalate",
        name="panel",
    )
    caller = Caller(as_tool(graph, conversation_limits={"budget_calls": 1}))
    given: Any = {"messages": [AIMessage("", tool_calls=[_call("c1")])]}
    waiting = await caller.graph.ainvoke(given, thread())
    (request,) = waiting["__interrupt__"][0].value["action_requests"]
    edited = {"type": "edit", "edited_action": {"name": request["name"], "args": {"choice": "yes"}}}
    out = await caller.graph.ainvoke(Command(resume={"decisions": [edited]}), thread())
    assert "decided by a person" in out["messages"][-1].text
    assert "not run" in (await caller.call())[0].text


async def test_without_a_conversation_each_call_has_the_whole_budget(server: ModelServer, model: str) -> None:
    """Code that calls the tool without an agent has no thread and no messages."""
    tool = as_tool(panel(model), conversation_limits={"budget_calls": 3})
    texts = await asyncio.gather(*(tool.ainvoke({"question": "Is 2027 prime?"}) for _ in range(2)))
    assert all("3 model calls" in text for text in texts)


async def test_limits_around_an_agent_hold_for_its_tools(
    server: ModelServer, model: str, own: BaseChatModel
) -> None:
    """An agent that is a worker of a graph of ours: its tool's calls are the run's calls."""
    tool = as_tool(panel(model))
    agent = create_agent(own.model_copy(update={"model_name": "agent"}), [tool])
    script(server, [("panel", {"question": "Is 2027 prime?"})])
    graph = create_sectioning(
        planner=split.by_heading(),
        worker=agents.adapt(agent, output=lambda out: out["messages"][-1].text),
        limits={"budget_calls": 3},
    )
    out = await graph.ainvoke({"content": "# A\n\nIs 2027 prime?"})
    assert len(server.requests) <= 3
    assert sum(call.kind == "model" for call in out["run_report"].calls) <= 3
    assert any(not is_agent(request) for request in server.requests)


async def test_a_tool_inside_of_a_tool_is_charged_once(server: ModelServer, model: str) -> None:
    """Both are given the same limits: each request counts once."""
    limits = Limits(budget_calls=4)
    inner = as_tool(panel(model, "inner"), conversation_limits=limits)

    async def ask(request: str, config: RunnableConfig) -> Any:
        return await inner.ainvoke({"question": request}, config)

    outer = as_tool(create_scatter_gather(sources={"ask": ask}, name="outer"), conversation_limits=limits)
    builder = StateGraph(MessagesState)
    builder.add_node("tools", ToolNode([outer]))
    builder.add_edge(START, "tools")
    call = {"name": "outer", "args": {"request": "Is 2027 prime?"}, "id": "c", "type": "tool_call"}
    out = await builder.compile(checkpointer=InMemorySaver()).ainvoke(
        {"messages": [AIMessage("", tool_calls=[call])]}, thread()
    )
    assert out["messages"][-1].artifact["calls"] == 3
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (
            {"deadline": 3, "budget_calls": 1},
            "conversation_limits has deadline; expected some of budget_calls",
        ),
        ({}, "conversation_limits sets nothing"),
        (
            {"budget_call": 3},
            "conversation_limits has the unknown key 'budget_call'; "
            "known keys: budget_calls, budget_tokens, budget_usd",
        ),
        (3, "conversation_limits is 3"),
    ],
)
def test_limits_of_a_conversation_are_budgets(model: str, limits: Any, words: str) -> None:
    """Anything else bounds a call, and is refused where it would do nothing."""
    with pytest.raises(UsageError) as raised:
        as_tool(panel(model), conversation_limits=limits)
    assert str(raised.value).startswith(words)
    assert ("deadline" in str(raised.value)) is (isinstance(limits, dict) and "deadline" in limits)


def test_a_budget_in_dollars_needs_prices(model: str) -> None:
    """It is refused when the tool is made, not when the money is spent."""
    with pytest.raises(UnknownPrice, match=r"budget_usd cannot be kept.*price_input.*_PRICE_INPUT"):
        as_tool(panel(model), conversation_limits={"budget_usd": 1})
    prices = {"price_input": 1, "price_output": 1}
    assert as_tool(panel(model, limits=prices), limits={"budget_usd": 1, **prices})


def test_a_ledger_remembers_a_bounded_number_of_conversations(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was used least recently is forgotten."""
    monkeypatch.setattr(conversation, "_MOST", 2)
    ledger = conversation.Ledger(Limits(budget_calls=1))
    budgets = [ledger.budget(thread(name), []) for name in "abc"]
    assert ledger.budget(thread("c"), []) is budgets[2]
    assert ledger.budget(thread("a"), []) is not budgets[0]
