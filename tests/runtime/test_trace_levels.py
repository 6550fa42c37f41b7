"""How much of a run its trace holds: `trace=`, and less before LangSmith refuses more."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langgraph.graph import END, START, StateGraph
from langsmith import traceable, tracing_context
from pydantic import BaseModel
from typing_extensions import TypedDict

from langgraph_parallel import (
    Ask,
    create_debate,
    create_labeling,
    create_review,
    create_sectioning,
    create_voting,
)
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime import thinning
from tests.support.fans import GIVEN, WORDS, flat, nested, numbered
from tests.support.server import ModelServer, Reply
from tests.support.traces import Traces, traces


@pytest.fixture
def sink() -> Iterator[Traces]:
    """Receive traces."""
    with traces() as sink:
        yield sink


class Mood(BaseModel):
    """How a text sounds."""

    mood: str


async def _run(graph: Any, given: Any, sink: Traces, **options: Any) -> Any:
    """Run a graph with a tracer, and wait for its trace."""
    out = await graph.ainvoke(given, {"callbacks": [sink.tracer]}, **options)
    await asyncio.to_thread(sink.arrived)
    sink.check_tree()
    return out


async def test_a_full_trace_has_two_runs_a_call_at_most(
    model: str, server: ModelServer, sink: Traces
) -> None:
    """Sections, votes in sections, votes alone, labels, reviews: each branch and call, and little else."""
    for graph, given in (
        (flat(20, model), GIVEN),
        (nested(7, 3, model), GIVEN),
        (create_voting(model=model, voters=2, stop="all_votes"), {"question": "?"}),
        (create_voting(model=model, voters=6, wave=1, stop="all_votes"), {"question": "?"}),
        (create_labeling(model=model, labels=["a", "b"], voters=3), {"items": list("abcdefg")}),
        (create_debate(model=model, max_rounds=3), {"question": "?"}),
        (create_review(model=model, voters=3, engines=False), {"files": {"a.py": "x = 1\n"}}),
    ):
        sink.runs.clear()
        server.requests.clear()
        await _run(graph, given, sink)
        assert len(sink.runs) <= 2.1 * len(server.requests), sink.names()
        assert sum(run["run_type"] == "llm" for run in sink.runs.values()) == len(server.requests)


async def test_the_tree_of_a_full_trace(model: str, sink: Traces) -> None:
    """Every branch stands below the one that it is part of, by its name."""
    await _run(nested(2, 2, model), GIVEN, sink)
    (vote, _) = sink.named("vote[v#2]")
    assert sink.ancestors(vote) in (["sectioning", "sectioning[0]"], ["sectioning", "sectioning[1]"])
    assert Counter(sink.names()) == {
        "sectioning": 1,
        "plan": 1,
        "sectioning[0]": 1,
        "sectioning[1]": 1,
        "vote[v#1]": 2,
        "vote[v#2]": 2,
        "synthesize": 1,
    }


async def test_a_trace_of_branches_has_one_run_for_each(
    model: str, server: ModelServer, sink: Traces
) -> None:
    """Votes in sections: 20 sections and 60 voters, whatever each of them asks."""
    server.on("Number 3", Reply(status=500, headers={"retry-after": "0"}), times=2)
    out = await _run(nested(20, 3, model, trace="branches"), GIVEN, sink)
    assert len(sink.runs) <= 1.1 * 80
    assert out["run_report"].retries == 2
    (vote, *_) = sink.named("vote[v#2]")
    above, section = sink.ancestors(vote)
    assert (above, section.startswith("sectioning[")) == ("sectioning", True)
    assert vote["outputs"]["status"] == "ok"
    assert (vote["outputs"]["input_tokens"], vote["outputs"]["calls"]) == (10, 1)
    assert vote["outputs"]["value"]["choice"] == "yes"
    (section_run, *_) = sink.named("sectioning[0]")
    assert section_run["outputs"]["value"]["verdict"]["choice"] == "yes"


@pytest.mark.parametrize("sections", [3, 40])
async def test_a_trace_of_the_graph_is_small_whatever_it_does(
    model: str, sink: Traces, sections: int
) -> None:
    """The graph and its own steps, for any number of branches, levels and rounds."""
    await _run(nested(sections, 3, model, trace="graph"), GIVEN, sink)
    assert sink.names() == ["plan", "sectioning", "synthesize"]
    sink.runs.clear()
    debate = create_debate(model=model, max_rounds=12, trace="graph")
    await _run(debate, {"question": "?"}, sink)
    assert len(sink.runs) <= 20


async def test_calls_of_planners_and_synthesizers_stand_below_their_steps(model: str, sink: Traces) -> None:
    """What is no branch is in the trace, too."""
    graph = create_sectioning(
        planner=numbered(2), worker=Ask("{content}", model=model), synthesizer=Ask("{results}", model=model)
    )
    await _run(graph, GIVEN, sink)
    calls = [run for run in sink.runs.values() if run["run_type"] == "llm"]
    assert sorted(map(sink.ancestors, calls)) == [
        ["sectioning"],
        ["sectioning"],
        ["sectioning", "synthesize"],
    ]


async def test_context_graph_and_environment(
    model: str, sink: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runtime context comes first, then the graph, then the environment."""

    async def runs(context: Any = None, **options: Any) -> int:
        sink.runs.clear()
        await _run(flat(5, model, **options), GIVEN, sink, context=context)
        return len(sink.runs)

    assert await runs() == 8
    monkeypatch.setenv("LANGGRAPH_PARALLEL_TRACE", "graph")
    assert await runs() == 3
    assert await runs(trace="branches") == 8
    assert await runs({"trace": "graph"}, trace="branches") == 3
    assert await runs({"trace": "full"}) == 8
    monkeypatch.setenv("LANGGRAPH_PARALLEL_TRACE", "loud")
    with pytest.raises(UsageError, match="LANGGRAPH_PARALLEL_TRACE='loud': expected one of full, branches"):
        await runs()
    monkeypatch.setenv("LANGGRAPH_PARALLEL_TRACE", "")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_TRACE_CONTENTS", "perhaps")
    with pytest.raises(UsageError, match="expected true or false"):
        await runs()


