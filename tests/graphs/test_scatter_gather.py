"""Scatter-gather: one request to different sources, and nothing that came back is lost or mixed up."""

import asyncio
from typing import Any

import pytest
from langchain_core.tools import tool

from langgraph_parallel import Ask, Http, Source, create_scatter_gather, create_voting, errors, synthesize
from langgraph_parallel.reducers.joins.rank import fuse
from tests.support.server import ModelServer, Reply

SHOPS: Any = {
    "north": lambda request: {"item": request, "price": 12},
    "south": lambda request: [{"item": request, "price": 9}, {"item": request, "price": None}],
    "east": lambda request: {"item": request, "price": 10},
}


async def test_each_answer_stands_under_its_source() -> None:
    """All are asked at the same time; the cheapest wins, with its source."""
    graph = create_scatter_gather(sources=SHOPS, synthesizer=synthesize.best_by("price"))
    out = await graph.ainvoke({"request": "bike"})
    assert list(out["results"]) == ["north", "south", "east"]
    assert out["result"] == {"item": "bike", "price": 9, "source": "south"}
    assert (out["late"], out["missing"]) == ([], [])
    dearest = create_scatter_gather(sources=SHOPS, synthesizer=synthesize.best_by("price", highest=True))
    assert (await dearest.ainvoke({"request": "bike"}))["result"]["source"] == "north"


async def test_late_and_failed_sources_are_named_apart() -> None:
    """One hangs beyond its own limit, one raises, one is refused by nobody."""

    async def hangs(request: str) -> str:
        await asyncio.Event().wait()
        return ""

    def fails(request: str) -> str:
        raise ConnectionError("down")

    sources: Any = {"slow": Source(hangs, timeout=0.05), "down": fails, "good": lambda request: "here"}
    out = await create_scatter_gather(sources=sources).ainvoke({"request": "?"})
    assert (out["results"], out["late"], out["missing"]) == ({"good": "here"}, ["slow"], ["down"])
    assert out["branches"]["slow"].error == "TimeoutError: no answer within 0.05 s"
    out = await create_scatter_gather(sources={"slow": hangs}, timeout=0.05).ainvoke({"request": "?"})
    assert out["late"] == ["slow"]


async def test_enough_answers_end_the_wait() -> None:
    """The source that is not needed any more is cancelled, and named as late."""
    cancelled = asyncio.Event()

    async def hangs(request: str) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ""

    sources: Any = {"one": lambda r: 1, "two": lambda r: 2, "never": hangs}
    out = await create_scatter_gather(sources=sources, completion="min_success(2)").ainvoke({"request": "?"})
    assert (out["results"], out["late"]) == ({"one": 1, "two": 2}, ["never"])
    assert cancelled.is_set()


async def test_the_correlation_id_reaches_every_source() -> None:
    """A given one is kept, else one is made; it is in the metadata of the config."""
    seen: list[Any] = []

    def source(request: str, config: Any) -> str:
        seen.append(config["metadata"]["correlation_id"])
        return "x"

    graph = create_scatter_gather(sources={"a": source, "b": source})
    out = await graph.ainvoke({"request": "?", "correlation_id": "order-7"})
    assert (seen, out["correlation"]) == (["order-7"] * 2, "order-7")
    made = (await graph.ainvoke({"request": "?"}))["correlation"]
    assert seen[2:] == [made] * 2


async def test_sources_are_tools_models_and_graphs(model: str, server: ModelServer) -> None:
    """And a model writes one answer of theirs."""

    @tool
    def shop(item: str) -> str:
        """Look an item up."""
        return f"{item} in stock"

    server.on("Do you know", Reply(text="I do."))
    server.on("Write one coherent answer", Reply(text="In stock, and known."))
    sources: Any = {
        "shop": shop,
        "model": Ask("Do you know {question}?", model=model),
        "vote": create_voting(voters=[lambda q: "yes"]),
    }
    graph = create_scatter_gather(sources=sources, synthesizer=synthesize.by_model(model))
    out = await graph.ainvoke({"request": "bike"})
    assert out["results"]["shop"] == "bike in stock"
    assert out["results"]["model"] == "I do."
    assert out["results"]["vote"]["verdict"]["choice"] == "yes"
    assert out["result"] == "In stock, and known."


async def test_a_combination_that_fails_loses_no_answer() -> None:
    """The report says what went wrong with it."""
    graph = create_scatter_gather(sources=SHOPS, synthesizer=synthesize.rank())
    out = await graph.ainvoke({"request": "bike"})
    assert (out["result"], len(out["results"])) == (None, 3)
    assert "'north' gave no list" in out["run_report"].failures["combine"]


async def test_rankings_are_fused_by_reciprocal_rank() -> None:
    """What several sources rank high comes first; who said so stands beside it."""
    sources: Any = {"x": lambda r: ["a", "b", "b"], "y": lambda r: [{"url": "b"}, {"url": "c"}]}
    graph = create_scatter_gather(sources=sources, synthesizer=synthesize.rank("url", max_items=2))
    out = await graph.ainvoke({"request": "?"})
    assert [(held["item"], held["sources"]) for held in out["result"]] == [("b", ["x", "y"]), ("a", ["x"])]
    assert fuse({"x": ["a"]})[0]["score"] == 1 / 61
    assert fuse({}) == []


async def test_http_sources_send_the_request_and_take_json(server: ModelServer) -> None:
    """Against a real server; what it refuses, or redirects, is a failure without the address's path."""
    server.always(Reply(text="hello"))
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    good = Http(f"{server.url}/chat/completions", headers={"Authorization": "Bearer key"})
    bad = Http(f"{server.url}/secret-path", method="GET")
    gone = Http("http://user:hunter2@127.0.0.1:9/x")
    out = await create_scatter_gather(sources={"good": good, "bad": bad, "gone": gone}).ainvoke(
        {"request": body, "correlation_id": "c1"}
    )
    assert out["results"]["good"]["choices"][0]["message"]["content"] == "hello"
    assert out["missing"] == ["bad", "gone"]
    assert "secret-path" not in str(out["run_report"].failures)
    assert "hunter2" not in str(out["branches"])


async def test_wrong_arguments_and_input_are_refused() -> None:
    """Each with the way out."""
    with pytest.raises(errors.UsageError, match="there is no source"):
        create_scatter_gather(sources={})
    with pytest.raises(errors.UsageError, match="timeout is 0"):
        Source(len, timeout=0)
    with pytest.raises(errors.UsageError, match="no address of HTTP"):
        Http("file:///etc/passwd")
    with pytest.raises(errors.UsageError, match="choose GET or POST"):
        Http("http://x", method="PUT")
    with pytest.raises(errors.InputError, match="there is no request"):
        await create_scatter_gather(sources=SHOPS).ainvoke({})
