"""`trace_contents=False`: no prompt, document or answer reaches a trace; names and numbers do."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from langgraph_parallel import (
    Ask,
    Section,
    create_guarded,
    create_review,
    create_sectioning,
    create_voting,
)
from langgraph_parallel.control import rewind
from tests.support.server import ModelServer, Reply
from tests.support.traces import Traces, traces

CANARY = "canary"
"""Every content in these tests has it."""


@pytest.fixture
def sink() -> Iterator[Traces]:
    """Receive traces."""
    with traces() as sink:
        yield sink


class _State(TypedDict, total=False):
    content: str
    result: str


class Mood(BaseModel):
    """How a canary-doc text sounds."""

    mood: str = Field(description="canary-description")


class Finding(BaseRetriever):
    """Returns a document."""

    def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        return [Document("canary-document", metadata={"source": "canary-source"})]


@tool
def look(at: str) -> str:
    """Look: canary-tool-description."""
    return f"canary-tool-result {at}"


def _plan(content: str) -> list[Section]:
    names = ["ask", "schema", "agent", "function", "vote", "bad request", "refusal"]
    return [
        Section(
            id=name,
            title=f"the {name}",
            content=f"canary-section {content}",
            data={"note": "canary-data"},
            worker=name,
        )
        for name in names
    ]


def _serve(server: ModelServer) -> None:
    """Answer with a canary in whatever the server says."""
    server.always(Reply(text="canary-answer"))
    server.on(lambda request: bool(request.body.get("tools")), Reply(json={"at": "canary-argument"}))
    server.on("canary-tool-result", Reply(text="canary-agent-answer"))
    server.on("how does it sound", Reply(json={"mood": "canary-mood"}))
    server.on("choose", Reply(json={"rationale": "canary-rationale", "choice": "yes", "confidence": 0.5}))
    error = {"error": {"message": "canary-error", "type": "t", "code": None}}
    server.on("go wrong", Reply(status=400, body=error, headers={"x-note": "canary-header"}))
    server.on("decline", Reply(refusal="canary-refusal"))


def _everything(model: str, own: ChatOpenAI, **options: Any) -> Any:
    """Build a graph with a worker of each kind."""
    retrieve = Finding()
    shout: Any = RunnableLambda(lambda text: f"{text}!").with_config(run_name="shout")

    async def function(section: Any, config: Any = None) -> str:
        found = await retrieve.ainvoke("canary-query")
        answered = await own.ainvoke(f"canary-own-prompt {found}")
        await shout.ainvoke("canary-shouted")
        return f"canary-returned {answered.text}"

    return create_sectioning(
        planner=_plan,
        worker={
            "ask": Ask("canary-template {content} {note}", model=model),
            "schema": Ask("how does it sound: {content}", model=model, schema=Mood),
            "agent": create_agent(own, tools=[look], system_prompt="canary-system"),
            "function": function,
            "vote": create_voting(
                model=model, voters=2, prompt="choose: {question}", choices=["yes", "canary-choice"]
            ),
            "bad request": Ask("go wrong: {content}", model=model),
            "refusal": Ask("decline: {content}", model=model),
        },
        synthesizer=Ask("canary-join {results}", model=model),
        **options,
    )


async def _traced(graph: Any, given: Any, sink: Traces, **config: Any) -> tuple[Any, str]:
    """Run a graph; return its output, and all that arrived, in lower case."""
    out = await graph.ainvoke(given, {"callbacks": [sink.tracer], **config})
    await asyncio.to_thread(sink.arrived)
    sink.check_tree()
    return out, json.dumps(list(sink.runs.values()), default=str).lower()


@pytest.mark.parametrize("level", ["full", "branches", "graph"])
async def test_no_content_reaches_a_trace(
    model: str, server: ModelServer, own: ChatOpenAI, sink: Traces, level: Any
) -> None:
    """Prompts, sections, answers, tools, documents, schemas, errors: none of their words is in it."""
    _serve(server)
    graph = _everything(model, own, trace=level, trace_contents=False)
    out, arrived = await _traced(graph, {"content": "canary-input"}, sink)
    assert out["run_report"].branches == {"ok": 5, "failed": 2}
    assert CANARY in json.dumps(out["result"])  # the graph itself has them
    places = [arrived[at - 60 : at + 60] for at in _found(arrived)]
    assert places == []


async def test_with_contents_the_same_run_has_them_all(
    model: str, server: ModelServer, own: ChatOpenAI, sink: Traces
) -> None:
    """The canaries of the test above can be found, if they are there."""
    _serve(server)
    _, arrived = await _traced(_everything(model, own), {"content": "canary-input"}, sink)
    for name in ("input", "section", "answer", "tool-result", "argument", "system", "mood", "error"):
        assert f"canary-{name}" in arrived, name
    for name in ("rationale", "document", "query", "returned", "own-prompt", "refusal", "template"):
        assert f"canary-{name}" in arrived, name


async def test_names_numbers_and_statuses_stay(
    model: str, server: ModelServer, own: ChatOpenAI, sink: Traces
) -> None:
    """A reader sees which branches ran, for how long, with how many tokens, and how they ended."""
    _serve(server)
    graph = _everything(model, own, trace_contents=False).with_config(metadata={"team": "blue"})
    await _traced(graph, {"content": "canary-input"}, sink, tags=["nightly"], metadata={"customer": "acme"})
    (call,) = sink.named("sectioning[the ask]")
    metadata = call["extra"]["metadata"]
    assert (metadata["branch"], metadata["ls_model_name"]) == ("ask", "test-model")
    assert (metadata["customer"], metadata["team"], "nightly" in call["tags"]) == ("acme", "blue", True)
    assert metadata["usage_metadata"]["input_tokens"] == 10
    (failed,) = sink.named("sectioning[the bad request]")
    assert "OpenAIInvalidRequestError 400" in failed["error"]
    (root,) = [run for run in sink.runs.values() if run["name"] == "sectioning"]
    assert root["outputs"]["run_report"]["branches"] == {"ok": 5, "failed": 2}
    assert root["outputs"]["branches"] == "7 items"
    assert {"look", "shout", "vote[voting#1]"} <= set(sink.names())


async def test_an_inner_graph_keeps_its_contents_to_itself(
    model: str, server: ModelServer, sink: Traces
) -> None:
    """What its developer keeps back stays so inside a graph that keeps back nothing."""
    server.on("choose", Reply(json={"rationale": "canary-rationale", "choice": "yes", "confidence": 0.5}))
    vote = create_voting(
        model=model,
        voters=2,
        prompt="choose: {question}",
        choices=["yes", "no"],
        stop="all_votes",
        trace_contents=False,
    )
    sections = [Section(id="a", title="a", content="canary-section")]
    graph = create_sectioning(planner=lambda content: sections, worker=vote)
    await _traced(graph, {"content": "x"}, sink)
    below = [run for run in sink.runs.values() if run["name"].startswith(("vote[", "sectioning["))]
    assert len(below) == 3
    assert CANARY not in json.dumps(below)


@pytest.mark.parametrize("where", ["context", "environment"])
async def test_it_is_set_for_a_run_or_a_process(
    model: str, sink: Traces, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The strictest of graph, context and environment holds."""
    graph = create_voting(model=model, voters=2, trace_contents=True)
    context: Any = None
    if where == "context":
        context = {"trace_contents": False}
    else:
        monkeypatch.setenv("LANGGRAPH_PARALLEL_TRACE_CONTENTS", "false")
    await graph.ainvoke({"question": "canary?"}, {"callbacks": [sink.tracer]}, context=context)
    await asyncio.to_thread(sink.arrived)
    assert sink.runs
    assert CANARY not in json.dumps(list(sink.runs.values()))


