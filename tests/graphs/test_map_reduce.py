"""Map-reduce: a bounded fan-in at every level, and what is in no result is named."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import Ask, aestimate, aredrive, create_map_reduce, create_voting, errors
from langgraph_parallel.reducers.joins.tree import groups
from langgraph_parallel.synthesize import Gathered
from tests.support.server import ModelServer, Reply


def add(numbers: Any) -> Any:
    """A reducer that shows what it was given."""
    return "(" + "+".join(map(str, numbers)) + ")"


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(2, 9), st.one_of(st.none(), st.integers(1, 30)))
def test_groups_hold_every_place_once_and_none_too_many(sizes: list[int], fan_in: int, most: Any) -> None:
    """In order, at most `fan_in` each; one of more than two is under the ceiling; the level gets smaller."""
    made = groups(sizes, fan_in, most)
    assert [place for part in made for place in part] == list(range(len(sizes)))
    assert all(1 <= len(part) <= fan_in for part in made)
    assert most is None or all(len(p) <= 2 or sum(sizes[i] for i in p) <= most for p in made)
    assert len(sizes) < 2 or len(made) < len(sizes)


async def test_results_are_reduced_in_order_level_by_level() -> None:
    """Ten items with a fan-in of three: four groups, two, one; each level at the same time."""
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
    """None of no item; one alone is the result as it is."""
    graph = create_map_reduce(worker=lambda item: item, synthesizer=add)
    assert (await graph.ainvoke({"items": items}))["result"] == result


async def test_what_failed_is_in_no_result_and_comes_in_with_a_redrive() -> None:
    """The item is named; run again, it and what is above it is made anew, and nothing else below."""
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
    assert len(out["run_report"].calls) == 3 + 1 + 1 + 2  # the reduction of before stays in the report


async def test_a_reducer_that_fails_loses_what_is_below_it_by_name() -> None:
    """The others go on; where none is left there is no result, and the branches still hold everything."""

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


async def test_wrong_arguments_and_input_are_refused() -> None:
    """Before any work."""
    with pytest.raises(errors.UsageError, match="fan_in is 1"):
        create_map_reduce(worker=len, synthesizer=len, fan_in=1)
    with pytest.raises(errors.UsageError, match="is not a synthesizer"):
        create_map_reduce(worker=len, synthesizer=3)  # type: ignore[arg-type]
    for wrong in ({}, {"items": "text"}):
        with pytest.raises(errors.InputError, match="items must be a list"):
            await create_map_reduce(worker=len, synthesizer=len).ainvoke(wrong)
