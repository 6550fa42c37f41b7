"""What workers return and change: errors are no answers, futures are awaited, nothing is shared."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import task
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from langgraph_parallel import (
    Section,
    create_guarded,
    create_scatter_gather,
    create_sectioning,
    create_voting,
)
from langgraph_parallel.errors import UsageError

CONFIG: Any = {"configurable": {"thread_id": "1"}}


async def test_an_exception_that_a_worker_returns_has_failed() -> None:
    """As `asyncio.gather(return_exceptions=True)` leads to; its text is no answer and no choice."""
    out = await create_voting(voters=[lambda q: ValueError("x"), lambda q: "y"]).ainvoke({"question": "?"})
    assert (out["verdict"].choice, out["verdict"].failed) == ("y", 1)
    checks: Any = {"c": lambda text: False}
    for answer_checks in (None, {"d": lambda text: False}):
        graph = create_guarded(
            worker=lambda m: ValueError("secret"), checks=checks, answer_checks=answer_checks
        )
        guarded = await graph.ainvoke({"message": "?"})
        assert (guarded["answer"], guarded["reason"]) == (None, "there is no answer")


async def test_a_future_that_a_worker_returns_is_awaited() -> None:
    """Of an executor, and of a task of LangGraph's."""

    @task
    async def shout(request: str) -> str:
        return request.upper()

    with ThreadPoolExecutor() as pool:
        sources: Any = {"task": shout, "pool": lambda request: pool.submit(str.title, request)}
        out = await create_scatter_gather(sources=sources).ainvoke({"request": "wet"})
    assert out["results"] == {"task": "WET", "pool": "Wet"}


async def test_without_any_answer_nothing_is_joined() -> None:
    """What a synthesizer makes of nothing would look like a result."""
    joined: list[Any] = []

    def down(request: Any) -> Any:
        raise ConnectionError("down")

    graph = create_scatter_gather(sources={"a": down, "b": down}, synthesizer=joined.append)
    out = await graph.ainvoke({"request": "x"})
    assert (out["result"], joined, out["run_report"].status) == (None, [], "failed")


async def test_what_a_worker_changes_is_seen_by_nobody_else() -> None:
    """Neither in the result of the section that it needs, nor in a question of several parts."""

    def work(section: Section) -> Any:
        if section.id == "r":
            return [1]
        result: Any = section.earlier["r"]
        result.append(section.id)
        return result

    plan = [Section(id="r", title="r"), *(Section(id=i, title=i, needs=["r"]) for i in "ab")]
    out = await create_sectioning(planner=lambda content: plan, worker=work).ainvoke({"content": ""})
    assert {id: branch.value for id, branch in out["branches"].items()} == {
        "r": [1],
        "a": [1, "a"],
        "b": [1, "b"],
    }
    question = ["a", "b"]
    voters: Any = {"x": lambda q: q.append("more") or "x", "y": lambda q: str(len(q))}
    vote = create_voting(voters=voters, wave=1, stop="all_votes")
    ballots = (await vote.ainvoke({"question": question}))["ballots"]
    assert ([ballot.choice for ballot in ballots], question) == (["x", "2"], ["a", "b"])


class Model(BaseModel):
    """The state of an app, as a model."""

    question: str
    verdict: Any = None


@dataclass
class Data:
    """The state of an app, as a dataclass."""

    question: str
    verdict: Any = None


@pytest.mark.parametrize("state", [Model, Data])
async def test_the_state_of_an_app_may_be_a_record(state: Any) -> None:
    """A graph is a node of it as any other subgraph is."""
    builder = StateGraph(state)
    builder.add_node("vote", create_voting(voters=[lambda q: f"to {q}"]))
    builder.add_edge(START, "vote")
    out = await builder.compile().ainvoke({"question": "x"})
    assert out["verdict"].choice == "to x"


async def test_a_run_that_waits_in_its_first_fan_out_is_resumed_by_its_own_graph_only() -> None:
    """Another one is refused by name, although no branch has been recorded yet."""
    saver = InMemorySaver()

    def vote(other: str) -> Any:
        voters: Any = {"a": lambda q: interrupt("?"), other: lambda q: "yes"}
        return create_voting(voters=voters, stop="all_votes", checkpointer=saver)

    await vote("b").ainvoke({"question": "?"}, CONFIG)
    with pytest.raises(UsageError, match="was built otherwise: voters was"):
        await vote("c").ainvoke(Command(resume="yes"), CONFIG)
    async with asyncio.timeout(30):
        out = await vote("b").ainvoke(Command(resume="yes"), CONFIG)
    assert str(out["verdict"].support) == "2/2"
