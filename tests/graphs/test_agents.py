"""Agents and other graphs of LangGraph as workers: each gets its question, and its last message counts."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from langgraph_parallel import (
    Judge,
    Roster,
    Section,
    agents,
    create_best_of,
    create_debate,
    create_guarded,
    create_labeling,
    create_map_reduce,
    create_market_study,
    create_moderation,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    errors,
    split,
    synthesize,
)
from tests.support.server import ModelServer, Reply

TOPIC = "the harbour of Bergen"
"""Stands in the input of every graph, and so in the message of every agent."""


class Choice(BaseModel):
    """A structured response that a ballot is read from."""

    choice: str | float
    rationale: str = ""


class Flagged(BaseModel):
    """A structured response that a check is read from."""

    flagged: bool
    reason: str


def agent(own: ChatOpenAI, **options: Any) -> Any:
    """Return a LangChain agent with a model of its own."""
    return create_agent(own, tools=[], **options)


Build = Callable[[Any], tuple[Any, Mapping[str, Any]]]
QUESTION = {"question": f"What of {TOPIC}?"}
TEXT: dict[str, tuple[Build, Callable[[dict[str, Any]], Any]]] = {
    "worker of a section": (
        lambda a: (create_sectioning(planner=split.by_heading(), worker=a), {"content": f"# A\n\n{TOPIC}"}),
        lambda out: out["result"].partition("\n\n")[2],
    ),
    "synthesizer of sections": (
        lambda a: (
            create_sectioning(planner=split.by_heading(), worker=lambda s: s.content, synthesizer=a),
            {"content": f"# A\n\n{TOPIC}"},
        ),
        lambda out: out["result"],
    ),
    "voter": (lambda a: (create_voting(voters=[a]), QUESTION), lambda out: out["verdict"].choice),
    "voter by name": (
        lambda a: (create_voting(voters={"ann": a}), QUESTION),
        lambda out: out["ballots"][0].choice,
    ),
    "fallback": (
        lambda a: (
            create_voting(voters=[lambda q: "x", lambda q: "y"], rule="unanimous", on_undecided=a),
            QUESTION,
        ),
        lambda out: out["verdict"].choice,
    ),
    "worker of items": (
        lambda a: (create_map_reduce(worker=a, synthesizer=synthesize.concatenate()), {"items": [TOPIC]}),
        lambda out: out["result"],
    ),
    "reducer": (
        lambda a: (create_map_reduce(worker=lambda item: item, synthesizer=a), {"items": [TOPIC, "b"]}),
        lambda out: out["result"],
    ),
    "source": (
        lambda a: (create_scatter_gather(sources={"a": a}), {"request": TOPIC}),
        lambda out: out["results"]["a"],
    ),
    "source of a request that is data": (
        lambda a: (create_scatter_gather(sources={"a": a}), {"request": {"find": TOPIC}}),
        lambda out: out["results"]["a"],
    ),
    "debater": (
        lambda a: (create_debate(debaters={"ann": a, "ben": a}), QUESTION),
        lambda out: out["verdict"].choice,
    ),
    "annotator": (
        lambda a: (create_labeling(labels=["fine", "other"], voters=[a]), {"items": [TOPIC]}),
        lambda out: out["labels"][0].label,
    ),
    "guarded": (
        lambda a: (create_guarded(worker=a, checks={"c": lambda text: False}), {"message": TOPIC}),
        lambda out: out["answer"],
    ),
    "section of a market study": (
        lambda a: (
            create_market_study(worker=a, sections={"Shops": "who"}, quantity=""),
            {"subject": TOPIC},
        ),
        lambda out: next(iter(out["branches"].values())).value,
    ),
    "drafter": (
        lambda a: (create_best_of(drafters={"ann": a}, model="openai:judge"), {"task": TOPIC}),
        lambda out: out["best"],
    ),
}
"""For each place that reads a text: a graph with an agent there, and where its answer is."""


@pytest.mark.parametrize("place", TEXT)
async def test_an_agent_gets_its_question_and_its_last_message_is_the_answer(
    place: str, model: str, server: ModelServer, own: ChatOpenAI
) -> None:
    """In every place that takes a worker, without an adapter."""
    server.on(lambda request: request.body["model"] == "own", Reply(text="fine"))
    build, answer = TEXT[place]
    graph, given = build(agent(own))
    assert answer(await graph.ainvoke(given)) == "fine"
    asked = [request for request in server.requests if request.body["model"] == "own"]
    assert asked
    assert all(TOPIC in request.body["messages"][-1]["content"] for request in asked)
    assert all(request.body["messages"][-1]["role"] == "user" for request in asked)


STRUCTURED: dict[str, tuple[type[BaseModel], dict[str, Any], Build, Callable[[dict[str, Any]], Any], Any]] = {
    "voter": (
        Choice,
        {"choice": "left", "rationale": "so it is"},
        lambda a: (create_voting(voters=[a], choices=["left", "right"]), QUESTION),
        lambda out: (out["verdict"].choice, out["ballots"][0].rationale),
        ("left", "so it is"),
    ),
    "forecaster": (
        Choice,
        {"choice": 3.5},
        lambda a: (
            create_market_study(model="openai:writer", sections={}, forecasters=Roster(a, 3)),
            {"subject": TOPIC, "regions": ["Norway"]},
        ),
        lambda out: out["market_study"].forecasts[0].value,
        3.5,
    ),
    "check of moderation": (
        Flagged,
        {"flagged": True, "reason": "it is rude"},
        lambda a: (create_moderation(checks={"tone": a}), {"text": TOPIC}),
        lambda out: out["status"],
        "flagged",
    ),
    "check of an answer": (
        Flagged,
        {"flagged": True, "reason": "it is rude"},
        lambda a: (create_guarded(worker=lambda m: "hello", checks={"tone": a}), {"message": TOPIC}),
        lambda out: out["released"],
        False,
    ),
}
"""For each place that reads more: the schema, the response, a graph, where its answer is, and the answer."""


@pytest.mark.parametrize("place", STRUCTURED)
async def test_the_structured_response_of_an_agent_comes_first(
    place: str, model: str, server: ModelServer, own: ChatOpenAI
) -> None:
    """It is the result, whatever the last message says."""
    schema, response, build, answer, expected = STRUCTURED[place]
    server.on(lambda request: request.body["model"] == "own", Reply(json=response))
    graph, given = build(agent(own, response_format=schema))
    assert answer(await graph.ainvoke(given)) == expected
    assert server.asked(TOPIC) or server.asked("Norway")


SPLIT = {"ann": lambda q: "left", "ben": lambda q: "right"}
JUDGED: dict[str, tuple[Build, dict[str, Any], Callable[[dict[str, Any]], Any], Any]] = {
    "judge": (
        lambda a: (create_voting(voters=SPLIT, rule=Judge(a)), QUESTION),
        {"reason": "so", "answer": 2},
        lambda out: out["verdict"].choice in ("left", "right"),
        True,
    ),
    "judge of a tie": (
        lambda a: (create_voting(voters=SPLIT, rule="unanimous", on_undecided=Judge(a)), QUESTION),
        {"reason": "so", "answer": 1},
        lambda out: out["verdict"].decided_by,
        "fallback",
    ),
    "judge of drafts": (
        lambda a: (
            create_best_of(drafters={"ann": lambda t: "one", "ben": lambda t: "two"}, judge_model=a),
            {"task": TOPIC},
        ),
        {"reason": "shorter", "better": 1},
        lambda out: out["best"] in ("one", "two"),
        True,
    ),
}


@pytest.mark.parametrize("place", JUDGED)
@pytest.mark.parametrize("fenced", [False, True])
async def test_an_agent_judges(place: str, fenced: bool, server: ModelServer, own: ChatOpenAI) -> None:
    """It gets the prompt of a judge and the fields of the answer; its JSON may be inside a fence."""
    build, response, answer, expected = JUDGED[place]
    text = json.dumps(response)
    server.always(Reply(text=f"```json\n{text}\n```" if fenced else text))
    graph, given = build(agent(own))
    out = await graph.ainvoke(given)
    assert answer(out) == expected
    assert out["run_report"].failures == {}
    assert all("one JSON object" in request.body["messages"][-1]["content"] for request in server.requests)
    assert [call.target for call in out["run_report"].calls if call.kind == "model"] == ["own"] * len(
        server.requests
    )


async def test_a_judge_that_is_an_agent_and_answers_something_else_leaves_the_vote_open(
    server: ModelServer, own: ChatOpenAI
) -> None:
    """As a model's answer that does not fit."""
    server.always(Reply(text="I like the first one."))
    out = await create_voting(voters=SPLIT, rule=Judge(agent(own))).ainvoke(QUESTION)
    assert (out["verdict"].status, out["verdict"].choice) == ("below_threshold", None)
    assert "does not fit" in out["run_report"].failures["judge"]


