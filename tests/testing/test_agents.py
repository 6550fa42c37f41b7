"""`FakeModel` as the model of an agent: calls of several tools, their ids, and loops."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel, SecretStr

from langgraph_parallel import as_tool, create_voting, details_tool, parallel_tool
from langgraph_parallel.errors import UsageError
from langgraph_parallel.testing import FakeModel, ModelServer, Reply


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def shout(text: str) -> str:
    """Say it in capitals."""
    return text.upper()


def calls(*called: tuple[str, Mapping[str, Any]], id: str = "1") -> AIMessage:
    """Return a message with calls of tools, all under the same id."""
    return AIMessage("", tool_calls=[{"name": name, "args": dict(args), "id": id} for name, args in called])


def said(text: str) -> Any:
    """Return the input of an agent."""
    return {"messages": [HumanMessage(text)]}


def results(messages: Sequence[BaseMessage]) -> list[str]:
    """Return what tools have answered."""
    return [one.text for one in messages if isinstance(one, ToolMessage)]


def read_choice(messages: list[BaseMessage]) -> AIMessage:
    """Call `read_details` with the run that the last answer names."""
    found = re.search(r'run "([^"]+)"', messages[-1].text)
    assert found
    return calls(("read_details", {"run": found[1], "part": "verdict/choice"}))


async def test_an_agent_calls_a_graph_reads_its_details_and_answers() -> None:
    """Any of its tools is called by a message, and a function knows the id of the run."""
    model = FakeModel({"Is it?": {"choice": "yes"}})
    panel = as_tool(create_voting(model=model, choices=["yes", "no"]), name="ask_panel")
    script = FakeModel(
        {
            "Ask the panel": calls(("ask_panel", {"question": "Is it?"})),
            "Details: run": read_choice,
            "| yes": "It is.",
        }
    )
    agent = create_agent(script, [details_tool(), panel])
    out = await agent.ainvoke(said("Ask the panel."))
    first, page = results(out["messages"])
    assert first.startswith("ask_panel (voting): ok")
    assert page.endswith("| yes")
    assert out["messages"][-1].text == "It is."
    assert script.prompts[0].endswith("Ask the panel.")


async def test_ids_of_calls_differ_within_a_conversation() -> None:
    """Also of one message that is given twice, of calls in one message, and of mappings."""
    both = calls(("add", {"a": 1, "b": 2}), ("shout", {"text": "a"}))
    model = FakeModel({"": "end", "first": both, "3": {"a": 2, "b": 2}, "4": both, "second": "end"})
    model.on(lambda prompt: prompt.count("A") == 2, "end")
    agent = create_agent(model, [add, shout], checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    out = await agent.ainvoke(said("first"), thread)
    ids = [call["id"] for one in out["messages"] if isinstance(one, AIMessage) for call in one.tool_calls]
    assert len(ids) == len(set(ids)) == 5
    assert ids[0] == "1"
    assert [call["id"] for call in both.tool_calls] == ["1", "1"]  # what was given is as it was
    assert results(out["messages"]) == ["3", "A", "4", "3", "A"]


def test_a_message_with_an_id_can_be_given_twice() -> None:
    """In a conversation the second one would replace the first."""
    model = FakeModel({"": AIMessage("yes", id="mine")})
    first = model.invoke("?")
    second = model.invoke([HumanMessage("?"), first, HumanMessage("?")])
    assert (first.id, second.text) == ("mine", "yes")
    assert second.id != "mine"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (3, "is 3; expected a text, a mapping, an AIMessage"),
        (None, "is None; expected"),
        ([{"choice": "yes"}], r"is \[\{'choice': 'yes'\}\]; expected a text"),
        (HumanMessage("hello"), "is HumanMessage"),
        (TimeoutError, r"is the class TimeoutError; pass an error: TimeoutError\(\)"),
        (dict, "is <class 'dict'>"),
        (Reply(text="x"), "is Reply"),
        (asyncio.sleep, "is an async function; expected .* that is not async"),
    ],
)
def test_what_is_no_answer_is_refused_at_once(answer: Any, words: str) -> None:
    """In the constructor, and where it is added; nothing is taken as fields by chance."""
    with pytest.raises(UsageError, match=f"the answer to 'Is it' {words}"):
        FakeModel({"Is it": answer})
    with pytest.raises(UsageError, match="the answer to 'Is it'"):
        FakeModel().on("Is it", answer)
    if answer is not None:
        with pytest.raises(UsageError, match=r"default is|class"):
            FakeModel(default=answer)


def test_what_matches_no_prompt_is_refused_at_once() -> None:
    """A rule is a text or a function, and the rules are a mapping."""
    wrong: Any = 3
    with pytest.raises(UsageError, match="3 matches no prompt"):
        FakeModel({wrong: "yes"})
    listed: Any = ["yes"]
    with pytest.raises(UsageError, match=r"answers is \['yes'\]; expected a mapping"):
        FakeModel(listed)


@pytest.mark.parametrize("returned", [None, 3, HumanMessage("x"), lambda messages: "x"])
def test_a_function_returns_an_answer(returned: Any) -> None:
    """Whatever else it returns is an error that says what was expected."""
    with pytest.raises(UsageError, match="a function that answers for FakeModel returned"):
        FakeModel({"": lambda messages: returned}).invoke("x")


def test_a_function_may_return_each_kind_of_answer() -> None:
    """It gets the messages, and what it returns is treated as if it had been given."""
    assert FakeModel({"": lambda messages: messages[-1].text[::-1]}).invoke("abc").text == "cba"
    assert FakeModel(default=lambda messages: {"n": len(messages)}).invoke("abc").text == '{"n": 1}'
    with pytest.raises(TimeoutError, match="late"):
        FakeModel({"": lambda messages: TimeoutError("late")}).invoke("abc")


@pytest.mark.parametrize("arguments", [{"a": 1}, {"a": "x", "b": "y"}])
async def test_wrong_arguments_do_not_loop_for_ever(arguments: dict[str, Any]) -> None:
    """The third call with the same arguments is an error with the tool's own words."""
    model = FakeModel({"Add": arguments})
    with pytest.raises(UsageError, match=r"calls the tool 'add' in a loop.* 2 errors .*add"):
        await create_agent(model, [add, shout]).ainvoke(said("Add."))
    assert len(model.prompts) == 3


