"""What LangGraph does, where we depend on it: if one of these changes, a design of ours may have to."""

import asyncio
import inspect
import operator
from itertools import chain
from typing import Annotated, Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.pregel._checkpoint import create_checkpoint
from langgraph.runtime import Runtime
from langgraph.types import Overwrite, Send
from typing_extensions import TypedDict


class State(TypedDict):
    """A list that grows."""

    seen: Annotated[list[str], operator.add]


class Work(TypedDict):
    """What is sent."""

    name: str


def fan_out(worker: Any, names: list[str], *, join: str | None = None) -> StateGraph[Any, Any, Any, Any]:
    """A graph that sends a piece of work for each name."""

    def route(state: State) -> Any:
        return [Send("worker", {"name": name}) for name in names] or join or []

    builder: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    builder.add_node("start", lambda state: {"seen": []})
    builder.add_node("worker", worker, input_schema=Work)
    builder.add_node("join", lambda state: {"seen": ["join"]})
    builder.add_edge(START, "start")
    builder.add_conditional_edges("start", route, ["worker", "join"])
    builder.add_edge("worker", "join")
    builder.add_edge("join", END)
    return builder


async def test_results_of_sends_are_applied_in_the_order_of_the_sends() -> None:
    """Whatever order the branches finish in."""
    done = {name: asyncio.Event() for name in "abc"}

    async def worker(work: Work) -> dict[str, Any]:
        if work["name"] != "c":
            await done[chr(ord(work["name"]) + 1)].wait()
        done[work["name"]].set()
        return {"seen": [work["name"]]}

    out = await fan_out(worker, ["a", "b", "c"]).compile().ainvoke({"seen": []})
    assert out["seen"] == ["a", "b", "c", "join"]


async def test_a_router_that_returns_nothing_skips_the_join() -> None:
    """So the scatter returns the name of the join when there is nothing to send."""
    out = await fan_out(lambda work: {}, []).compile().ainvoke({"seen": []})
    assert out == {"seen": []}
    out = await fan_out(lambda work: {}, [], join="join").compile().ainvoke({"seen": []})
    assert out == {"seen": ["join"]}


async def test_a_branch_that_raises_takes_its_siblings_along() -> None:
    """So a branch of ours never raises."""
    cancelled = asyncio.Event()

    async def worker(work: Work) -> dict[str, Any]:
        if work["name"] == "bad":
            raise ValueError("bad")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return {}

    with pytest.raises(ValueError, match="bad"):
        await fan_out(worker, ["good", "bad"]).compile().ainvoke({"seen": []})
    assert cancelled.is_set()


async def test_channels_keep_their_value_over_runs_of_a_thread_until_overwritten() -> None:
    """So a plan resets what accumulates."""
    config: Any = {"configurable": {"thread_id": "1"}}
    graph = fan_out(lambda work: {"seen": ["x"]}, ["a"]).compile(checkpointer=InMemorySaver())
    await graph.ainvoke({"seen": []}, config)
    assert (await graph.ainvoke({"seen": []}, config))["seen"] == ["x", "join", "x", "join"]
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    builder.add_node("plan", lambda state: {"seen": Overwrite(["new"])})
    builder.add_edge(START, "plan")
    reset = builder.compile(checkpointer=InMemorySaver())
    await reset.ainvoke({"seen": ["old"]}, config)
    assert (await reset.ainvoke({"seen": ["old"]}, config))["seen"] == ["new"]


async def test_a_node_may_call_a_graph_and_its_context_is_inherited() -> None:
    """So a nested vote sees the context of the review around it; without one it is None."""
    contexts = []

    def note(state: State, runtime: Runtime[Any]) -> dict[str, Any]:
        contexts.append(runtime.context)
        return {}

    inner: StateGraph[Any, Any, Any, Any] = StateGraph(State, context_schema=dict)
    inner.add_node("note", note)
    inner.add_edge(START, "note")
    nested = inner.compile()

    async def call(state: State) -> dict[str, Any]:
        await nested.ainvoke(state)
        return {}

    outer: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    outer.add_node("call", call)
    outer.add_edge(START, "call")
    graph = outer.compile()
    await graph.ainvoke({"seen": []}, context={"a": 1})
    await graph.ainvoke({"seen": []})
    assert contexts == [{"a": 1}, None]


async def test_a_task_that_was_sent_can_read_the_state_of_its_superstep() -> None:
    """So a `Send` carries names alone, and the branch finds its work in the state."""
    seen: list[Any] = []

    async def worker(work: Work, config: RunnableConfig) -> dict[str, Any]:
        read = config["configurable"]["__pregel_read"]
        seen.append(read(["seen"], False))
        return {"seen": [work["name"]]}

    await fan_out(worker, ["a", "b"]).compile().ainvoke({"seen": ["before"]})
    assert seen == [{"seen": ["before"]}] * 2


async def test_a_delta_channel_stores_updates_and_no_values() -> None:
    """A checkpoint does not hold its value, which is put together again from the updates of all steps."""

    class Deltas(TypedDict):
        seen: Annotated[list[str], DeltaChannel(lambda before, updates: [*before, *chain(*updates)])]

    builder: StateGraph[Any, Any, Any, Any] = StateGraph(Deltas)
    builder.add_node("one", lambda state: {"seen": ["one"]})
    builder.add_node("two", lambda state: {"seen": ["two"]})
    builder.add_edge(START, "one")
    builder.add_edge("one", "two")
    saver = InMemorySaver()
    config: Any = {"configurable": {"thread_id": "1"}}
    graph = builder.compile(checkpointer=saver)
    await graph.ainvoke({"seen": ["given"]}, config)
    assert (await graph.aget_state(config)).values == {"seen": ["given", "one", "two"]}
    stored = [checkpoint.checkpoint["channel_values"] for checkpoint in saver.list(config)]
    assert not any("seen" in values for values in stored)


def test_a_fork_stores_channels_without_asking_whether_they_have_a_value() -> None:
    """So a channel of ours without one gives a mark there; elsewhere that is an error, which is caught."""
    source = inspect.getsource(create_checkpoint)
    assert "_DeltaSnapshot(ch.get())" in source
    assert "is_available" not in source