def test_a_level_that_does_not_exist(model: str) -> None:
    """The factory says which there are."""
    with pytest.raises(UsageError, match="trace"):
        flat(1, model, trace="some")
    with pytest.raises(UsageError, match="trace_contents"):
        flat(1, model, trace_contents="no")


class Plain(BaseCallbackHandler):
    """Counts every event."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        """Count a run by its name."""
        self.events[f"start {kwargs.get('name')}"] += 1

    def on_chain_end(self, *args: Any, **kwargs: Any) -> None:
        """Count an end."""
        self.events["end"] += 1

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Count a call."""
        self.events["call"] += 1


@pytest.mark.parametrize("level", ["full", "branches", "graph"])
async def test_handlers_that_are_no_tracers_see_everything(model: str, sink: Traces, level: Any) -> None:
    """A handler of the user's sees the same, whatever the trace holds."""
    alone, beside = Plain(), Plain()
    await nested(2, 2, model).ainvoke(GIVEN, {"callbacks": [alone]})
    await nested(2, 2, model, trace=level).ainvoke(GIVEN, {"callbacks": [beside, sink.tracer]})
    assert alone.events == beside.events
    assert alone.events["call"] == 4


async def test_the_tracer_of_the_environment_is_thin_as_well(model: str, sink: Traces) -> None:
    """LangChain would add it unseen; it is added once, and thin."""
    with tracing_context(enabled=True, client=sink.client):
        await flat(3, model).ainvoke(GIVEN)
    await asyncio.to_thread(sink.arrived)
    assert len(sink.runs) == 6
    sink.check_tree()


async def test_tracers_bound_to_the_graph(model: str, sink: Traces) -> None:
    """`with_config` gives a graph its tracer; it traces once."""
    await flat(3, model).with_config(callbacks=[sink.tracer]).ainvoke(GIVEN)
    await asyncio.to_thread(sink.arrived)
    assert len(sink.runs) == 6


