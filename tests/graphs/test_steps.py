"""LangGraph's limit of steps: it holds for graphs of others, and never ends a loop of ours."""

from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphRecursionError
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from langgraph_parallel import Section, create_debate, create_sectioning, create_voting

FEW: RunnableConfig = {"recursion_limit": 5}


class Count(TypedDict):
    """State of a graph that counts."""

    content: str
    n: int


def counting(most: int) -> Any:
    """Build a graph of another author that takes as many steps as it is told."""
    builder: Any = StateGraph(Count)
    builder.add_node("add", lambda state: {"n": state.get("n", 0) + 1})
    builder.add_edge(START, "add")
    builder.add_conditional_edges("add", lambda state: END if state["n"] >= most else "add")
    return builder.compile()


def voters(count: int) -> dict[str, Any]:
    """Return voters that disagree, so that all are asked."""
    return {f"v{i}": (lambda question, i=i: "yes" if i % 2 else "no") for i in range(count)}


def one(content: str) -> list[Section]:
    """Plan a single section."""
    return [Section(id="1", title="one", content=content)]


async def test_a_vote_of_many_waves_ends_under_a_low_limit() -> None:
    """Forty voters, one at a time, are eighty steps."""
    graph = create_voting(voters=voters(40), wave=1, stop="all_votes")
    out = await graph.ainvoke({"question": "?"}, FEW)
    assert out["run_report"].branches == {"ok": 40}


async def test_a_vote_inside_another_graph_ends_too() -> None:
    """The limit is lifted at every level, in a graph of another author as well."""

    class State(TypedDict):
        question: str
        verdict: Any

    vote = create_voting(voters=voters(40), wave=1, stop="all_votes")
    builder: Any = StateGraph(State)
    builder.add_node("vote", vote)
    builder.add_edge(START, "vote")
    out = await builder.compile().ainvoke({"question": "?"}, FEW)
    assert out["verdict"].cast == 40
    nested = await create_sectioning(planner=one, worker=vote).ainvoke({"content": "?"}, FEW)
    assert nested["run_report"].branches == {"ok": 40}


async def test_a_debate_of_many_rounds_ends_under_a_low_limit() -> None:
    """Each round is two steps."""
    debaters = {f"d{i}": (lambda task, i=i: str(i)) for i in range(2)}
    out = await create_debate(debaters=debaters, max_rounds=6).ainvoke({"question": "?"}, FEW)
    assert out["run_report"].failures == {}


async def test_a_graph_of_another_author_keeps_the_limit_of_the_app() -> None:
    """Ten steps fail under a limit of five, as a worker and as a planner's own call; four do not."""
    out = await create_sectioning(planner=one, worker=counting(10)).ainvoke({"content": "x"}, FEW)
    assert "Recursion limit of 5" in out["run_report"].failures["sectioning[one]"]
    out = await create_sectioning(planner=one, worker=counting(4)).ainvoke({"content": "x"}, FEW)
    assert out["run_report"].failures == {}

    async def plan(content: str) -> list[Section]:
        await counting(10).ainvoke({"content": content})
        return one(content)

    with pytest.raises(GraphRecursionError, match="limit of 5"):
        await create_sectioning(planner=plan, worker=lambda section: "").ainvoke({"content": "x"}, FEW)


async def test_without_a_limit_of_the_app_langgraphs_own_holds_for_others() -> None:
    """What is lifted for our graphs is not lifted below them."""
    seen: list[int] = []

    def worker(section: Any, config: RunnableConfig) -> str:
        seen.append(config["recursion_limit"])
        return ""

    await create_sectioning(planner=one, worker=worker).ainvoke({"content": "x"})
    await create_sectioning(planner=one, worker=create_sectioning(planner=one, worker=worker)).ainvoke(
        {"content": "x"}, {"recursion_limit": 77}
    )
    assert seen == [10007, 77]
