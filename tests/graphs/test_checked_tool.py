"""Checked tools: nothing is passed to a tool or from it that a check has not passed."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from langgraph_parallel import Check, agents, create_scatter_gather
from langgraph_parallel.errors import KeptBack, UsageError
from langgraph_parallel.nodes.catalogue.tools import Toolbox, ToolCall
from langgraph_parallel.nodes.text.passages import Passages
from tests.support.server import ModelServer, Reply

SECRET = "s3cret"


class Post:
    """A tool that notes what it sends."""

    def __init__(self, result: str = "sent") -> None:
        self.sent: list[str] = []
        self._result = result

    @property
    def tool(self) -> Any:
        """The tool."""

        @tool
        async def send(to: str, text: str = "hello") -> str:
            """Send a text."""
            self.sent.append(to)
            return self._result

        return send


def outside(text: str) -> Any:
    """Flag what is not for this house."""
    return {"flagged": "@example.com" not in text, "reason": "it goes outside"}


def leaks(text: str) -> bool:
    """Flag a secret."""
    return SECRET in text


async def test_a_call_that_a_check_flags_is_not_made() -> None:
    """The model is told which check it was; a call that passes is made, with its arguments as JSON."""
    post, seen = Post(), []

    def note(text: str) -> bool:
        seen.append(text)
        return False

    checked = agents.checked_tool(post.tool, input_checks={"outside": outside, "note": note})
    assert await checked.ainvoke({"to": "a@example.com"}) == "sent"
    told = await checked.ainvoke({"to": "b@evil.com", "text": "x"})
    assert told == "(send: the call was not made: outside has not passed it)"
    assert (post.sent, seen[0]) == (["a@example.com"], '{"to": "a@example.com", "text": "hello"}')


async def test_a_result_that_a_check_flags_is_withheld() -> None:
    """Nothing of it is in what the model gets."""
    post = Post(f"the key is {SECRET}")
    checked = agents.checked_tool(post.tool, output_checks={"leaks": leaks})
    told = await checked.ainvoke({"to": "x"})
    assert told == "(send: what it returned is withheld: leaks has not passed it)"
    assert post.sent == ["x"]


class Hearer(BaseCallbackHandler):
    """Keeps the results of tools and chains that it is told."""

    run_inline = True

    def __init__(self) -> None:
        self.ended: list[str] = []

    def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        """Keep it."""
        self.ended.append(str(output))


@pytest.mark.parametrize("passes", [True, False])
async def test_no_trace_shows_a_result_that_is_withheld(passes: bool) -> None:
    """Handlers are told of both tools; what has passed is shown where the result goes to."""
    hearer = Hearer()
    checked = agents.checked_tool(Post(SECRET).tool, output_checks={"c": lambda text: not passes})
    await checked.ainvoke({"to": "x"}, {"callbacks": [hearer]})
    assert len(hearer.ended) == 2
    assert (SECRET in hearer.ended[1]) is passes
    assert SECRET not in hearer.ended[0]


async def test_a_tool_that_asks_a_person_goes_on_with_the_reply() -> None:
    """The question is put once, and what the tool returns then is checked."""
    asked: list[str] = []

    @tool
    async def confirm(to: str) -> str:
        """Ask a person."""
        asked.append(to)
        return f"they said {interrupt('may I?')}"

    checked = agents.checked_tool(confirm, output_checks={"leaks": leaks})
    source = agents.adapt(checked, input=lambda request: {"to": request})
    graph = create_scatter_gather(sources={"a": source}, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    assert len((await graph.ainvoke({"request": "x"}, config))["__interrupt__"]) == 1
    out = await graph.ainvoke(Command(resume="yes"), config)
    assert (out["results"], asked) == ({"a": "they said yes"}, ["x", "x"])


def fails(text: str) -> Any:
    """Raise an error that quotes what it got."""
    raise ConnectionError(text)


@pytest.mark.parametrize(
    ("check", "policy", "sent"),
    [
        (fails, "closed", 0),
        (fails, "open", 1),
        (lambda text: "hit", "open", 0),
        (lambda text: None, "open", 0),
    ],
    ids=["fails, closed", "fails, open", "unreadable", "undecided"],
)
async def test_the_policy_is_that_of_a_guarded_answer(check: Any, policy: Any, sent: int) -> None:
    """Only a check that could not be run passes, and only under `open`."""
    post = Post()
    await agents.checked_tool(post.tool, input_checks={"c": check}, policy=policy).ainvoke({"to": "x"})
    assert len(post.sent) == sent


async def test_it_may_raise_instead() -> None:
    """For an app that ends the run of an agent then."""
    checked = agents.checked_tool(Post().tool, input_checks={"outside": outside}, raises=True)
    with pytest.raises(KeptBack, match="outside has not passed it"):
        await checked.ainvoke({"to": "x"})


def test_it_is_the_same_tool_to_a_model_also_in_sync_code() -> None:
    """Its name, its description and its arguments; functions become tools."""

    def send(to: str) -> str:
        """Send a text."""
        return f"sent to {to}"

    checked = agents.checked_tool(send, input_checks={"outside": outside})
    assert (checked.name, checked.description, list(checked.args)) == ("send", "Send a text.", ["to"])
    assert checked.invoke({"to": "a@example.com"}) == "sent to a@example.com"
    assert "the call was not made" in checked.invoke({"to": "x"})


class Caller(GenericFakeChatModel):
    """A model that calls a tool."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Take them as known."""
        return self