async def test_reviews_and_guards(model: str, server: ModelServer, sink: Traces) -> None:
    """Files, findings, messages and withheld answers stay out as well."""
    finding = {"line": 1, "severity": "high", "title": "canary-title", "explanation": "canary-why"}
    server.always(Reply(text="canary-answer"))
    server.on("app.py", Reply(json={"findings": [finding]}))
    review = create_review(model=model, aspects=["security"], voters=2, trace_contents=False)
    _, arrived = await _traced(review, {"files": {"app.py": "canary = 1"}}, sink)
    guarded = create_guarded(
        checks={"polite": "canary-criterion"},
        model=model,
        worker=Ask("{message}", model=model),
        trace_contents=False,
    )
    await guarded.ainvoke({"message": "canary-message"}, {"callbacks": [sink.tracer]})
    await asyncio.to_thread(sink.arrived)
    arrived = json.dumps(list(sink.runs.values())).lower()
    assert [arrived[at - 60 : at + 60] for at in _found(arrived)] == []


@pytest.mark.parametrize("contents", [True, False])
async def test_a_redrive_and_an_update_are_runs_with_sizes(
    model: str, server: ModelServer, sink: Traces, contents: bool
) -> None:
    """Neither writes the sections and the results of the run into a trace of its own."""
    server.on("go wrong", Reply(status=400))
    graph = create_sectioning(
        planner=lambda content: [Section(id="a", title="a", content=content)],
        worker=Ask("go wrong: {content}", model=model),
        checkpointer=InMemorySaver(),
        trace_contents=contents,
    )
    config: Any = {"configurable": {"thread_id": "1"}}
    await graph.ainvoke({"content": "canary"}, config)
    traced: Any = {**config, "callbacks": [sink.tracer], "metadata": {"customer": "acme"}}
    await rewind(graph, traced)
    await graph.aupdate_state(traced, {"content": "canary"}, as_node="plan")
    await asyncio.to_thread(graph.update_state, traced, {"content": "canary"}, as_node="plan")
    await asyncio.to_thread(sink.arrived)
    sink.check_tree()
    assert sink.names() == 3 * ["sectioningUpdateState"]
    assert CANARY not in json.dumps(list(sink.runs.values()))
    assert {run["extra"]["metadata"]["customer"] for run in sink.runs.values()} == {"acme"}
    assert (await graph.aget_state(config)).values["content"] == "canary"


