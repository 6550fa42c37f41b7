"""Joins of the caller's: a bug is an error that has the branches; inputs that are nearly right are taken."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import (
    Section,
    create_labeling,
    create_map_reduce,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    synthesize,
)
from langgraph_parallel.errors import InputError, JoinError
from tests.support.ids import readable

CONFIG: Any = {"configurable": {"thread_id": "1"}}
GIVEN = {"content": "x"}


def plan(content: str) -> list[Section]:
    """Plan two sections."""
    return [Section(id=name, title=name, content=name) for name in "ab"]


def broken(gathered: Any) -> Any:
    """Raise."""
    raise ZeroDivisionError("oh")


def down(gathered: Any) -> Any:
    """Fail as an endpoint does."""
    raise ConnectionError("down")


def work(section: Any) -> str:
    """Work."""
    return "done"


async def test_a_synthesizer_with_a_bug_is_an_error_that_has_the_branches() -> None:
    """What was paid for is in it, and a checkpointer lets the run go on once the function is mended."""
    mended: list[bool] = []

    def join(gathered: Any) -> Any:
        return len(gathered) if mended else broken(gathered)

    graph = create_sectioning(planner=plan, worker=work, synthesizer=join, checkpointer=InMemorySaver())
    with pytest.raises(JoinError, match=r"synthesize failed.*ZeroDivisionError: oh") as failed:
        await graph.ainvoke(GIVEN, CONFIG)
    assert [branch.value for branch in failed.value.succeeded.values()] == ["done", "done"]
    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    assert failed.value.run_report.status == "failed"
    mended.append(True)
    assert (await graph.ainvoke(None, CONFIG))["result"] == 2


async def test_a_combining_function_with_a_bug_is_an_error() -> None:
    """Sources and the fields of a merge are joined by functions, too."""
    with pytest.raises(JoinError, match="oh"):
        await create_scatter_gather(sources={"a": work}, synthesizer=broken).ainvoke({"request": "x"})
    merge = synthesize.merge_fields({"n": broken})
    with pytest.raises(JoinError, match="oh"):
        await create_sectioning(planner=plan, worker=lambda s: {"n": 1}, synthesizer=merge).ainvoke(GIVEN)


async def test_a_join_that_fails_is_no_success() -> None:
    """There is no result, so everything is missing, and the status says so; a graph around sees it."""
    graph = create_sectioning(planner=plan, worker=work, synthesizer=down)
    out = await graph.ainvoke(GIVEN)
    assert (out["result"], out["missing"], out["run_report"].status) == (None, ["a", "b"], "failed")
    assert "down" in out["run_report"].failures["synthesize"]
    around = await create_sectioning(planner=plan, worker=graph).ainvoke(GIVEN)
    assert {branch.status for branch in around["branches"].values()} == {"failed"}
    assert around["missing"] == ["a", "b"]


async def test_a_bug_below_is_a_failed_branch() -> None:
    """The graph around goes on, and the calls below are kept."""
    graph = create_sectioning(planner=plan, worker=work, synthesizer=broken)
    vote = create_voting(voters={"a": graph, "b": lambda q: "yes"}, stop="all_votes")
    out = await vote.ainvoke({"question": "so?"})
    assert (out["verdict"].choice, out["verdict"].failed) == ("yes", 1)
    assert len(out["branches"]["a"].calls) == 2


@pytest.mark.parametrize(
    ("prices", "source"),
    [
        ((3, 2), "b"),
        (("$3", "$2"), "b"),
        (("10", "9.5"), "b"),
        (("1,000.50 ", 20000), "a"),
        (("about ten", "12"), "b"),
    ],
    ids=repr,
)
async def test_numbers_in_text_are_compared_as_numbers(prices: Any, source: str) -> None:
    """What has no number is not compared, and the report says so."""
    offers = {
        name: (lambda request, price=price: {"price": price})
        for name, price in zip("ab", prices, strict=True)
    }
    graph = create_scatter_gather(sources=offers, synthesizer=synthesize.best_by("price"))
    out = await graph.ainvoke({"request": "x"})
    assert out["result"]["source"] == source
    assert bool(out["run_report"].remarks) == ("about ten" in prices)


async def test_offers_without_any_number_are_no_success() -> None:
    """The error shows what they have."""
    graph = create_scatter_gather(
        sources={"a": lambda request: {"price": "ask us"}}, synthesizer=synthesize.best_by("price")
    )
    out = await graph.ainvoke({"request": "x"})
    assert (out["result"], out["run_report"].status) == (None, "failed")
    assert "a: price is 'ask us'" in out["run_report"].failures["synthesize"]


@pytest.mark.parametrize(
    ("items", "count"),
    [
        ((1, 2), 2),
        (range(3), 3),
        (iter("ab"), 2),
        ({"x": 1}.keys(), 1),
        ([HumanMessage("a"), AIMessage("b")], 2),
    ],
    ids=readable,
)
async def test_items_of_nearly_the_right_type_are_taken(items: Any, count: int) -> None:
    """What is like a list is one, and a message is its text; a checkpointer can store it."""
    graph = create_map_reduce(worker=lambda item: 1, synthesizer=sum, checkpointer=InMemorySaver())
    assert (await graph.ainvoke({"items": items}, CONFIG))["result"] == count


async def test_a_conversation_is_a_question() -> None:
    """Voters that are functions get it as it was passed."""
    seen: list[Any] = []
    history = [HumanMessage("hello"), AIMessage("hi")]

    def vote(question: Any) -> str:
        seen.append(question)
        return "yes"

    out = await create_voting(voters={"a": vote}).ainvoke({"question": history})
    assert (out["verdict"].choice, [message.text for message in seen[0]]) == ("yes", ["hello", "hi"])


@pytest.mark.parametrize("given", ["text", ["a", "b"], 5], ids=repr)
async def test_an_input_that_is_no_mapping_is_named(given: Any) -> None:
    """The error shows the keys of the input."""
    graph: Any = create_labeling(labels=["a", "b"], voters=[lambda q: "a"])
    with pytest.raises(
        InputError, match=rf"the input is {type(given).__name__}; expected a mapping: {{'items'"
    ):
        await graph.ainvoke(given)
