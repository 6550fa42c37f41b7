"""Items of one run are told as they end: labels of a labeling, each before the others have theirs."""

import asyncio
from typing import Any

import pytest

from langgraph_parallel import create_labeling, create_sectioning, split
from langgraph_parallel.runtime.draining import drain
from langgraph_parallel.runtime.gathering import ItemEnded, telling_items
from tests.support.server import ModelServer, Reply

LABELS = ["yes", "no"]


async def test_an_item_is_told_before_the_others_end() -> None:
    """The second item waits until the first one was told, so that the run could not end without it."""
    told: list[ItemEnded] = []
    first_is_told = asyncio.Event()

    async def voter(item: str) -> str:
        if item == "late":
            await first_is_told.wait()
        return "yes"

    async def on_item(ended: ItemEnded) -> None:
        told.append(ended)
        first_is_told.set()

    graph = create_labeling(labels=LABELS, voters={"ann": voter, "ben": voter})
    out = await graph.ainvoke({"items": {"1": "late", "2": "early"}}, telling_items(on_item))
    assert [ended.name for ended in told] == ["2", "1"]
    by_name = {ended.name: ended for ended in told}
    assert [by_name[label.item].output for label in out["labels"]] == [
        {"labels": label} for label in out["labels"]
    ]
    assert {name: ended.branch for name, ended in by_name.items()} == out["branches"]


async def test_a_failed_item_is_told_with_its_cause(model: str, server: ModelServer) -> None:
    """Its branch says why, and has its calls; names may be any text."""
    names = ["\u2028 ö", "b[1]", "{c}"]
    server.always(Reply(json={"choice": "yes"}))
    server.on("a bad one", Reply(status=400))
    told: dict[str, ItemEnded] = {}

    async def on_item(ended: ItemEnded) -> None:
        told[ended.name] = ended

    graph = create_labeling(labels=LABELS, model=model, voters=2)
    items = dict(zip(names, ["a good one", "a bad one", "a good one"], strict=True))
    out = await graph.ainvoke({"items": items}, telling_items(on_item))
    assert list(map(str, items)) == [label.item for label in out["labels"]]
    assert {name: ended.output["labels"].label for name, ended in told.items()} == dict(
        zip(names, ["yes", None, "yes"], strict=True)
    )
    assert told[names[1]].branch.status == "failed"
    assert "400" in str(told[names[1]].branch.error)
    assert sum(len(ended.branch.calls) for ended in told.values()) == len(out["run_report"].calls)


async def test_items_that_a_drain_stops_say_so() -> None:
    """The ones that have not begun are told as such, so that they can be done later."""
    told: dict[str, ItemEnded] = {}

    async def voter(item: str) -> str:
        drain("enough", grace=0)
        await asyncio.Event().wait()
        return "yes"

    async def on_item(ended: ItemEnded) -> None:
        told[ended.name] = ended

    graph = create_labeling(labels=LABELS, voters={"ann": voter})
    await graph.ainvoke({"items": {"1": "a", "2": "b"}}, telling_items(on_item))
    assert {ended.branch.ended_by for ended in told.values()} == {"drain"}
    assert set(told) == {"1", "2"}


async def test_an_error_of_what_is_told_ends_the_run() -> None:
    """What stores items cannot go on, so that nothing more is paid for."""

    async def on_item(ended: ItemEnded) -> None:
        raise OSError("the disk is full")

    graph = create_labeling(labels=LABELS, voters={"ann": lambda item: "yes"})
    with pytest.raises(OSError, match="the disk is full"):
        await graph.ainvoke({"items": {"1": "a"}}, telling_items(on_item))


async def test_a_labeling_inside_of_another_graph_tells_nobody() -> None:
    """The config that asks for items is that of the outermost run."""
    told: list[ItemEnded] = []

    async def on_item(ended: ItemEnded) -> None:
        told.append(ended)

    inner: Any = create_labeling(labels=LABELS, voters={"ann": lambda item: "yes"})
    graph = create_sectioning(planner=split.by_heading(), worker=inner)
    out = await graph.ainvoke({"content": "# a\nx\n# b\ny"}, telling_items(on_item))
    assert out["run_report"].branches["ok"] == len(out["sections"])
    assert told == []
