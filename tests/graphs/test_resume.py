"""What a run can be resumed with: this version of the records, and a graph that is built like the first."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command
from pydantic import BaseModel
from typing_extensions import TypedDict

import langgraph_parallel.records
from langgraph_parallel import (
    aredrive,
    create_labeling,
    create_review,
    create_sectioning,
    create_voting,
    redrive,
)
from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs import studio
from langgraph_parallel.records import Verdict
from langgraph_parallel.runtime import stamp
from tests.support.fans import GIVEN, numbered

CONFIG: Any = {"configurable": {"thread_id": "1"}}
QUESTION = {"question": "Is it so?"}


def yes(question: str) -> str:
    """Vote."""
    return "yes"


def fail(question: str) -> str:
    """Fail to vote."""
    raise ValueError("no")


def voting(voters: Any, **options: Any) -> Any:
    """Build a vote in which everybody is heard."""
    return create_voting(voters=voters, stop="all_votes", **options)


OTHERWISE: dict[str, tuple[Callable[..., Any], Callable[..., Any], Mapping[str, Any], str]] = {
    "voters": (
        lambda **o: voting({"ann": yes, "ben": fail}, **o),
        lambda **o: voting({"ann": yes, "cas": yes}, **o),
        QUESTION,
        r'voters was \["ann", "ben"\] and is \["ann", "cas"\]',
    ),
    "choices": (
        lambda **o: voting({"ann": yes, "ben": fail}, choices=["yes", "no"], **o),
        lambda **o: voting({"ann": yes, "ben": yes}, choices=["no"], **o),
        QUESTION,
        r'choices was \["yes", "no"\] and is \["no"\]',
    ),
    "aspects": (
        lambda **o: create_review(offline=True, aspects=["style"], **o),
        lambda **o: create_review(offline=True, aspects=["style", "security"], **o),
        {"files": {"a.py": "import os\n"}},
        r'aspects was \["style"\] and is \["style", "security"\]',
    ),
    "workers": (
        lambda **o: create_sectioning(planner=numbered(2), worker=fail, **o),
        lambda **o: create_sectioning(planner=numbered(2), worker={"a": yes, "b": yes}, **o),
        GIVEN,
        r'workers was null and is \["a", "b"\]',
    ),
    "voters of a nested vote": (
        lambda **o: create_sectioning(planner=numbered(2), worker=voting({"ann": fail}), **o),
        lambda **o: create_sectioning(planner=numbered(2), worker=voting({"ben": yes}), **o),
        GIVEN,
        r'worker\.voters was \["ann"\] and is \["ben"\]',
    ),
    "labels": (
        lambda **o: create_labeling(labels=["a", "b"], voters={"ann": fail}, **o),
        lambda **o: create_labeling(labels=["a", "c"], voters={"ann": yes}, **o),
        {"items": ["x"]},
        r'choices was \["a", "b"\] and is \["a", "c"\]',
    ),
    "the pattern": (
        lambda **o: create_sectioning(planner=numbered(2), worker=fail, **o),
        lambda **o: voting({"ann": yes}, **o),
        GIVEN,
        r'graph was "sectioning" and is "voting"',
    ),
}


@pytest.mark.parametrize("kind", OTHERWISE)
async def test_a_graph_that_was_built_otherwise_is_told_so(kind: str) -> None:
    """By a redrive and by a resume, before anything is run; the graph as it was goes on."""
    build, build_otherwise, given, difference = OTHERWISE[kind]
    saver = InMemorySaver()
    await build(checkpointer=saver).ainvoke(given, CONFIG)
    other = build_otherwise(checkpointer=saver)
    for resume in (
        lambda: aredrive(other, CONFIG),
        lambda: other.ainvoke(None, CONFIG),
        lambda: other.ainvoke(Command(resume="x"), CONFIG),
    ):
        with pytest.raises(UsageError, match=f"began with a graph that was built otherwise: .*{difference}"):
            await resume()
    assert (await aredrive(build(checkpointer=saver), CONFIG))["run_report"]


async def test_another_order_is_not_built_otherwise() -> None:
    """Voters, choices and workers may be listed in another order."""
    saver = InMemorySaver()
    first = voting({"ann": yes, "ben": fail}, choices=["yes", "no"], checkpointer=saver)
    await first.ainvoke(QUESTION, CONFIG)
    second = voting({"ben": yes, "ann": yes}, choices=["no", "yes"], checkpointer=saver)
    assert (await aredrive(second, CONFIG))["run_report"].branches == {"ok": 2}


async def test_a_new_run_on_the_thread_may_be_built_otherwise() -> None:
    """It starts over, and is stamped anew."""
    saver = InMemorySaver()
    await voting({"ann": fail}, checkpointer=saver).ainvoke(QUESTION, CONFIG)
    other = voting({"ben": fail}, checkpointer=saver)
    await other.ainvoke(QUESTION, CONFIG)
    assert list((await aredrive(other, CONFIG))["branches"]) == ["ben"]


async def test_records_of_another_version_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any call, whichever way the run is resumed."""
    saver = InMemorySaver()
    asked: list[str] = []
    graph = voting({"ann": asked.append, "ben": fail}, checkpointer=saver)
    monkeypatch.setattr(stamp, "RECORDS_VERSION", 0)
    await graph.ainvoke(QUESTION, CONFIG)
    monkeypatch.undo()
    asked.clear()
    message = r"thread '1' hold records of version 0 \(of langgraph-parallel \S+\), and this is version 7 "
    with pytest.raises(UsageError, match=message):
        await aredrive(graph, CONFIG)
    with pytest.raises(UsageError, match=message):
        redrive(graph, CONFIG)
    with pytest.raises(UsageError, match=message):
        await graph.ainvoke(None, CONFIG)
    assert asked == []


