"""Tracers that follow a graph inside of a run, and not the run: what holds for the run holds for them."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, StateGraph
from langsmith import tracing_context
from typing_extensions import TypedDict

from langgraph_parallel import Section, create_sectioning
from tests.support.traces import Traces, traces


@pytest.fixture
def sink() -> Iterator[Traces]:
    """Receive traces."""
    with traces() as sink:
        yield sink


class _Silent(BaseCallbackHandler):
    """Hears everything, and does nothing."""


class _State(TypedDict, total=False):
    content: str
    result: Any


async def _echo(section: Section) -> str:
    return f"canary-answer {section.content}"


def _graph(worker: Any, **options: Any) -> Any:
    sections = [Section(id="a", title="a", content="canary-section")]
    return create_sectioning(planner=lambda content: sections, worker=worker, **options)


def _followed(how: str, inner: Any, sink: Traces) -> Any:
    """Return a worker that runs a graph with a tracer of its own."""
    given = {"content": "canary-input"}

    async def in_config(section: Section) -> Any:
        return (await inner.ainvoke(given, {"callbacks": [sink.tracer]}))["result"]

    async def around(section: Section) -> Any:
        call: Any = RunnableLambda(lambda x: x) | inner
        return (await call.ainvoke(given, {"callbacks": [sink.tracer]}))["result"]

    async def in_context(section: Section) -> Any:
        with tracing_context(enabled=True, client=sink.client):
            first = await inner.ainvoke(given)
            await inner.ainvoke(given)
            return first["result"]

    if how == "bound":
        return inner.with_config(callbacks=[sink.tracer])
    return {"config": in_config, "around": around, "context": in_context}[how]


def _runs_of_graphs(sink: Traces) -> list[dict[str, Any]]:
    """Return the runs that are in a trace, but for a chain of the test's around a graph."""
    own = ("RunnableSequence", "RunnableLambda")
    return [run for run in sink.runs.values() if run["name"] not in own]


@pytest.mark.parametrize("how", ["config", "bound", "around", "context"])
@pytest.mark.parametrize("is_traced", [True, False], ids=["traced", "untraced"])
@pytest.mark.parametrize("who", ["outer", "inner"])
async def test_contents_stay_out_of_all_tracers(how: str, is_traced: bool, who: str, sink: Traces) -> None:
    """Whether the run has a tracer or not, and whoever of the two graphs keeps its contents back."""
    inner = _graph(_echo, trace_contents=False if who == "inner" else None, name="inner")
    outer = _graph(_followed(how, inner, sink), trace_contents=False if who == "outer" else None)
    with traces() as other:
        out = await outer.ainvoke({"content": "x"}, {"callbacks": [other.tracer]} if is_traced else None)
        await asyncio.to_thread(other.arrived)
    assert "canary-answer" in json.dumps(out["result"])
    await asyncio.to_thread(sink.arrived)
    runs = _runs_of_graphs(sink)
    has_runs = any(run["name"] in ("inner", "sectioning[a]") for run in runs)
    # Where a tracer is there already, LangChain adds none in such a context.
    assert has_runs == ((how, is_traced) != ("context", True))
    assert [run["name"] for run in runs if "canary" in json.dumps(run)] == []


async def test_the_level_of_the_outermost_graph_counts_for_them(sink: Traces) -> None:
    """A tracer in the config of an inner graph gets the graph and its steps, as the run's own tracer does."""
    inner = _graph(_echo, name="inner")
    outer = _graph(_followed("config", inner, sink), trace="graph")
    with traces() as other:
        await outer.ainvoke({"content": "x"}, {"callbacks": [other.tracer]})
        await asyncio.to_thread(other.arrived)
        assert other.names() == ["plan", "sectioning", "synthesize"]
    await asyncio.to_thread(sink.arrived)
    assert sink.names() == ["inner", "plan", "synthesize"]


async def test_tracing_that_a_node_of_an_app_switches_on(sink: Traces) -> None:
    """The tracer is found that LangChain adds where the app itself is not traced."""
    ours = _graph(_echo, trace_contents=False, trace="branches")

    async def node(state: _State) -> _State:
        with tracing_context(enabled=True, client=sink.client):
            return {"result": (await ours.ainvoke({"content": "canary-input"}))["result"]}

    builder: Any = StateGraph(_State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    await builder.compile().ainvoke({"content": "canary-input"}, {"callbacks": [_Silent()]})
    await asyncio.to_thread(sink.arrived)
    assert sink.names() == ["plan", "sectioning", "sectioning[a]", "synthesize"]
    assert "canary" not in json.dumps(list(sink.runs.values()))


async def test_keys_of_what_functions_return_are_contents(sink: Traces) -> None:
    """A mapping may have names of persons as its keys; those of a state are names of the graph's."""

    async def count(section: Section) -> dict[str, int]:
        tally: Any = RunnableLambda(lambda words: {"canary_key": len(words)})
        return dict(await tally.ainvoke({"canary_given": "x"}))

    graph = _graph(count, trace_contents=False)
    await graph.ainvoke({"content": "x"}, {"callbacks": [sink.tracer]})
    await asyncio.to_thread(sink.arrived)
    assert "canary" not in json.dumps(list(sink.runs.values()))
    (run,) = sink.named("RunnableLambda")
    assert (run["inputs"], run["outputs"]) == ({"value": "1 item"}, {"value": "1 item"})
    (root,) = sink.named("sectioning")
    assert root["inputs"] == {"content": "1 character"}
