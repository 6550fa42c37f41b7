"""Odd input to the catalogue: a clear error before any call, or the failure as data; nothing is lost."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

import langgraph_parallel as parallel
from langgraph_parallel import Http, Section, errors, split, synthesize
from langgraph_parallel.nodes.text.quotes import locate
from langgraph_parallel.offline.feedback import entities, sentiments
from langgraph_parallel.reducers.text.sentences import sentences
from langgraph_parallel.report.markdown import escape
from langgraph_parallel.report.tables import as_csv
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply


@pytest.mark.parametrize(
    ("factory", "arguments", "message"),
    [
        ("map_reduce", {"worker": str, "reducer": str, "fan_in": 2.5}, "fan_in is 2.5"),
        ("map_reduce", {"worker": str, "reducer": str, "fan_in": "8"}, "fan_in is '8'"),
        ("scatter_gather", {"sources": {1: str}}, "the name 1; names have to be texts"),
        ("scatter_gather", {"sources": [str]}, "pass a mapping"),
        ("best_of", {"drafts": "3"}, "drafts is '3'"),
        ("brainstorm", {"personas": ["a"]}, "pass a mapping"),
        ("debate", {"debaters": {1: str}}, "names have to be texts"),
        ("debate", {"rounds": True}, "rounds is True"),
        ("guarded", {"checks": ["safety"]}, "pass a mapping"),
        ("guarded", {"checks": {5: str}}, "names have to be texts"),
        ("labeling", {"labels": ["a", "b"], "rule": "borda"}, "an item has one label"),
        ("market_study", {"sections": ["a"]}, "pass a mapping"),
        ("briefing", {"prompts": {"digest": None}}, "pass a text, a path, or a Prompt"),
        ("briefing", {"points": 2.5}, "points is 2.5"),
    ],
    ids=readable,
)
def test_arguments_of_another_kind_are_refused(factory: str, arguments: Any, message: str) -> None:
    """When the graph is made."""
    with pytest.raises(errors.UsageError, match=message):
        getattr(parallel, f"create_{factory}")(**arguments)


@pytest.mark.parametrize(
    ("factory", "arguments", "given", "message"),
    [
        ("map_reduce", {"worker": str, "reducer": str}, {"items": [object()]}, "no JSON data"),
        ("map_reduce", {"worker": str, "reducer": str}, {"items": {1: "a"}}, "names that are no texts"),
        ("scatter_gather", {"sources": {"a": str}}, {"request": b"x"}, "no JSON data"),
        ("market_study", {"model": "openai:m"}, {"subject": "s", "regions": 5}, "has to be a list"),
        ("market_study", {"model": "openai:m"}, {"subject": "s", "material": ["a"]}, "material has to be"),
        ("research", {"offline": True}, {"question": "q", "files": ["a"]}, "files has to be"),
        ("briefing", {"offline": True}, {"documents": {1: "a"}}, "there are no documents"),
        ("feedback_analysis", {"offline": True}, {"texts": {1: "a"}}, "there are no texts"),
        ("sectioning", {"planner": lambda c: None, "worker": str}, {"content": "x"}, "no list of sections"),
    ],
    ids=readable,
)
async def test_input_of_another_kind_is_refused(
    model: str, factory: str, arguments: Any, given: Any, message: str
) -> None:
    """Before any work."""
    with pytest.raises(errors.UsageError, match=message):
        await getattr(parallel, f"create_{factory}")(**arguments).ainvoke(given)


async def test_data_that_looks_like_ours_is_data() -> None:
    """A worker's own verdict, result or markdown is shown as it is."""
    for value in ({"verdict": {"guilty": True}, "why": "w"}, {"result": "r", "price": 5}, {"markdown": "m"}):
        graph = parallel.create_sectioning(planner=split.by_heading(), worker=lambda s, v=value: v)
        shown = (await graph.ainvoke({"content": "# A\n\none"}))["result"]
        assert all(str(part) in shown for part in value)
    tree = parallel.create_map_reduce(worker=str, synthesizer=str)
    assert (await tree.ainvoke({"items": [{"verdict": {"support": "x"}}]}))["result"]


async def test_fields_of_the_caller_are_kept_beside_ours() -> None:
    """Under another name."""

    async def combined(join: Any, **sources: Any) -> Any:
        graph = parallel.create_scatter_gather(sources=sources, synthesizer=join)
        return (await graph.ainvoke({"request": "?"}))["result"]

    best = await combined(synthesize.best_by("price"), a=lambda r: {"price": 1, "source": "X"})
    assert (best["source"], best["own_source"]) == ("a", "X")
    table = await combined(synthesize.merge_tables("n"), a=lambda r: [{"n": 1, "sources": ["o"]}])
    assert table["rows"] == [{"n": 1, "own_sources": ["o"], "sources": ["a"]}]

    def fails(request: str) -> str:
        raise ValueError("no")

    merged = await combined(synthesize.merge_fields(), a=lambda r: {"missing": ["tooth"]}, b=fails)
    assert merged == {"own_missing": ["tooth"], "missing": ["b"]}
    with pytest.raises(errors.UsageError, match="pass k from 0"):
        synthesize.rank(k=-1)


