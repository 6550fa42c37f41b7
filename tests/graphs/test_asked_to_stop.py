"""LangGraph's own way to stop a run (`RunControl`): no call begins any more, and the rest waits."""

import asyncio
from typing import Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import RunControl

from langgraph_parallel import (
    Ask,
    Limits,
    Section,
    create_labeling,
    create_sectioning,
    create_voting,
    events,
)
from langgraph_parallel.runtime.limiter_registry import get_limiter
from tests.support.clock import until
from tests.support.server import Gate, ModelServer, Reply

AT_ONCE = 2
LIMITS = Limits(concurrency=AT_ONCE, samples="off")
SECTIONS = [Section(id=str(n), title=str(n), content=f"Text {n}.") for n in range(8)]
LAST = "Put together"
YES = {"rationale": "", "choice": "yes", "confidence": None}


class Around(TypedDict, total=False):
    """The state of a graph around one of ours."""

    items: list[str]
    labels: list[Any]


def sections(model: str, saver: Any) -> tuple[Any, Any, int]:
    """Return a graph whose sections are all sent at once, its input, and its number of calls."""
    graph = create_sectioning(
        planner=lambda content: SECTIONS,
        worker=Ask("{content}", model=model),
        synthesizer=Ask(LAST + " {results}", model=model),
        checkpointer=saver,
        limits=LIMITS,
    )
    return graph, {"content": "all"}, len(SECTIONS) + 1


def chain(model: str, saver: Any) -> tuple[Any, Any, int]:
    """Return a graph in which a section needs the one before it."""
    needing = [
        section.model_copy(update={"needs": [SECTIONS[n - 1].id] if n else []})
        for n, section in enumerate(SECTIONS)
    ]
    graph = create_sectioning(
        planner=lambda content: needing,
        worker=Ask("{content} {earlier}", model=model),
        checkpointer=saver,
        limits=LIMITS,
    )
    return graph, {"content": "all"}, len(SECTIONS)


def votes(model: str, saver: Any) -> tuple[Any, Any, int]:
    """Return votes that are branches of another graph."""
    graph = create_labeling(
        labels=["yes", "no"], model=model, voters=3, stop="all_votes", checkpointer=saver, limits=LIMITS
    )
    return graph, {"items": ["one", "two", "three"]}, 9


def inside(model: str, saver: Any) -> tuple[Any, Any, int]:
    """Return a graph of LangGraph's own with one of ours as its node."""
    labeling = create_labeling(labels=["yes", "no"], model=model, voters=3, stop="all_votes", limits=LIMITS)
    builder = StateGraph(Around)
    builder.add_node("label", labeling)
    builder.add_edge(START, "label")
    builder.add_edge("label", END)
    return builder.compile(checkpointer=saver), {"items": ["one", "two", "three"]}, 9


@pytest.mark.parametrize("make", [sections, votes, inside], ids=["sections", "votes", "inside"])
async def test_no_call_begins_once_it_is_asked_to_stop(make: Any, model: str, server: ModelServer) -> None:
    """Those in flight end and are kept, and the run goes on with the others, without a call twice."""
    gate = Gate()
    server.always(Reply(json=YES, gate=gate))
    for prompt in ("Text", LAST):
        server.on(prompt, Reply(text="Fine.", gate=gate))
    graph, given, calls = make(model, InMemorySaver())
    control, thread = RunControl(), {"configurable": {"thread_id": "t"}}
    running = asyncio.ensure_future(graph.ainvoke(given, thread, control=control))
    await until(lambda: server.in_flight == AT_ONCE)
    control.request_drain("the pod is going away")
    gate.open()
    with pytest.raises(GraphDrained, match="the pod is going away"):
        await running
    assert len(server.requests) == AT_ONCE
    assert server.cut_off == 0
    await graph.ainvoke(None, thread)
    assert len(server.requests) == calls
    assert len({request.prompt for request in server.requests}) == calls


async def test_a_section_that_needs_one_that_waits_waits_too(model: str, server: ModelServer) -> None:
    """It ends its own wait, so that the run can stop, and begins when the run goes on."""
    gate = Gate()
    server.always(Reply(text="Fine.", gate=gate))
    graph, given, calls = chain(model, InMemorySaver())
    control, thread = RunControl(), {"configurable": {"thread_id": "t"}}
    running = asyncio.ensure_future(graph.ainvoke(given, thread, control=control))
    await until(lambda: server.in_flight == 1)
    control.request_drain()
    gate.open()
    with pytest.raises(GraphDrained):
        await running
    assert len(server.requests) == 1
    out = await graph.ainvoke(None, thread)
    assert len(server.requests) == calls
    assert out["run_report"].branches == {"ok": calls}


async def test_one_that_was_asked_before_it_begins_asks_nobody(model: str, server: ModelServer) -> None:
    """No call is paid for, and the thread can go on."""
    control = RunControl()
    control.request_drain("not today")
    vote = create_voting(model=model, choices=["yes", "no"], checkpointer=InMemorySaver())
    with pytest.raises(GraphDrained, match="not today"):
        await vote.ainvoke({"question": "Is it?"}, {"configurable": {"thread_id": "t"}}, control=control)
    assert not server.requests


async def test_a_watched_run_can_be_asked_to_stop(model: str, server: ModelServer) -> None:
    """`events` raises after the last event, and a second one goes on with what had not begun."""
    graph, given, calls = votes(model, InMemorySaver())
    server.always(Reply(json=YES))
    thread: Any = {"configurable": {"thread_id": "t"}}
    control, told = RunControl(), list[str]()

    async def watch() -> None:
        async for event in events(graph, given, thread, control=control):
            told.append(event.event)
            if event.event == "called":
                control.request_drain()

    with pytest.raises(GraphDrained):
        await watch()
    assert 0 < len(server.requests) < calls
    assert told[-1] == "run_ended"
    async for event in events(graph, None, thread):
        told.append(event.event)
    assert told[-1] == "output"
    assert len(server.requests) == calls


async def test_without_checkpoints_calls_in_flight_end_as_well(model: str, server: ModelServer) -> None:
    """A voter that is refused ends no other voter of its vote, which runs in the task of its item."""
    first, second = Gate(), Gate()
    server.always(Reply(json=YES, gate=second))
    server.on("one", Reply(json=YES, gate=first), times=1)
    graph, _, _ = votes(model, None)
    control = RunControl()
    running = asyncio.ensure_future(graph.ainvoke({"items": ["one"]}, control=control))
    await until(lambda: server.in_flight == AT_ONCE)
    limiter = get_limiter(f"{server.url}/", "test-model")
    control.request_drain()
    first.open()
    await until(lambda: limiter.in_flight == 1 and not limiter._lines)
    second.open()
    with pytest.raises(GraphDrained):
        await running
    assert len(server.requests) == AT_ONCE
    assert server.cut_off == 0
