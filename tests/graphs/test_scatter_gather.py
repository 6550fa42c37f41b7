"""Scatter-gather: one request to several sources, whose answers are neither lost nor mixed up."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from langchain_core.tools import tool

from langgraph_parallel import Ask, Http, Source, create_scatter_gather, create_voting, errors, synthesize
from langgraph_parallel.reducers.joins.rank import fuse
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply

SHOPS: Any = {
    "north": lambda request: {"item": request, "price": 12},
    "south": lambda request: [{"item": request, "price": 9}, {"item": request, "price": None}],
    "east": lambda request: {"item": request, "price": 10},
}


async def test_each_answer_is_under_the_name_of_its_source() -> None:
    """The best offer names its source."""
    graph = create_scatter_gather(sources=SHOPS, synthesizer=synthesize.best_by("price"))
    out = await graph.ainvoke({"request": "bike"})
    assert list(out["results"]) == ["north", "south", "east"]
    assert out["result"] == {"item": "bike", "price": 9, "source": "south"}
    assert (out["late"], out["missing"]) == ([], [])
    dearest = create_scatter_gather(sources=SHOPS, synthesizer=synthesize.best_by("price", highest=True))
    assert (await dearest.ainvoke({"request": "bike"}))["result"]["source"] == "north"


async def test_late_and_failed_sources_are_missing() -> None:
    """Those that exceed their time limit are also listed as late."""

    async def hangs(request: str) -> str:
        await asyncio.Event().wait()
        return ""

    def fails(request: str) -> str:
        raise ConnectionError("down")

    sources: Any = {"slow": Source(hangs, timeout=0.05), "down": fails, "good": lambda request: "here"}
    out = await create_scatter_gather(sources=sources).ainvoke({"request": "?"})
    assert (out["results"], out["late"], out["missing"]) == ({"good": "here"}, ["slow"], ["slow", "down"])
    assert out["branches"]["slow"].error == "TimeoutError: no answer within 0.05 s"
    out = await create_scatter_gather(sources={"slow": hangs}, timeout=0.05).ainvoke({"request": "?"})
    assert out["late"] == ["slow"]


async def test_enough_answers_end_the_wait() -> None:
    """The source that is not needed any more is cancelled, and late."""
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
    """It is in the metadata of the config; without one in the input, it is generated."""
    ids: list[Any] = []

    def source(request: str, config: Any) -> str:
        ids.append(config["metadata"]["correlation_id"])
        return "x"

    graph = create_scatter_gather(sources={"a": source, "b": source})
    out = await graph.ainvoke({"request": "?", "correlation_id": "order-7"})
    assert (ids, out["correlation_id"]) == (["order-7"] * 2, "order-7")
    generated = (await graph.ainvoke({"request": "?"}))["correlation_id"]
    assert ids[2:] == [generated] * 2


async def test_sources_can_be_tools_models_and_graphs(model: str, server: ModelServer) -> None:
    """A model can write one answer from theirs."""

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


async def test_if_the_synthesizer_fails_the_answers_are_kept() -> None:
    """The run report has the cause."""
    graph = create_scatter_gather(sources=SHOPS, synthesizer=synthesize.rank())
    out = await graph.ainvoke({"request": "bike"})
    assert (out["result"], len(out["results"])) == (None, 3)
    assert "section 'north' returned dict; expected a list" in out["run_report"].failures["synthesize"]


async def test_rankings_are_fused_by_reciprocal_rank() -> None:
    """Items that several sources rank high come first, with the names of the sources."""
    sources: Any = {"x": lambda r: ["a", "b", "b"], "y": lambda r: [{"url": "b"}, {"url": "c"}]}
    graph = create_scatter_gather(sources=sources, synthesizer=synthesize.rank("url", max_items=2))
    out = await graph.ainvoke({"request": "?"})
    assert [(entry["item"], entry["sources"]) for entry in out["result"]] == [("b", ["x", "y"]), ("a", ["x"])]
    assert fuse({"x": ["a"]})[0]["score"] == 1 / 61
    assert fuse({}) == []


async def test_http_sources_send_and_receive_json(server: ModelServer) -> None:
    """A failure shows neither the path of the URL nor a password in it."""
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


async def test_an_http_answer_is_read_to_its_end() -> None:
    """It may come in several parts, and be longer than one read."""

    async def answer_in_parts(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for part in (b'{"price": 1', b'23, "x": "', b"y" * 300_000, b'"}'):
            await response.write(part)
        return response

    app = web.Application()
    app.router.add_post("/", answer_in_parts)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        out = await create_scatter_gather(sources={"slow": Http(address)}).ainvoke({"request": "q"})
        assert (out["results"]["slow"]["price"], len(out["results"]["slow"]["x"])) == (123, 300_000)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({}, "sources is empty"),
        ({1: str}, "sources has the key 1; expected a string"),
        ([str], "expected a mapping"),
    ],
    ids=readable,
)
def test_invalid_sources_are_rejected(sources: Any, message: str) -> None:
    """The error is raised when the graph is built."""
    with pytest.raises(errors.UsageError, match=message):
        create_scatter_gather(sources=sources)


def test_invalid_arguments_of_a_source_are_rejected() -> None:
    """Time limits are above 0, URLs are HTTP, and methods are GET or POST."""
    with pytest.raises(errors.UsageError, match="timeout is 0"):
        Source(len, timeout=0)
    with pytest.raises(errors.UsageError, match="is not an HTTP URL"):
        Http("file:///etc/passwd")
    with pytest.raises(errors.UsageError, match="method is 'PUT'; expected 'POST' or 'GET'"):
        Http("http://x", method="PUT")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [({}, "the input has no request"), ({"request": b"x"}, "request is bytes; expected JSON data")],
    ids=readable,
)
async def test_invalid_input_is_rejected(given: Any, message: str) -> None:
    """The error is raised before any source is asked."""
    with pytest.raises(errors.InputError, match=message):
        await create_scatter_gather(sources=SHOPS).ainvoke(given)
