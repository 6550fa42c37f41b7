"""Streams show whole sections, also where a graph of the app's streams what is inside of it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from langgraph_parallel import Section, create_sectioning, create_voting
from langgraph_parallel.runtime.excerpts import hold_sources, planned, stored_plan
from langgraph_parallel.runtime.whole_streams import whole_updates

TEXT = "This paragraph is long enough to be stored once, and no section repeats it in a checkpoint. " * 2
MODES = ["updates", "values", "tasks", "debug", "checkpoints"]


class _State(TypedDict, total=False):
    content: str
    result: Any


def _plan(content: str) -> list[Section]:
    return [Section(id=name, title=name, content=content, data={"also": [content]}) for name in "ab"]


async def _vote(question: str) -> str:
    return "yes"


def _ours(**options: Any) -> Any:
    vote = create_voting(voters=[_vote, _vote], choices=["yes", "no"])
    return create_sectioning(planner=_plan, worker=vote, **options)


def _app(node: Any, *, stores: bool = True) -> Any:
    builder: Any = StateGraph(_State)
    builder.add_node("inside", node)
    builder.add_edge(START, "inside")
    builder.add_edge("inside", END)
    return builder.compile(checkpointer=InMemorySaver() if stores else None)


def _plans(value: Any) -> Iterator[Any]:
    """Yield what a part of a stream has under `sections`, wherever it stands."""
    if isinstance(value, dict):
        if isinstance(value.get("sections"), list | dict):  # metadata counts its updates
            yield value["sections"]
        for one in value.values():
            yield from _plans(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _plans(one)


def _check(parts: list[Any], mode: str) -> None:
    plans = [plan for part in parts for plan in _plans(part)]
    assert "excerpts" not in repr(parts)
    assert plans
    for plan in plans:
        assert [(section.content, section.data["also"]) for section in plan] == 2 * [(TEXT, [TEXT])], mode


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_graph_in_a_graph_of_an_app(mode: Any, version: Any) -> None:
    """As a node, and called by one: the app's stream has the sections as its nodes would have them."""
    ours = _ours()

    async def call(state: _State) -> _State:
        return {"result": (await ours.ainvoke({"content": state["content"]}))["result"]}

    for node in (ours, call):
        config: Any = {"configurable": {"thread_id": "1"}}
        stream = _app(node).astream(
            {"content": TEXT}, config, stream_mode=mode, subgraphs=True, version=version
        )
        _check([part async for part in stream], mode)


@pytest.mark.parametrize("mode", MODES)
async def test_a_graph_alone(mode: Any) -> None:
    """Its own stream has whole sections in every mode, sync or async."""
    config: Any = {"configurable": {"thread_id": "1"}}
    graph = _ours(checkpointer=InMemorySaver())
    stream = graph.astream({"content": TEXT}, config, stream_mode=mode, subgraphs=True)
    _check([part async for part in stream], mode)
    again: Any = {"configurable": {"thread_id": "2"}}
    parts = await asyncio.to_thread(
        lambda: list(graph.stream({"content": TEXT}, again, stream_mode=mode, subgraphs=True))
    )
    _check(parts, mode)


async def test_a_stream_that_begins_inside_of_a_run() -> None:
    """A worker streams a graph of the app's, which has another one of ours in it."""
    parts: list[Any] = []

    async def streams(section: Section) -> str:
        app = _app(_ours(), stores=False)  # on a thread of its own it would not be inside of the run
        stream = app.astream({"content": TEXT}, stream_mode="updates", subgraphs=True)
        parts.extend([part async for part in stream])
        return "done"

    graph = create_sectioning(planner=_plan, worker=streams)
    out = await graph.ainvoke({"content": "x"})
    assert out["run_report"].branches["ok"] == 2
    _check(parts, "updates")


async def test_a_graph_that_is_called_on_a_thread_of_its_own_is_not_in_the_stream_of_the_app() -> None:
    """LangGraph takes nothing over from around it then, and neither do we."""
    ours = _ours(checkpointer=InMemorySaver())

    async def call(state: _State) -> _State:
        config: Any = {"configurable": {"thread_id": "own"}}
        return {"result": (await ours.ainvoke({"content": state["content"]}, config))["result"]}

    config: Any = {"configurable": {"thread_id": "1"}}
    stream = _app(call).astream({"content": TEXT}, config, stream_mode="updates", subgraphs=True)
    assert [namespace async for namespace, _ in stream] == [()]


async def test_events_have_a_plan_as_it_is_stored() -> None:
    """Callbacks get what a node returns, which is what is stored; the state has the sections whole."""
    config: Any = {"configurable": {"thread_id": "1"}}
    graph = _ours(checkpointer=InMemorySaver())
    events = [event async for event in graph.astream_events({"content": TEXT}, config, version="v2")]
    (plan,) = [one for one in events if one["event"] == "on_chain_end" and one["name"] == "plan"]
    assert plan["data"]["output"]["sections"].keys() == {"more", "sections", "excerpts"}
    assert [section.content for section in (await graph.aget_state(config)).values["sections"]] == 2 * [TEXT]


async def test_what_is_stored_stays_small() -> None:
    """The stream is made whole, and not what the app's checkpointer gets."""
    saver = InMemorySaver()
    graph = _app(_ours())
    graph.checkpointer = saver
    config: Any = {"configurable": {"thread_id": "1"}}
    async for _ in graph.astream({"content": TEXT}, config, stream_mode="updates", subgraphs=True):
        pass
    written = repr([one for writes in saver.writes.values() for one in writes.values()])
    assert "excerpts" in written


def test_a_plan_that_adds_the_input_that_it_repeats_is_whole_at_once() -> None:
    """A plan of a conversation, if a stream is read before the channels have got the input."""
    text = "A text that no run holds, since nothing else in the process has it, word for word: 2027 and 2029."
    given = {"content": text}
    stored = stored_plan([Section(id="a", title="a", content=text)], given)
    assert stored["sections"][0].content == ""
    shown = whole_updates({"plan": {**given, "sections": stored}})
    assert [section.content for section in shown["plan"]["sections"]] == [text]


def test_sections_that_a_server_reads_as_mappings_are_whole() -> None:
    """A LangGraph server reads a thread as JSON."""
    given = {"content": TEXT}
    stored = stored_plan([Section(id="a", title="a", content=TEXT)], given)
    told = {**stored, "sections": [section.model_dump() for section in stored["sections"]]}
    held = hold_sources(given)
    shown: list[Any] = list(planned(None, [told]))
    assert [section["content"] for section in shown] == [TEXT]
    assert held
