"""Map-reduce: the fan-in is limited at every level, and items that are not in the result are named."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import Ask, Limits, aestimate, aredrive, create_map_reduce, create_voting, errors
from langgraph_parallel.reducers.joins.tree import groups
from langgraph_parallel.synthesize import Gathered
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply


def add(numbers: Any) -> Any:
    """Return the results of a group in parentheses."""
    return "(" + "+".join(map(str, numbers)) + ")"


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(2, 9), st.one_of(st.none(), st.integers(1, 30)))
def test_groups_have_every_index_once_within_the_limits(sizes: list[int], fan_in: int, most: Any) -> None:
    """In order, at most `fan_in` each; groups of more than two keep the ceiling; each level is smaller."""
    parts = groups(sizes, fan_in, most)
    assert [place for part in parts for place in part] == list(range(len(sizes)))
    assert all(1 <= len(part) <= fan_in for part in parts)
    assert most is None or all(len(p) <= 2 or sum(sizes[i] for i in p) <= most for p in parts)
    assert len(sizes) < 2 or len(parts) < len(sizes)


async def test_results_are_reduced_in_order_level_by_level() -> None:
    """Ten items with a fan-in of three need levels of four, two and one; items are worked on at once."""
    together = asyncio.Barrier(10)

    async def square(item: int) -> int:
        await asyncio.wait_for(together.wait(), 10)
        return item * item

    graph = create_map_reduce(worker=square, synthesizer=add, fan_in=3)
    out = await graph.ainvoke({"items": list(range(10))})
    assert out["result"] == "(((0+1)+(4+9+16))+((25+36)+(49+64+81)))"
    assert [section.round for section in out["sections"]].count(1) == 4
    assert (await aestimate(graph, {"items": list(range(10))})).calls == 0
    assert out["missing"] == []


@pytest.mark.parametrize(("items", "result"), [([], None), ([7], 7), ({"a": 1, "b": 2}, "(1+2)")])
async def test_few_items_need_few_reducers(items: Any, result: Any) -> None:
    """No items have the result None; a single item is the result itself."""
    graph = create_map_reduce(worker=lambda item: item, synthesizer=add)
    assert (await graph.ainvoke({"items": items}))["result"] == result


async def test_a_failed_item_is_missing_until_a_redrive() -> None:
    """A redrive works only on the failed item and on the reductions above it."""
    worked: list[Any] = []
    broken = True

    def work(item: str) -> str:
        worked.append(item)
        if item == "b" and broken:
            raise ValueError("no")
        return item

    config: Any = {"configurable": {"thread_id": "1"}}
    graph = create_map_reduce(worker=work, synthesizer=add, fan_in=2, checkpointer=InMemorySaver())
    out = await graph.ainvoke({"items": {"A": "a", "B": "b", "C": "c"}}, config)
    assert (out["result"], out["missing"]) == ("(a+c)", ["B"])
    broken = False
    worked.clear()
    out = await aredrive(graph, config)
    assert (out["result"], out["missing"], worked) == ("(a+(b+c))", [], ["b"])
    assert len(out["run_report"].calls) == 3 + 1 + 1 + 2  # the report keeps the earlier reduction


async def test_items_below_a_failed_reduction_are_missing() -> None:
    """The others are reduced further; without any result, the branches still have all values."""

    def picky(results: Gathered) -> str:
        if "c" in results:
            raise ValueError("not c")
        return str(add(list(results)))

    graph = create_map_reduce(worker=lambda item: item, synthesizer=picky, fan_in=2)
    out = await graph.ainvoke({"items": ["a", "b", "c", "d"]})
    assert (out["result"], out["missing"]) == ("(a+b)", ["item 3", "item 4"])
    out = await graph.ainvoke({"items": ["c", "d"]})
    assert (out["result"], out["missing"]) == (None, ["item 1", "item 2"])
    assert [branch.value for branch in out["branches"].values()][:2] == ["c", "d"]


async def test_models_and_votes_map_and_reduce(model: str, server: ModelServer) -> None:
    """An `Ask` gets the item as `content`, and a group as `results`; `max_tokens` bounds a group."""
    server.on("Shorten", Reply(text="short"))
    server.on("Join", Reply(text="joined"))
    graph = create_map_reduce(
        worker=Ask("Shorten {content}", model=model),
        synthesizer=Ask("Join {results}", model=model),
        fan_in=8,
        max_tokens=2,
    )
    out = await graph.ainvoke({"items": ["one", "two", "three", "four"]})
    assert out["result"] == "joined"
    assert len(server.asked("Join")) == 3
    estimate = await aestimate(graph, {"items": ["one", "two", "three"]})
    assert estimate.calls == 5
    vote = create_voting(voters=[len, len])
    out = await create_map_reduce(worker=vote, synthesizer=lambda r: len(r)).ainvoke({"items": ["ab", "c"]})
    assert out["result"] == 2


async def test_more_items_than_are_sent_at_once_follow() -> None:
    """All are in the result; if the reduction fails, all are missing."""
    limits = Limits(max_sections=2)
    items = {"items": ["a", "b", "c"]}
    out = await create_map_reduce(worker=str, synthesizer=add, limits=limits).ainvoke(items)
    assert (out["result"], out["missing"]) == ("(a+b+c)", [])
    failing: Any = create_map_reduce(worker=str, synthesizer=lambda results: 1 / 0, limits=limits)
    out = await failing.ainvoke(items)
    assert (out["result"], out["missing"]) == (None, ["item 1", "item 2", "item 3"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fan_in": 1}, "fan_in is 1"),
        ({"fan_in": 2.5}, "fan_in is 2.5"),
        ({"fan_in": "8"}, "fan_in is '8'"),
        ({"synthesizer": 3}, "is not a synthesizer"),
    ],
    ids=readable,
)
def test_invalid_arguments_are_rejected(arguments: dict[str, Any], message: str) -> None:
    """The error is raised when the graph is built."""
    with pytest.raises(errors.UsageError, match=message):
        create_map_reduce(**{"worker": len, "synthesizer": len, **arguments})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "the input has no items"),
        ({"items": "text"}, "items is str; expected a list, or a mapping of name to item"),
        ({"items": [object()]}, "item 1 is object; expected JSON data"),
        ({"items": {1: "a"}}, "items has the key 1; expected strings"),
    ],
    ids=readable,
)
async def test_invalid_input_is_rejected(given: Any, message: str) -> None:
    """The error is raised before any work."""
    with pytest.raises(errors.InputError, match=message):
        await create_map_reduce(worker=len, synthesizer=len).ainvoke(given)