async def test_lists_of_sections_with_one_title_are_all_ranked() -> None:
    """By the ids of the sections."""
    graph = parallel.create_sectioning(
        planner=lambda c: [Section(id=i, title="A", content=i) for i in ("one", "two")],
        worker=lambda s: [s.content],
        synthesizer=synthesize.rank(),
    )
    made = (await graph.ainvoke({"content": ""}))["result"]
    assert {held["item"] for held in made} == {"one", "two"}


async def test_http_reads_an_answer_to_its_end() -> None:
    """However it is cut on its way, and however long it is."""

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for part in (b'{"price": 1', b'23, "x": "', b"y" * 300_000, b'"}'):
            await response.write(part)
            await asyncio.sleep(0)
        return response

    app = web.Application()
    app.router.add_post("/", slow)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        graph = parallel.create_scatter_gather(sources={"slow": Http(address)})
        out = await graph.ainvoke({"request": "q"})
        assert (out["results"]["slow"]["price"], len(out["results"]["slow"]["x"])) == (123, 300_000)
    finally:
        await runner.cleanup()


async def test_what_an_answer_raises_is_not_shown_before_the_checks_have_passed() -> None:
    """Nor is the answer of a worker that does not let itself be cancelled."""

    async def trips(message: str) -> bool:
        await asyncio.sleep(0.05)
        return True

    async def tells(message: str) -> str:
        raise ValueError("THE-ANSWER")

    async def stays(message: str) -> str:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            return "THE-ANSWER"
        return ""

    for answer in (tells, stays):
        graph = parallel.create_guarded(answer=answer, checks={"own": trips})
        out = await asyncio.wait_for(graph.ainvoke({"message": "hi"}), 10)
        assert "THE-ANSWER" not in repr(out)


async def test_a_guarded_answer_may_come_from_a_graph() -> None:
    """It gets the message as its text."""
    inner = parallel.create_map_reduce(worker=str.upper, synthesizer=str)
    out = await parallel.create_guarded(answer=inner, checks={"own": lambda m: False}).ainvoke(
        {"message": "hi"}
    )
    assert out["answer"]["result"] == "HI"


async def test_too_many_drafts_for_pairs_are_refused_before_they_are_paid_for(
    model: str, server: ModelServer
) -> None:
    """With the way out."""
    with pytest.raises(errors.UsageError, match="1122 comparisons"):
        await parallel.create_best_of(model=model, drafters=34).ainvoke({"task": "t"})
    assert server.requests == []


async def test_a_report_with_an_absurd_number_is_a_report(model: str, server: ModelServer) -> None:
    """And a worker that wants everything at once gets eight calls."""
    server.on("Divide a question", Reply(json={"topics": [{"title": "T", "brief": "about T"}]}))
    calls = [{"tool": "search_files", "input": f"sales {i}"} for i in range(5000)]
    claims = [{"claim": "c", "source": 1, "quote": "northern sales fell"}]
    server.on("about T", Reply(json={"calls": calls, "findings": claims}))
    server.on("with a coherent report", Reply(text="It fell [1] [" + "9" * 5000 + "]."))
    graph = parallel.create_research(model=model, max_rounds=1)
    out = await graph.ainvoke({"question": "sales?", "files": {"a": "northern sales fell"}})
    assert [one.number for one in out["research"].references] == [1]


def test_long_rows_of_one_thing_are_read_in_one_go() -> None:
    """Texts on which a careless pattern would try for minutes."""
    assert len(sentences("A. " * 20_000)) >= 1
    assert len(sentences("It is. " * 20_000)) == 20_000
    assert entities(["1," * 20_000])
    assert split.by_heading()("# a" + " " * 50_000 + "b")
    assert sentiments([("good service and the bike was late but " * 20_000)[:200_000]])
    assert len(locate("e", "e " * 15_000)) == 20


def test_reports_begin_nothing_that_they_quote() -> None:
    """No fence, no heading, no formula."""
    assert escape("~~~") == "\\~\\~\\~"
    assert escape("# x").startswith("\\#")
    assert as_csv([{"a": "\n=1+1"}]) == 'a\n"\'\n=1+1"\n'