def calls() -> Iterator[AIMessage]:
    """Call the tool, then say that all is done."""
    yield AIMessage("", tool_calls=[{"name": "send", "args": {"to": "b@evil.com"}, "id": "1"}])
    yield AIMessage("done")


async def test_an_agent_goes_on_without_the_call() -> None:
    """It gets the message of the check as that of its tool."""
    post = Post()
    checked = agents.checked_tool(post.tool, input_checks={"outside": outside})
    agent = create_agent(Caller(messages=calls()), tools=[checked])
    out = await agent.ainvoke({"messages": [{"role": "user", "content": "send it"}]})
    told = [message for message in out["messages"] if isinstance(message, ToolMessage)]
    assert [message.content for message in told] == [
        "(send: the call was not made: outside has not passed it)"
    ]
    assert (post.sent, out["messages"][-1].text) == ([], "done")


async def test_it_is_a_tool_of_a_researcher_and_a_source() -> None:
    """Both get what the checks let pass."""
    post = Post(f"the key is {SECRET}")
    checked = agents.checked_tool(post.tool, output_checks={"leaks": leaks})
    (result,) = await Toolbox([checked]).use(ToolCall(tool="send", input='{"to": "x"}'), Passages({}), None)
    assert SECRET not in result.text
    source = agents.adapt(checked, input=lambda request: {"to": request})
    out = await create_scatter_gather(sources={"post": source}).ainvoke({"request": "x"})
    assert "is withheld" in out["results"]["post"]


async def test_models_check_by_criteria(model: str, server: ModelServer) -> None:
    """They get what is to be passed on as data."""
    flag = {"rationale": "", "choice": "flag", "confidence": 1, "notes": {"quotes": []}}
    server.always(Reply(json=flag))
    checks: Any = {"one": "No strangers.", "three": Check("No strangers.", voters=3)}
    post = Post()
    told = await agents.checked_tool(post.tool, input_checks=checks).ainvoke({"to": "x"})
    assert (post.sent, "has not passed it" in told) == ([], True)
    assert 'name="content">\n{"to": "x", "text": "hello"}\n</' in server.requests[0].prompt


def test_invalid_arguments_are_refused() -> None:
    """When the tool is made."""
    with pytest.raises(UsageError, match="nothing to check"):
        agents.checked_tool(Post().tool)
    with pytest.raises(UsageError, match="input_checks is empty"):
        agents.checked_tool(Post().tool, input_checks={})
    with pytest.raises(UsageError, match="input_checks: 'c' is blocking"):
        agents.checked_tool(Post().tool, input_checks={"c": Check("No.", blocking=True)})
    with pytest.raises(UsageError, match="is not a tool"):
        agents.checked_tool(lambda: None, input_checks={"c": "No."})
