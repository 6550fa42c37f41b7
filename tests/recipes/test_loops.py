"""Graphs under uvloop, in sync code, and in both at the same time: streams, cancels, timeouts, ceilings."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import aclosing, closing
from typing import Any, cast

import pytest
import uvloop

from langgraph_parallel import Ask, create_sectioning, create_voting, events, split
from tests.support.server import Gate, ModelServer, Reply

TEXT = "\n".join(f"# Part {number}\nText {number}." for number in range(4))
GIVEN = {"content": TEXT}
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine in a new loop of each kind."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else None

    def in_loop(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=factory) as runner:
            result = runner.run(coroutine)
            assert type(runner.get_loop()).__module__.split(".")[0] == request.param
            return result

    return in_loop


@pytest.fixture
def graph(model: str) -> Any:
    """A graph that asks a model four times."""
    return create_sectioning(planner=split.by_heading(), worker=Ask("{content}", model=model))


def test_a_graph_runs_in_one_loop_after_the_other(run: Run, graph: Any, server: ModelServer) -> None:
    """Nothing that belongs to a loop is left of the one before."""
    server.always(Reply(text="done"))
    for _ in range(2):
        assert run(graph.ainvoke(GIVEN))["run_report"].branches == {"ok": 4}
    server.wait(lambda s: s.in_flight == 0)


def test_events_come_while_calls_are_in_flight(run: Run, graph: Any, server: ModelServer) -> None:
    """The first branches have ended, as the stream says, before the last one is answered."""
    gate = Gate()
    server.always(Reply(text="done"))
    server.on("Text 3", Reply(text="done", gate=gate))

    async def watch() -> list[str]:
        ended = []
        async for event in events(graph, GIVEN):
            if event.event == "ended" and event.kind == "section":
                ended.append(event.name)
                if len(ended) == 3:
                    gate.open()
        return ended

    ended = run(watch())
    assert len(ended) == 4
    assert "Part 3" in ended[-1]


def test_a_cancelled_run_closes_its_connections(run: Run, graph: Any, server: ModelServer) -> None:
    """And gives its slots back: the next run in the loop has them."""
    server.always(Reply(hang=True))

    async def cancel() -> Any:
        task = asyncio.ensure_future(graph.ainvoke(GIVEN, context={"limits": {"concurrency": 4}}))
        await asyncio.to_thread(server.wait, lambda s: s.hanging == 4)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)
        server.always(Reply(text="done"))
        return await graph.ainvoke(GIVEN, context={"limits": {"concurrency": 4}})

    assert run(cancel())["run_report"].branches == {"ok": 4}
    assert server.cut_off == 4


def test_a_stream_that_is_left_closes_its_connections(run: Run, graph: Any, server: ModelServer) -> None:
    """Whoever watched has gone away."""
    server.always(Reply(hang=True))

    async def leave() -> None:
        async with aclosing(cast("Any", events(graph, GIVEN))) as told:
            async for event in told:
                if event.event == "calling":
                    break
        await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)

    run(leave())


def test_a_call_has_a_timeout_and_a_run_a_deadline(run: Run, graph: Any, server: ModelServer) -> None:
    """Timers of both loops end what hangs."""
    server.always(Reply(hang=True))
    for limits in ({"call_timeout": 1.0, "attempts": 1}, {"deadline": 1.0}):
        report = run(graph.ainvoke(GIVEN, context={"limits": limits}))["run_report"]
        assert report.branches == {"timed_out": 4}
    server.wait(lambda s: s.in_flight == 0)


def test_sync_code_runs_inside_of_a_running_loop(run: Run, graph: Any, server: ModelServer) -> None:
    """As in a cell of a notebook: `invoke`, `stream` and `batch`, whatever the loop is."""
    server.always(Reply(text="done"))

    async def cell() -> list[Any]:
        streamed = list(graph.stream(GIVEN, stream_mode="updates"))
        return [graph.invoke(GIVEN), streamed, graph.batch([GIVEN, GIVEN])]

    whole, streamed, batch = run(cell())
    assert whole["run_report"].branches == {"ok": 4}
    assert [next(iter(update)) for update in streamed].count("worker") == 4
    assert [out["run_report"].branches for out in batch] == [{"ok": 4}] * 2


def test_sync_code_is_as_parallel_as_async_code(graph: Any, server: ModelServer) -> None:
    """All calls are in flight at the same time; none is answered before."""
    server.always(Reply(text="done", gate=Gate(opens_at=4)))
    assert graph.invoke(GIVEN)["run_report"].branches == {"ok": 4}
    assert server.most_in_flight == 4


def test_a_sync_stream_that_is_closed_ends_its_run(graph: Any, server: ModelServer) -> None:
    """No connection and no thread is left."""
    server.always(Reply(text="done"))
    server.on("Text 3", Reply(hang=True))
    before = threading.active_count()
    with closing(graph.stream(GIVEN, stream_mode="updates")) as stream:
        for update in stream:
            if "worker" in update:
                break
    server.wait(lambda s: s.in_flight == 0)
    assert threading.active_count() <= before


def test_loops_of_several_kinds_share_one_ceiling(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads with uvloop, with asyncio, and with sync code, in one process."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CONCURRENCY", "3")
    server.always(Reply(json={"rationale": "", "choice": "yes", "confidence": None}, delay=0.02))
    vote = create_voting(model=model, choices=["yes", "no"], voters=5, stop="all_votes")
    given, results = {"question": "?"}, []

    def with_uvloop() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            results.append(runner.run(vote.ainvoke(given)))

    ways = [with_uvloop, lambda: results.append(asyncio.run(vote.ainvoke(given)))]
    ways.append(lambda: results.append(vote.invoke(given)))
    threads = [threading.Thread(target=way) for way in ways * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [out["verdict"].cast for out in results] == [5] * 6
    assert server.most_in_flight <= 3
