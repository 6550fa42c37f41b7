"""Many calls, and an endpoint that limits, fails, hangs and breaks: what is promised of a run."""

import asyncio
import gc
import zlib
from collections import Counter
from collections.abc import Callable

import pytest

from langgraph_parallel import Context, Limits
from tests.support.fans import GIVEN, YES, flat, nested
from tests.support.server import Gate, ModelServer, Reply, Request

QUICK = Limits(backoff=0.001)


async def test_the_ceiling_holds_over_all_levels(model: str, server: ModelServer) -> None:
    """10 sections x 5 voters with a ceiling of 8: never more than 8 in flight, and all 50 finish."""
    server.always(Reply(json=YES, delay=0.01))
    out = await nested(10, 5, model, limits=Limits(concurrency=8)).ainvoke(GIVEN)
    assert out["report"].branches == {"ok": 50}
    assert server.most_in_flight == 8


async def test_the_ceiling_holds_over_runs_side_by_side(model: str, server: ModelServer) -> None:
    """Two graphs that run at the same time share the endpoint's ceiling."""
    server.always(Reply(json=YES, delay=0.01))
    graphs = [nested(10, 5, model, limits=Limits(concurrency=8)) for _ in range(2)]
    outs = await asyncio.gather(*(graph.ainvoke(GIVEN) for graph in graphs))
    assert [out["report"].branches for out in outs] == [{"ok": 50}] * 2
    assert server.most_in_flight == 8


async def test_a_limit_that_nobody_told_is_kept_after_the_first_refusals(
    model: str, server: ModelServer
) -> None:
    """The endpoint lets 50 requests through in any second: all calls succeed, and few more are refused."""
    server.limit(50, retry_after="1")
    out = await flat(130, model, limits=Limits(concurrency=130)).ainvoke(GIVEN)
    assert out["report"].branches == {"ok": 130}
    first = min(request.started for request in server.requests)
    late = [r for r in server.requests if r.status == 429 and r.started - first > 1]
    assert len(late) <= 0.03 * len(server.requests)
    assert sum(request.status == 429 for request in server.requests) > 0
    assert len([request for request in server.requests if request.status == 200]) == 130


async def test_a_limit_that_is_told_is_never_reached(model: str, server: ModelServer) -> None:
    """No request at all is refused."""
    server.limit(50, retry_after="1")
    limits = Limits(concurrency=100, requests_per_minute=3000)
    out = await flat(100, model, limits=limits).ainvoke(GIVEN)
    assert out["report"].branches == {"ok": 100}
    assert out["report"].throttled_share == 0
    assert len(server.requests) == 100


async def test_a_thousand_calls_through_faults_all_end_as_data(model: str, server: ModelServer) -> None:
    """5% of answers 500, 1% hang, 1% disconnect, 1% malformed: none is lost, none is counted twice."""
    came: Counter[str] = Counter()

    def lot(low: int, high: int) -> Callable[[Request], bool]:
        """Whether the lot of a prompt's nth request is in a range of percents."""
        return lambda request: (
            low <= zlib.crc32(f"{request.prompt}{came[request.prompt]}".encode()) % 100 < high
        )

    def noted(request: Request) -> bool:
        came[request.prompt] += 1
        return False

    server.on(lot(0, 5), Reply(status=500))
    server.on(lot(5, 6), Reply(hang=True))
    server.on(lot(6, 7), Reply(disconnect=True))
    server.on(lot(7, 8), Reply(malformed=True))
    server.on(noted, Reply())  # the last rule is asked first
    limits = Limits(backoff=0.001, call_timeout=2.0, attempts=6, concurrency=200)
    out = await flat(1000, model, limits=limits).ainvoke(GIVEN)
    report = out["report"]
    assert report.branches == {"ok": 1000}
    assert len({branch.id for branch in out["branches"].values()}) == 1000
    ok = [request.prompt for request in server.requests if request.status == 200]
    failed = [call for call in report.calls if not call.ok]
    assert len(report.calls) == len(server.requests) == 1000 + len(failed)
    assert report.retries == len(failed)
    assert 40 < len(failed) < 140
    assert set(ok) == {request.prompt for request in server.requests}


async def test_dead_branches_take_nobody_along(model: str, server: ModelServer) -> None:
    """2% of the branches fail for ever; the other 98% are delivered."""
    server.on(lambda r: "Number 7:" in r.prompt or "Number 42:" in r.prompt, Reply(status=500))
    out = await flat(100, model, limits=QUICK).ainvoke(GIVEN)
    assert out["report"].branches == {"failed": 2, "ok": 98}
    assert sorted(out["report"].failures) == ["sectioning[42]", "sectioning[7]"]


async def test_who_is_cancelled_closes_all_connections(model: str, server: ModelServer) -> None:
    """Cancelling the outer task closes every connection within a second, and leaves no task behind."""
    server.always(Reply(hang=True))
    before = asyncio.all_tasks()
    running = asyncio.ensure_future(nested(4, 3, model).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 12)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0, 1.0)
    gc.collect()
    assert asyncio.all_tasks() - before == set()


async def test_a_stream_that_is_left_in_the_middle_is_closed(model: str, server: ModelServer) -> None:
    """Breaking out of `astream` while calls are on their way closes their connections within a second."""
    gate = Gate()
    server.always(Reply(hang=True))
    server.on("Number 0:", Reply(json=YES, gate=gate))
    graph = nested(4, 3, model)
    before = asyncio.all_tasks()

    async def leave() -> None:
        async for _, event in graph.astream(GIVEN, stream_mode="custom", subgraphs=True):
            if event["event"] == "finished":
                break

    leaving = asyncio.ensure_future(leave())
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 12)
    gate.open()
    await leaving
    gc.collect()
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0, 1.0)
    assert server.cut_off >= 9
    await asyncio.sleep(0.05)
    assert not [task for task in asyncio.all_tasks() - before if not task.done()]


async def test_a_limit_of_one_run_is_not_that_of_another(model: str, server: ModelServer) -> None:
    """The context of a run sets its limits, at every level, and no other run's."""
    server.always(Reply(status=500))
    graph = nested(1, 2, model, limits=QUICK)
    out = await graph.ainvoke(GIVEN, context=Context(limits=Limits(attempts=1)))
    assert len(server.requests) == 2
    assert out["report"].branches == {"failed": 2}
    await graph.ainvoke(GIVEN)
    assert len(server.requests) == 2 + 2 * 4