async def test_checkpoints_without_a_stamp_are_of_an_earlier_version() -> None:
    """Those that were stored before there were stamps."""
    graph = voting({"ann": fail}, checkpointer=InMemorySaver())
    await graph.ainvoke(QUESTION, CONFIG)
    await graph.aupdate_state(CONFIG, {"stamp": {}}, as_node="tally")
    with pytest.raises(UsageError, match=r"records of version 0 \(of an earlier version of this package\)"):
        await aredrive(graph, CONFIG)


class Around(TypedDict):
    """The state of an app's graph."""

    question: str
    verdict: Verdict


async def test_inside_of_a_graph_of_others_it_is_said_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an interrupted run is resumed by the graph around it."""
    saver = InMemorySaver()

    def around(voters: Any) -> Any:
        builder: StateGraph[Any, Any, Any, Any] = StateGraph(Around)
        builder.add_node("vote", voting(voters, on_undecided="escalate"))
        builder.add_edge(START, "vote")
        return builder.compile(checkpointer=saver)

    stopped = await around({"ann": yes, "ben": lambda q: "no"}).ainvoke(QUESTION, CONFIG)
    assert stopped["__interrupt__"]
    with pytest.raises(UsageError, match="voters was"):
        await around({"ann": yes}).ainvoke(Command(resume={"choice": "yes"}), CONFIG)


def test_a_change_of_the_records_or_of_nodes_changes_their_version() -> None:
    """Whoever changes what checkpoints hold or name counts the version up, and notes the new digest here."""
    fields: dict[str, list[tuple[str, str]]] = {}
    for name in langgraph_parallel.records.__all__:
        record = getattr(langgraph_parallel.records, name)
        if isinstance(record, type) and issubclass(record, BaseModel):
            record.model_rebuild()  # else a name in quotes is resolved, or not, by whatever ran before
            fields[name] = sorted(
                (field, str(info.annotation)) for field, info in record.model_fields.items()
            )
    graphs = {name: graph for name, graph in vars(studio).items() if isinstance(graph, CompiledStateGraph)}
    nodes = {name: sorted(graph.nodes) for name, graph in graphs.items()}
    digest = hashlib.sha256(json.dumps([fields, nodes], sort_keys=True).encode()).hexdigest()[:12]
    assert (stamp.RECORDS_VERSION, digest) == (7, "500b07d00b53")