def test_an_agent_that_judges_has_limits_of_its_own(own: ChatOpenAI) -> None:
    """Limits of a call would not reach its models."""
    with pytest.raises(errors.UsageError, match="an agent has limits of its own"):
        Judge(agent(own), limits={"attempts": 2})


async def test_several_votes_of_one_agent(server: ModelServer, own: ChatOpenAI) -> None:
    """Each is a run of its own, with its own ballot."""
    server.always(Reply(text="yes"))
    out = await create_voting(voters=Roster(agent(own), 5), stop="all_votes").ainvoke(QUESTION)
    assert str(out["verdict"].support) == "5/5"
    assert len(server.requests) == 5


async def test_a_debate_shows_an_agent_the_other_answers(server: ModelServer, own: ChatOpenAI) -> None:
    """With its own last answer."""
    server.always(Reply(text="no"))
    debate = create_debate(debaters={"ann": agent(own), "ben": lambda section: "yes"}, max_rounds=2)
    await debate.ainvoke(QUESTION)
    first, second = (request.body["messages"][-1]["content"] for request in server.requests)
    assert "The answers of the others" not in first
    assert second.startswith(QUESTION["question"])
    assert "Your last answer:\n\nno" in second
    assert "The answers of the others:\n\n" in second


async def test_an_agent_gets_instructions_and_needed_results(server: ModelServer, own: ChatOpenAI) -> None:
    """All of it in one message."""
    server.always(Reply(text="done"))

    def plan(content: str) -> list[Section]:
        first = Section(id="a", title="First", content="one", instructions="Count the ships.")
        return [first, Section(id="b", title="Second", content="two", needs=["a"])]

    await create_sectioning(planner=plan, worker=agent(own)).ainvoke({"content": ""})
    first, second = (request.body["messages"][-1]["content"] for request in server.requests)
    assert first == "Count the ships.\n\none"
    assert second.startswith("two\n\n")
    assert "### First\n\ndone" in second


