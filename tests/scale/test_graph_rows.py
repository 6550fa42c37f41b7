"""Rows that graphs work on: a run each, or many in one run; their outputs, costs and failures."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import create_labeling, create_sectioning, create_voting, drain
from langgraph_parallel.records.map_report import MapReport
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.scale import amap_items
from langgraph_parallel.scale.engine import Job
from langgraph_parallel.scale.making import make_program
from langgraph_parallel.scale.working import ChunkWorker
from langgraph_parallel.testing.replies import Gate, Reply
from tests.scale.working import Collected, chunk_of, chunks_of, run_rows
from tests.support.server import ModelServer

YES = Reply(json={"choice": "yes"})


async def test_each_row_is_a_run_of_a_graph(model: str, server: ModelServer) -> None:
    """Columns come from paths in its output; what it took is that of its own calls."""
    server.always(YES)
    server.on("split", Reply(json={"choice": "no"}), times=1)
    program = make_program(
        "voting",
        settings={"choices": ["yes", "no"], "voters": 3, "stop": "all_votes"},
        inputs={"question": "text"},
        outputs={"answer": "verdict.choice", "share": "verdict.support.share"},
        model=model,
    )
    results = await run_rows(program, {"a": {"text": "plain"}, "b": {"text": "split"}})
    assert results["a"].output == {"answer": "yes", "share": 1.0}
    assert results["b"].output == {"answer": "yes", "share": 2 / 3}
    spent = results["a"].spent
    assert (spent.calls, spent.throttled) == (3, 0)
    assert spent.input_tokens > 0
    assert spent.output_tokens > 0
    assert spent.usd is None  # the price of a model of that name is not known


async def test_a_run_without_a_result_is_a_failed_row(model: str, server: ModelServer) -> None:
    """With the cause in one line, as reports have it, and with what its calls took."""
    server.always(YES)
    server.on("bad", Reply(status=400, text="no such\nthing"))
    program = make_program("voting", settings={"choices": ["yes", "no"]}, model=model)
    results = await run_rows(program, {"a": {"question": "bad"}, "b": {"question": "good"}, "c": {}})
    assert results["a"].status == "failed"
    assert results["a"].error.startswith("400 from http")
    assert "\n" not in results["a"].error
    assert results["a"].spent.calls >= 1
    assert results["b"].status == "ok"
    assert results["c"].status == "failed"
    assert "question" in results["c"].error


async def test_an_undecided_vote_is_a_row(model: str, server: ModelServer) -> None:
    """It has cost its calls, and says that it is undecided."""
    server.always(YES)
    server.on("first voter", Reply(json={"choice": "no"}), times=1)
    program = make_program(
        "voting",
        settings={"choices": ["yes", "no"], "voters": 2, "stop": "all_votes"},
        outputs={"status": "verdict.status", "choice": "verdict.choice"},
        model=model,
    )
    result = (await run_rows(program, {"a": {"question": "first voter"}}))["a"]
    assert (result.status, result.output["status"]) == ("ok", "tied")


def label_program(model: str, **options: Any) -> Any:
    """Return a labeling by two voters, of the column `text`."""
    settings = {"labels": ["yes", "no"], "voters": 2, "stop": "all_votes"}
    return make_program("labeling", settings=settings, inputs={"items": "text"}, model=model, **options)


async def test_rows_are_labelled_together_each_with_its_own_result(model: str, server: ModelServer) -> None:
    """Keys may be any text; a bad row fails alone, with its own calls; an empty one before any call."""
    server.always(YES)
    server.on("bad", Reply(status=400))
    keys = ["\u2028 ö", "b[1]", "{c}", "", " ", "x" * 500]
    rows: dict[str, dict[str, Any]] = {key: {"text": f"text {number}"} for number, key in enumerate(keys)}
    rows["b[1]"] = {"text": "bad"}
    rows |= {"empty": {"text": ""}, "absent": {}, "list": {"text": ["a", "b"]}}
    results = await run_rows(label_program(model), rows)
    assert set(results) == set(rows)
    failed = {key: result.error for key, result in results.items() if result.status == "failed"}
    assert set(failed) == {"b[1]", "empty", "absent", "list"}
    assert "400" in failed["b[1]"]
    assert "empty" in failed["empty"]
    assert "2 texts" in failed["list"]
    good = results[keys[0]]
    assert good.output == {"label": "yes", "support": 1.0, "contested": False}
    assert good.spent.calls == 2
    assert sum(result.spent.calls for result in results.values()) == len(server.requests)


async def test_a_label_is_delivered_before_the_others_of_its_run_end(model: str, server: ModelServer) -> None:
    """A row that hangs holds up no other, and is the only one without a result in the end."""
    server.always(YES)
    server.on("hangs", Reply(hang=True))
    collected = Collected()
    program = label_program(model, limits={"grace": 0})
    async with ChunkWorker(Job(id="map", program=program)) as worker:

        async def deliver(results: Any) -> None:
            await collected.deliver(results)
            if len(collected.results) == 5:
                worker.drain()

        rows = {str(number): {"text": f"text {number}"} for number in range(5)} | {"h": {"text": "hangs"}}
        await worker.work(chunk_of(rows), deliver)
    assert set(collected.results) == set("01234")


async def test_chunks_are_labelled_in_the_same_runs(model: str, server: ModelServer) -> None:
    """Rows of small chunks make up a run together, and each goes back to its own chunk."""
    server.always(YES)
    rows = {str(number): {"text": f"text {number}"} for number in range(30)}
    collected = [Collected() for _ in range(10)]
    async with ChunkWorker(Job(id="map", program=label_program(model))) as worker:
        works = [
            worker.work(chunk, each.deliver)
            for chunk, each in zip(chunks_of(rows, 3), collected, strict=True)
        ]
        await asyncio.gather(*works)
    assert [len(each.results) for each in collected] == [3] * 10


@pytest.mark.parametrize("kind", ["voting", "labeling"])
async def test_a_budget_stops_rows_that_others_have_left_nothing_for(
    kind: str, model: str, server: ModelServer
) -> None:
    """No row is labelled by fewer voters than it has: it has no result, and is run again later."""
    server.always(YES)
    if kind == "voting":
        settings: dict[str, Any] = {"choices": ["yes", "no"], "voters": 2, "stop": "all_votes"}
        program = make_program("voting", settings=settings, model=model, limits={"budget_calls": 7})
    else:
        program = label_program(model, limits={"budget_calls": 7})
    rows = {str(number): {"text": f"item {number}", "question": "?"} for number in range(9)}
    collected = Collected()
    async with ChunkWorker(Job(id="map", program=program, spent_calls=1)) as worker:
        why = await worker.work(chunk_of(rows), collected.deliver)
    assert "budget of 7 calls" in why
    assert len(server.requests) == 6
    assert len(collected.results) <= 3
    assert {(r.status, r.spent.calls) for r in collected.results.values()} <= {("ok", 2)}


@pytest.mark.parametrize("kind", ["voting", "labeling"])
async def test_a_row_without_a_valid_vote_has_failed(
    kind: str, model: str, server: ModelServer, tmp_path: Path
) -> None:
    """An answer that is no choice is no vote; a row of such answers is run again by a redrive."""
    server.always(Reply(json={"choice": "perhaps"}))
    if kind == "voting":
        of_kind: Any = {"settings": {"choices": ["yes", "no"]}, "inputs": {"question": "text"}}
    else:
        of_kind = {"settings": {"labels": ["yes", "no"]}, "inputs": {"items": "text"}}
    sink, items = tmp_path / "out.sqlite", [{"text": f"text {number}"} for number in range(3)]
    report = await amap_items(kind, items, sink=sink, model=model, stop_after_errors=9, **of_kind)
    assert (report.ok, report.failed) == (0, 3)
    (cause,) = report.failures
    assert cause.startswith("no quorum, 0 of 3 votes were valid: ")
    server.always(YES)
    report = await amap_items(kind, items, sink=sink, model=model, redrive=True, **of_kind)
    assert (report.ok, report.failed) == (3, 0)


@pytest.mark.parametrize("kind", ["voting", "labeling"])
async def test_a_row_that_a_drain_has_cut_short_is_none(
    kind: str, model: str, server: ModelServer, tmp_path: Path
) -> None:
    """Voters that wait in line are not asked any more; the next command asks all of them."""
    gate, sink = Gate(opens_at=None), tmp_path / "out.sqlite"
    server.always(replace(YES, gate=gate))
    if kind == "voting":
        of_kind: Any = {"settings": {"choices": ["yes", "no"]}, "inputs": {"question": "text"}}
    else:
        of_kind = {"settings": {"labels": ["yes", "no"]}, "inputs": {"items": "text"}}
    of_kind["settings"] |= {"voters": 3, "stop": "all_votes"}
    items = [{"text": f"text {number}"} for number in range(5)]

    async def run() -> MapReport:
        return await amap_items(kind, items, sink=sink, model=model, limits={"concurrency": 1}, **of_kind)

    running = asyncio.create_task(run())
    await asyncio.to_thread(server.wait, lambda server: bool(server.requests))
    drain("it is enough")
    gate.open()
    report = await running
    assert (report.ok, report.failed, report.left) == (0, 0, 5)
    report = await run()
    assert (report.ok, report.kept, report.calls) == (5, 0, 15)


async def test_a_completion_policy_of_the_environment_ends_no_other_row(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends the fan-out of a single run early would drop rows here."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_COMPLETION", "min_success(1)")
    server.always(YES)
    rows = {str(number): {"text": f"text {number}"} for number in range(8)}
    assert len(await run_rows(label_program(model), rows)) == 8


async def test_a_budget_of_the_environment_is_one_of_the_whole_map(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run would else have it for itself."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_BUDGET_CALLS", "3")
    server.always(YES)
    program = make_program("voting", settings={"choices": ["yes", "no"], "voters": 1}, model=model)
    rows = {str(number): {"question": f"question {number}"} for number in range(8)}
    assert len(await run_rows(program, rows)) == 3


async def test_graphs_as_they_are_are_programs(model: str, server: ModelServer) -> None:
    """Objects of this process, with a checkpointer that rows do not use, and with keys of the caller's."""
    server.always(YES)
    server.on("section", Reply(text="said"))
    saver = InMemorySaver()
    vote = create_voting(voters=1, choices=["yes", "no"], checkpointer=saver, inputs={"question": "text"})
    results = await run_rows(make_program(vote, model=model), {"a": {"question": "?"}})
    assert results["a"].status == "ok", results["a"].error
    assert not saver.storage
    label = create_labeling(labels=["yes", "no"], voters=1, checkpointer=saver)
    results = await run_rows(make_program(label, model=model), {"a": {"items": "?"}, "b": {"items": "!"}})
    assert {result.output["label"] for result in results.values()} == {"yes"}
    assert not saver.storage
    parts = create_sectioning(planner=lambda given: [given["content"]], worker=lambda section: "done")
    results = await run_rows(make_program(parts), {"a": {"content": "x"}})
    assert results["a"].status in ("ok", "failed")


async def test_what_rows_without_a_result_have_spent_is_not_lost(model: str, server: ModelServer) -> None:
    """It counts as reserved, since no result tells of it."""
    server.always(YES)
    settings: dict[str, Any] = {"choices": ["yes", "no"], "voters": 2, "stop": "all_votes"}
    limits = {"budget_usd": 1.0, "budget_calls": 3, "price_input": 1.0, "price_output": 1.0}
    program = make_program("voting", settings=settings, model=model, limits=limits)
    collected = Collected()
    async with ChunkWorker(Job(id="map", program=program, spent=0.25)) as worker:
        assert worker.reserved == Amount()
        rows = {str(number): {"question": f"question {number}"} for number in range(3)}
        await worker.work(chunk_of(rows), collected.deliver)
        told = sum(result.spent.usd or 0.0 for result in collected.results.values())
        assert len(server.requests) == 3
        assert told + worker.reserved.usd == pytest.approx(3 * 15e-6)
        assert worker.reserved.usd > 0
        calls = sum(result.spent.calls for result in collected.results.values())
        assert calls + worker.reserved.calls == 3
        assert worker.reserved.tokens > 0