async def test_a_refused_plan_does_not_loop_for_ever() -> None:
    """A tool of this package answers with an error, too."""
    model = FakeModel({"Plan": {"sections": [{"id": "a", "instructions": "x", "needs": ["c"]}]}})
    tools = [parallel_tool({"reader": lambda section: "nothing"})]
    with pytest.raises(UsageError, match=r"'run_in_parallel' in a loop.*'c', which is not in the plan"):
        await create_agent(model, tools).ainvoke(said("Plan it."))


async def test_a_rule_that_matches_its_own_answer_does_not_loop_for_ever() -> None:
    """Five answers in one turn are a loop; the same call in each of ten turns is not."""
    model = FakeModel({"Add": {"a": 1, "b": 2}})
    with pytest.raises(UsageError, match="have had 5 answers in this turn, the last one '3'"):
        await create_agent(model, [add]).ainvoke(said("Add."))
    turns = FakeModel({"Add": {"a": 1, "b": 2}})
    agent = create_agent(turns, [add], checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    turns.on(lambda prompt: prompt.endswith("\n\n3"), "Done.")
    for turn in range(1, 11):
        out = await agent.ainvoke(said("Add."), thread)
        assert out["messages"][-1].text == "Done."
        assert results(out["messages"]) == ["3"] * turn


async def test_an_agent_that_was_told_nothing_calls_its_first_tool_once() -> None:
    """And ends then, but for the structured answer that it must give."""

    class Sum(BaseModel):
        total: int

    out = await create_agent(FakeModel(), [add, shout]).ainvoke(said("Hello."))
    assert (results(out["messages"]), out["messages"][-1].text) == (["2"], "ok")
    model = FakeModel({"Hello": calls(("add", {"a": 1, "b": 2})), "3": calls(("Sum", {"total": 3}))})
    agent = create_agent(model, [add], response_format=ToolStrategy(Sum))
    assert (await agent.ainvoke(said("Hello.")))["structured_response"] == Sum(total=3)


async def test_ids_of_a_servers_calls_differ_too(server: ModelServer) -> None:
    """A conversation with two calls has two ids."""
    server.always(Reply(json={"a": 1, "b": 2}))
    server.on(lambda request: str(request.body["messages"]).count("call_2") > 1, Reply(text="end"))
    model = ChatOpenAI(model="test-model", base_url=server.url, api_key=SecretStr("none"))
    out = await create_agent(model, [add]).ainvoke(said("Add."))
    answers = [one for one in out["messages"] if isinstance(one, ToolMessage)]
    assert [one.tool_call_id for one in answers] == ["call_1", "call_2"]