@pytest.mark.parametrize("reply", [Reply(text=" "), Reply(status=500)])
async def test_an_agent_that_says_nothing_fails(reply: Reply, server: ModelServer, own: ChatOpenAI) -> None:
    """Neither an empty last message nor an error is an answer."""
    server.always(reply)
    out = await create_voting(voters={"ann": agent(own), "ben": lambda q: "yes"}).ainvoke(QUESTION)
    assert (out["verdict"].failed, out["missing"]) == (1, ["ann"])


class Chat(TypedDict):
    """The state of a graph of the user's own."""

    messages: Annotated[list[AnyMessage], add_messages]
    steps: int


class Other(TypedDict):
    """A state without messages."""

    ship: str
    port: str


def graph_of(state: Any, answer: Any) -> Any:
    """Return a compiled graph with one node."""
    builder = StateGraph(state)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    return builder.compile()


async def test_any_graph_with_messages_in_its_state_is_an_agent() -> None:
    """It does not have to come from LangChain."""
    echo = graph_of(Chat, lambda state: {"messages": [("ai", f"heard: {state['messages'][-1].text}")]})
    out = await create_sectioning(planner=split.by_heading(), worker=echo).ainvoke(
        {"content": f"# A\n{TOPIC}"}
    )
    assert f"heard: # A\n{TOPIC}" in out["result"]


REFUSING: dict[str, tuple[Callable[[Any], Any], str]] = {
    "voter": (lambda g: create_voting(voters=[g]), "the keys question"),
    "fallback": (lambda g: create_voting(voters=[len], on_undecided=g), "the keys question"),
    "worker": (
        lambda g: create_sectioning(planner=split.by_heading(), worker=g),
        "the keys blocks, content, data",
    ),
    "section": (lambda g: create_market_study(worker=g), "the keys blocks, content, data"),
    "debater": (lambda g: create_debate(debaters=[g, g]), "the keys blocks, content, data"),
    "guarded": (lambda g: create_guarded(worker=g), "a text"),
    "check": (lambda g: create_guarded(checks={"c": g}), "a text"),
    "drafter": (lambda g: create_best_of(drafters=[g, g]), "a text"),
    "reducer": (lambda g: create_map_reduce(worker=len, synthesizer=g), "a text"),
}