async def test_sync_calls_are_traced_alike(model: str, sink: Traces) -> None:
    """`invoke` has the same trace."""
    await asyncio.to_thread(flat(3, model).invoke, GIVEN, {"callbacks": [sink.tracer]})
    await asyncio.to_thread(sink.arrived)
    assert len(sink.runs) == 6
    sink.check_tree()


class _State(TypedDict):
    content: str
    result: Any


@pytest.mark.parametrize("passes", [True, False], ids=["config", "no config"])
async def test_inside_the_graph_of_an_application(model: str, sink: Traces, passes: bool) -> None:
    """It stands below the node that runs it, once, whether or not the node passes its config."""
    graph = flat(3, model)

    async def work(state: _State, config: RunnableConfig) -> Any:
        return {"result": (await graph.ainvoke(GIVEN, config if passes else None))["result"]}

    builder: Any = StateGraph(_State)
    builder.add_node("work", work)
    builder.add_edge(START, "work")
    builder.add_edge("work", END)
    await _run(builder.compile(name="app"), GIVEN, sink)
    assert len(sink.runs) == 8
    (call,) = sink.named("sectioning[2]")
    assert sink.ancestors(call) == ["app", "work", "sectioning"]


async def test_a_branch_that_fails_is_an_error_in_the_trace(
    model: str, server: ModelServer, sink: Traces
) -> None:
    """Whoever looks for errors in LangSmith finds the branch; in a full trace it is the call."""
    server.on("Number 1", Reply(status=400))
    await _run(flat(3, model, trace="branches"), GIVEN, sink)
    (failed,) = [run for run in sink.runs.values() if run.get("error")]
    assert (failed["name"], failed["outputs"]["cause"]) == ("sectioning[1]", "request")
    sink.runs.clear()
    await _run(flat(3, model), GIVEN, sink)
    (failed,) = [run for run in sink.runs.values() if run.get("error")]
    assert (failed["name"], failed["run_type"]) == ("sectioning[1]", "llm")


async def test_a_branch_that_calls_nothing_is_in_the_trace_if_it_does_not_succeed(
    model: str, server: ModelServer, sink: Traces
) -> None:
    """With a budget of 1 call, the other sections are skipped; each has a run that says so."""
    out = await _run(flat(3, model, limits={"budget_calls": 1}), GIVEN, sink)
    assert out["run_report"].branches == {"ok": 1, "skipped": 2}
    skipped = [run for run in sink.runs.values() if (run.get("outputs") or {}).get("status") == "skipped"]
    assert len(skipped) == 2
    assert all(run["name"].startswith("sectioning[") for run in skipped)


