"""Graphs in deep agents: as a tool, as a tool of a subagent, and as a subagent."""

from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from langgraph_parallel import as_tool, create_voting, details_tool
from tests.support.calling_agent import script, turns_of
from tests.support.server import ModelServer, Reply, Request

deepagents = pytest.importorskip(
    "deepagents", reason="deepagents is not installed; CI has it (group deepagents)"
)
HELLO: Any = {"messages": [{"role": "user", "content": "hello"}]}
THREAD: RunnableConfig = {"configurable": {"thread_id": "1"}}


@pytest.fixture
def chat(own: ChatOpenAI) -> ChatOpenAI:
    """The model of the agent."""
    return own.model_copy(update={"model_name": "agent"})


def results(out: dict[str, Any]) -> list[ToolMessage]:
    """Return the tool messages of an agent."""
    return [message for message in out["messages"] if isinstance(message, ToolMessage)]


def panel(model: str, **options: Any) -> Any:
    """Return a vote of three."""
    return create_voting(model=model, choices=["yes", "no"], voters=3, name="panel", **options)


async def test_a_deep_agent_calls_a_panel_and_reads_the_details(
    server: ModelServer, model: str, chat: ChatOpenAI
) -> None:
    """The tool beside those that a deep agent has."""
    server.on(
        lambda request: "2027" in request.prompt and request.body["model"] != "agent",
        Reply(json={"choice": "yes"}),
    )
    agent = deepagents.create_deep_agent(
        model=chat, tools=[as_tool(panel(model)), details_tool()], checkpointer=InMemorySaver()
    )
    script(server, [("panel", {"question": "Is 2027 prime?"})])
    (answer,) = results(await agent.ainvoke(HELLO, THREAD))
    assert 'Verdict: "yes"' in answer.text
    script(server, [], [], [("read_details", {"run": answer.artifact["run"], "part": "verdict/choice"})])
    assert results(await agent.ainvoke(HELLO, THREAD))[-1].text.endswith("| yes")


async def test_a_person_decides_for_a_subagent_of_a_deep_agent(
    server: ModelServer, model: str, chat: ChatOpenAI
) -> None:
    """The interrupt of a tool's graph comes up through two agents, and its answer goes down."""
    asked: list[str] = []

    def voter(name: str, choice: str) -> Any:
        def vote(question: str) -> str:
            asked.append(name)
            return choice

        return vote

    graph = create_voting(
        voters={"ann": voter("ann", "yes"), "ben": voter("ben", "no")},
        choices=["yes", "no"],
        rule="unanimous",
        stop="all_votes",
        on_undecided="escalate",
        name="panel",
    )
    judge = {
        "name": "judge",
        "description": "Judges.",
        "system_prompt": "You judge.",
        "tools": [as_tool(graph)],
    }
    agent = deepagents.create_deep_agent(model=chat, subagents=[judge], checkpointer=InMemorySaver())

    def is_judge(request: Request) -> bool:
        return request.body["model"] == "agent" and "You judge." in request.prompt

    script(server, [("task", {"description": "Judge it.", "subagent_type": "judge"})])
    script(server, [("panel", {"question": "Which?"})], when=is_judge)
    waiting = await agent.ainvoke(HELLO, THREAD)
    (interrupt,) = waiting["__interrupt__"]
    (request,) = interrupt.value["action_requests"]
    edited = {"type": "edit", "edited_action": {"name": request["name"], "args": {"choice": "no"}}}
    out = await agent.ainvoke(Command(resume={"decisions": [edited]}), THREAD)
    assert results(out)[-1].text == "done"
    verdicts = [request for request in server.requests if is_judge(request) and turns_of(request) == 1]
    assert "decided by a person" in verdicts[-1].prompt
    assert sorted(asked) == ["ann", "ben"]


async def test_a_graph_that_takes_messages_is_a_subagent_itself(
    server: ModelServer, model: str, chat: ChatOpenAI
) -> None:
    """As a `CompiledSubAgent`: its last message is the result of the task."""
    graph = panel(model)
    if "messages" not in graph.get_input_jsonschema()["properties"]:
        pytest.skip("graphs do not take messages yet")
    server.on(lambda request: request.body["model"] != "agent", Reply(json={"choice": "yes"}))
    about = {"name": "panel", "description": "Puts a question to a vote."}
    agent = deepagents.create_deep_agent(model=chat, subagents=[{**about, "runnable": graph}])
    script(server, [("task", {"description": "Is 2027 prime?", "subagent_type": "panel"})])
    (answer,) = results(await agent.ainvoke(HELLO))
    assert "yes" in answer.text
    assert "2/2" in answer.text