@pytest.mark.parametrize("place", REFUSING)
def test_a_graph_whose_input_cannot_be_told_is_refused(place: str) -> None:
    """It would run without its work; the error says how to adapt it."""
    build, work = REFUSING[place]
    other = graph_of(Other, lambda state: {"port": "Bergen"})
    with pytest.raises(
        errors.UsageError, match=rf"takes ship, port, but the work has {work}.*agents.adapt\("
    ):
        build(other)


async def test_an_adapter_says_what_a_graph_gets_and_gives() -> None:
    """Its functions may be async; the graph runs in the branch like any worker."""
    other = graph_of(Other, lambda state: {"port": f"port of {state['ship']}"})

    async def read(output: dict[str, Any]) -> str:
        return str(output["port"])

    worker = agents.adapt(other, input=lambda section: {"ship": section.title}, output=read)
    out = await create_sectioning(planner=split.by_heading(), worker=worker).ainvoke(
        {"content": "# Fram\n\nx"}
    )
    assert "port of Fram" in out["result"]
    voter = agents.adapt(other, input=lambda question: {"ship": question}, output=read)
    vote = await create_voting(voters=Roster(voter, 3)).ainvoke({"question": "Fram"})
    assert vote["verdict"].choice == "port of Fram"


async def test_an_adapter_without_functions_passes_the_work_on() -> None:
    """As for a function in the same place."""
    chain = agents.adapt(graph_of(Other, lambda state: {"port": state["ship"]}))
    out = await create_scatter_gather(sources={"a": chain}).ainvoke({"request": {"ship": "Fram", "port": ""}})
    assert out["results"]["a"] == {"ship": "Fram", "port": "Fram"}


def test_what_cannot_be_adapted_is_refused() -> None:
    """By the name of the argument."""
    anything: Any = 3
    with pytest.raises(errors.UsageError, match="3 cannot be adapted; pass a graph"):
        agents.adapt(anything)
    with pytest.raises(errors.UsageError, match="output is 3; expected a function"):
        agents.adapt(graph_of(Other, lambda state: {}), output=anything)


async def later(value: str) -> str:
    """Return a value, after all."""
    return value


class Answering:
    """A worker whose `__call__` returns something to await."""

    def __call__(self, question: str) -> Any:
        """Answer later."""
        return later("yes")


@pytest.mark.parametrize("worker", [lambda question: later("yes"), Answering()], ids=["lambda", "object"])
async def test_any_awaitable_is_awaited(worker: Any) -> None:
    """A function that is not async may return one."""
    out = await create_voting(voters={"ann": worker}).ainvoke(QUESTION)
    assert out["verdict"].choice == "yes"


def test_without_langchain_the_middleware_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: nothing else of the package needs langchain."""
    missing: Any = None
    monkeypatch.setitem(sys.modules, "langchain.agents.middleware", missing)
    monkeypatch.delitem(sys.modules, "langgraph_parallel.nodes.work.middleware", raising=False)
    with pytest.raises(errors.UsageError, match=r"pip install 'langgraph-parallel\[agents\]'"):
        _ = agents.GovernedMiddleware


async def test_messages_that_an_agent_was_given_are_no_calls_of_it(
    server: ModelServer, own: ChatOpenAI
) -> None:
    """In a run that is resumed, whose earlier calls are read from the agent's messages."""
    server.always(Reply(text="fine"))
    old = AIMessage("before", id="lc_run--01a2244e-c7c0-70ac-8fdd-223083791fc7-0")
    chat = agents.adapt(agent(own), input=lambda s: {"messages": [old, HumanMessage(s.title)]}, output=str)

    def ask_first(section: Section) -> Any:
        return interrupt("may I?")

    def plan(content: str) -> list[Section]:
        return [Section(id=name, title=name, worker=name) for name in ("chat", "person")]

    workers: Any = {"chat": chat, "person": ask_first}
    graph = create_sectioning(planner=plan, worker=workers, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    await graph.ainvoke({"content": "x"}, config)
    out = await graph.ainvoke(Command(resume="yes"), config)
    assert [call.kind for call in out["run_report"].calls].count("model") == len(server.requests)