async def test_fewer_runs_before_langsmith_refuses_more(
    model: str, server: ModelServer, sink: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 20 runs on, only branches; from 30 on, only those that fail; the report says both."""
    monkeypatch.setattr(thinning, "ONLY_BRANCHES", 20)
    monkeypatch.setattr(thinning, "ONLY_FAILURES", 30)
    monkeypatch.setattr(thinning, "NO_MORE", 40)
    server.on("Number 4?", Reply(status=400))
    limits = {"concurrency": 1}
    out = await _run(nested(20, 3, model, limits=limits), GIVEN, sink)
    assert len(sink.runs) <= 40
    assert [remark for remark in out["run_report"].remarks if "only branches;" in remark]
    assert [remark for remark in out["run_report"].remarks if "only branches that failed" in remark]
    assert "synthesize" in sink.names()


async def test_graphs_that_share_a_trace_share_its_count(
    model: str, sink: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LangSmith counts the runs of a trace, not those of a graph in it."""
    monkeypatch.setattr(thinning, "ONLY_BRANCHES", 12)
    monkeypatch.setattr(thinning, "ONLY_FAILURES", 14)
    graph = flat(3, model)

    async def work(state: _State) -> Any:
        for _ in range(4):
            out = await graph.ainvoke(GIVEN)
        return {"result": list(out["run_report"].remarks)}

    builder: Any = StateGraph(_State)
    builder.add_node("work", work)
    builder.add_edge(START, "work")
    builder.add_edge("work", END)
    out = await _run(builder.compile(name="app"), GIVEN, sink)
    assert len(out["result"]) == 2


async def test_a_decorator_of_langsmith_below_a_run_that_is_left_out(model: str, sink: Traces) -> None:
    """Its run stands below the nearest one that is in the trace."""

    @traceable(name="mine", client=sink.client)
    async def mine(text: str) -> str:
        return text

    async def worker(section: Any) -> str:
        return await mine(section["content"] if isinstance(section, dict) else section.content)

    graph = create_sectioning(planner=numbered(2), worker=worker, trace="branches")
    with tracing_context(enabled=True, client=sink.client):
        await graph.ainvoke(GIVEN)
    await asyncio.to_thread(sink.arrived)
    for run in sink.named("mine"):
        assert sink.ancestors(run)[0] == "sectioning"
        assert sink.ancestors(run)[1].startswith("sectioning[")


async def test_other_tracers_are_thin_too(model: str) -> None:
    """A collector of runs gets the same tree, and its own state is the caller's."""
    collector = RunCollectorCallbackHandler()
    await flat(3, model).ainvoke(GIVEN, {"callbacks": [collector]})
    (root,) = collector.traced_runs
    assert sorted(run.name for run in root.child_runs) == [
        "plan",
        "sectioning[0]",
        "sectioning[1]",
        "sectioning[2]",
        "synthesize",
    ]


async def test_contents_are_in_a_trace_once(model: str, server: ModelServer, sink: Traces) -> None:
    """A section is in its prompt and in the output of the graph; an answer in its call and in that output."""
    server.always(Reply(text="an answer of its own"))
    await _run(flat(4, model), GIVEN, sink)
    inner = [run for run in sink.runs.values() if run.get("parent_run_id")]
    assert json.dumps(inner).count("Number 2: is water wet?") == 1
    assert json.dumps([run.get("outputs") for run in inner]).count("an answer of its own") <= 2 * 4
    (plan,) = sink.named("plan")
    assert plan["outputs"]["sections"] == "4 items"


@pytest.mark.parametrize("schema", [None, Mood], ids=["text", "schema"])
@pytest.mark.parametrize("reply", [Reply(json={"mood": "calm"}), Reply(refusal="no"), Reply(status=400)])
async def test_the_run_of_a_call_is_the_one_that_langchain_makes(
    model: str, server: ModelServer, sink: Traces, reply: Reply, schema: Any
) -> None:
    """Sent once, when the call has ended, it holds what a tracer holds that is left alone."""
    server.always(reply)
    ask, known = Ask("{text}", model=model, schema=schema, limits={"attempts": 1}), []
    graph = create_sectioning(planner=numbered(1), worker=Ask("{content}", model=model, schema=schema))
    for thin in (True, False):
        sink.runs.clear()
        if thin:
            await graph.ainvoke(GIVEN, {"callbacks": [sink.tracer]})
        else:
            with suppress(Exception):
                await ask.ainvoke(WORDS.format(0), {"callbacks": [sink.tracer], "run_name": "sectioning[0]"})
        await asyncio.to_thread(sink.arrived)
        (run, *_) = sink.named("sectioning[0]")
        known.append(run)
    first, second = known
    assert first.keys() | {"parent_run_id"} == second.keys() | {"parent_run_id"}
    assert _shape(first["outputs"]) == _shape(second["outputs"])
    assert first["serialized"] == second["serialized"]
    assert [event["name"] for event in first["events"]] == [event["name"] for event in second["events"]]
    assert (first.get("error") is None) == (second.get("error") is None)
    usage = [run["extra"]["metadata"].get("usage_metadata") for run in known]
    assert usage[0] == usage[1]


def _shape(value: Any) -> Any:
    """Return a value without what differs from call to call: ids, times, and headers."""
    if isinstance(value, dict):
        ignored = {"id", "Date", "headers", "Content-Length"}
        return {key: _shape(one) for key, one in value.items() if key not in ignored}
    return [_shape(one) for one in value] if isinstance(value, list) else value