async def test_a_graph_of_an_app_around_it_has_what_its_own_runs_have(model: str, sink: Traces) -> None:
    """Its node got the input and returned the result; of what is inside of the node, nothing is said."""
    ours = create_sectioning(
        planner=lambda content: [Section(id="a", title="a", content=content)],
        worker=Ask("{content}", model=model),
        trace_contents=False,
    )
    builder: Any = StateGraph(_State)
    builder.add_node("inside", ours)
    builder.add_edge(START, "inside")
    builder.add_edge("inside", END)
    await _traced(builder.compile(name="app"), {"content": "canary"}, sink)
    with_contents = {run["name"] for run in sink.runs.values() if CANARY in json.dumps(run)}
    assert with_contents == {"app", "inside"}
    (root,) = sink.children(None)
    (node,) = sink.children(root["id"])
    (graph,) = sink.children(node["id"])
    assert (root["name"], node["name"]) == ("app", "inside")
    assert CANARY not in json.dumps(graph)


async def test_streamed_tokens_stay_out(model: str, server: ModelServer, sink: Traces) -> None:
    """A message stream gets the tokens; the trace does not."""
    server.always(Reply(text="canary one two three four"))
    graph = create_sectioning(
        planner=lambda content: [Section(id="a", title="a", content="x")],
        worker=Ask("{content}", model=model),
        trace_contents=False,
    )
    parts = [
        part
        async for part in graph.astream(
            {"content": "x"}, {"callbacks": [sink.tracer]}, stream_mode="messages"
        )
    ]
    await asyncio.to_thread(sink.arrived)
    assert parts
    assert CANARY not in json.dumps(list(sink.runs.values()))


@pytest.mark.parametrize("kind", ["voting", "guarded"])
async def test_a_conversation_and_the_answer_in_it_stay_out(kind: str, sink: Traces) -> None:
    """Neither the messages, nor what a graph reads from them, nor what it answers."""
    passed = {"choice": "clean", "confidence": 1.0, "rationale": "", "notes": {}}
    graph = {
        "voting": lambda: create_voting(voters={"a": lambda q: "canary-choice"}, trace_contents=False),
        "guarded": lambda: create_guarded(
            worker=lambda m: "canary-answer", checks={"polite": lambda m: passed}, trace_contents=False
        ),
    }[kind]()
    said = {"messages": [("user", "canary one?"), ("ai", "canary two"), ("user", "canary three?")]}
    out = await graph.ainvoke(said, {"callbacks": [sink.tracer]})
    await asyncio.to_thread(sink.arrived)
    assert CANARY in out["messages"][-1].content
    assert sink.runs
    assert CANARY not in json.dumps(list(sink.runs.values()))


def _found(text: str) -> list[int]:
    """Return where canaries are."""
    places, at = [], text.find(CANARY)
    while at >= 0:
        places.append(at)
        at = text.find(CANARY, at + 1)
    return places
