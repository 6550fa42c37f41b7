"""Many calls to an endpoint that limits, fails, hangs and disconnects."""

import asyncio
import gc
import socket
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from langgraph_parallel import Ask, Context, Limits
from langgraph_parallel.limiting import Limiter
from langgraph_parallel.runtime.limiter_registry import get_limiter
from langgraph_parallel.runtime.recording import recording
from tests.support.clock import Clock, play, until
from tests.support.fans import GIVEN, YES, flat, nested
from tests.support.server import Gate, ModelServer, Reply, Request

QUICK = Limits(backoff=0.001)


def limiter_of(server: ModelServer) -> Limiter:
    """Return the limiter of the test model."""
    return get_limiter(f"{server.url}/", "test-model")


async def test_the_ceiling_holds_over_all_levels(model: str, server: ModelServer) -> None:
    """10 sections x 5 voters with a ceiling of 8: never more than 8 in flight, and all 50 finish."""
    server.always(Reply(json=YES, delay=0.01, gate=Gate(opens_at=8)))
    out = await nested(10, 5, model, limits=Limits(concurrency=8)).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 50}
    assert server.most_in_flight == 8


async def test_the_ceiling_holds_over_runs_side_by_side(model: str, server: ModelServer) -> None:
    """Two graphs that run at the same time share the endpoint's ceiling."""
    server.always(Reply(json=YES, delay=0.01, gate=Gate(opens_at=8)))
    graphs = [nested(10, 5, model, limits=Limits(concurrency=8)) for _ in range(2)]
    outs = await asyncio.gather(*(graph.ainvoke(GIVEN) for graph in graphs))
    assert [out["run_report"].branches for out in outs] == [{"ok": 50}] * 2
    assert server.most_in_flight == 8


async def run_settled(clock: Clock, server: ModelServer, limits: Limits, calls: int, model: str) -> Any:
    """Run a fan-out on a clock that stands still while a request is in flight.

    So each request reaches the server at the time at which the limiter let it leave, on a slow machine too.
    """
    limiter = limiter_of(server)
    running = asyncio.ensure_future(flat(calls, model, limits=limits).ainvoke(GIVEN))
    return await play(clock, running, lambda: limiter.in_flight == 0)


async def test_an_unknown_limit_is_kept_after_the_first_refusals(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """The endpoint lets 50 requests through in any second: all calls succeed, and few more are refused."""
    server.limit(50, retry_after="1")
    out = await run_settled(clock, server, Limits(concurrency=130), 130, model)
    assert out["run_report"].branches == {"ok": 130}
    first = min(request.started for request in server.requests)
    late = [r for r in server.requests if r.status == 429 and r.started - first > 1]
    assert len(late) <= 0.03 * len(server.requests)
    assert sum(request.status == 429 for request in server.requests) > 0
    assert len([request for request in server.requests if request.status == 200]) == 130


async def test_a_limit_that_the_user_sets_is_never_reached(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """No request is refused."""
    server.limit(50, retry_after="1")
    limits = Limits(concurrency=100, requests_per_minute=3000)
    out = await run_settled(clock, server, limits, 100, model)
    assert out["run_report"].branches == {"ok": 100}
    assert out["run_report"].throttled_share == 0
    assert len(server.requests) == 100


async def test_a_thousand_calls_through_faults_all_end_as_data(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """5% of answers 500, 1% hang, 1% disconnect, 1% malformed: none is lost, none is counted twice."""
    attempts: Counter[str] = Counter()
    hung = expired = 0

    def draws(low: int, high: int) -> Callable[[Request], bool]:
        """Match requests whose prompt and attempt hash to a range of percents."""
        return lambda request: (
            low <= zlib.crc32(f"{request.prompt}{attempts[request.prompt]}".encode()) % 100 < high
        )

    def count(request: Request) -> bool:
        attempts[request.prompt] += 1
        return False

    def hangs(request: Request) -> bool:
        nonlocal hung
        is_drawn = draws(5, 6)(request)
        hung += is_drawn
        return is_drawn

    server.on(draws(0, 5), Reply(status=500))
    server.on(hangs, Reply(hang=True))
    server.on(draws(6, 7), Reply(disconnect=True))
    server.on(draws(7, 8), Reply(malformed=True))
    server.on(count, Reply())  # the last rule is asked first
    limits = Limits(backoff=0.001, call_timeout=500, attempts=6, concurrency=200)
    limiter = limiter_of(server)
    running = asyncio.ensure_future(flat(1000, model, limits=limits).ainvoke(GIVEN))
    while not running.done():
        # The report counts calls as the client makes them, the server as it receives them. Here they agree,
        # because none times out on its way: see `test_a_call_that_times_out_on_its_way_is_a_call`.
        if 0 < limiter.in_flight == hung - expired:
            expired = hung
            clock.advance(500)
        await asyncio.sleep(0)
    out = await running
    report = out["run_report"]
    assert (report.branches, report.failures) == ({"ok": 1000}, {})
    assert len({branch.id for branch in out["branches"].values()}) == 1000
    ok = [request.prompt for request in server.requests if request.status == 200]
    failed = [call for call in report.calls if not call.ok]
    assert len(report.calls) == len(server.requests) == 1000 + len(failed)
    assert report.retries == len(failed)
    assert 40 < len(failed) < 140
    assert set(ok) == {request.prompt for request in server.requests}


@contextmanager
def deaf_endpoint() -> Iterator[str]:
    """Open a port that connects and never reads; yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


async def test_a_call_that_times_out_on_its_way_is_a_call(
    model: str, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """The timeout covers the way to the endpoint, which then never counted what the report counts.

    The client cannot tell whether a request arrived. So the report is an upper bound of what the endpoint
    counted, and the prompt counts as used: a budget that forgot such calls would be exceeded.
    """
    limits = Limits(call_timeout=300, attempts=2, backoff=0)
    with deaf_endpoint() as url, recording() as calls:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        limiter = get_limiter(f"{url}/", "test-model")
        running = asyncio.ensure_future(Ask("{text}", model=model, limits=limits).ainvoke("hello"))
        for ended in range(2):
            await until(partial(_is_in_flight, calls, ended, limiter))
            clock.advance(300)
        with pytest.raises(TimeoutError, match="no answer from test-model within"):
            await running
    assert [(call.ok, call.usage.output_tokens) for call in calls.values()] == [(False, 0)] * 2
    assert all(call.usage.input_tokens > 0 for call in calls.values())


def _is_in_flight(calls: Sized, ended: int, limiter: Limiter) -> bool:
    return len(calls) == ended and limiter.in_flight == 1


async def test_branches_that_fail_do_not_affect_the_others(model: str, server: ModelServer) -> None:
    """2% of the branches always fail; the other 98% succeed."""
    server.on(lambda r: "Number 7:" in r.prompt or "Number 42:" in r.prompt, Reply(status=500))
    out = await flat(100, model, limits=QUICK).ainvoke(GIVEN)
    assert out["run_report"].branches == {"failed": 2, "ok": 98}
    assert sorted(out["run_report"].failures) == ["sectioning[42]", "sectioning[7]"]


async def test_a_cancelled_run_closes_all_connections(model: str, server: ModelServer) -> None:
    """Cancelling the outer task closes every connection, and leaves no task behind."""
    server.always(Reply(hang=True))
    gc.collect()  # what an earlier test has left is closed in a task
    before = asyncio.all_tasks()
    running = asyncio.ensure_future(nested(4, 3, model).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 12)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)
    gc.collect()
    assert asyncio.all_tasks() - before == set()


async def test_a_stream_that_is_abandoned_is_closed(model: str, server: ModelServer) -> None:
    """Breaking out of `astream` closes the connections of requests in flight."""
    gate = Gate()
    server.always(Reply(hang=True))
    server.on("Number 0:", Reply(json=YES, gate=gate))
    graph = nested(4, 3, model)
    before = asyncio.all_tasks()

    async def leave() -> None:
        async for _, event in graph.astream(GIVEN, stream_mode="custom", subgraphs=True):
            if event["event"] == "ended":
                break

    leaving = asyncio.ensure_future(leave())
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 12)
    gate.open()
    await leaving
    gc.collect()
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)
    assert server.cut_off >= 9
    await until(lambda: not [task for task in asyncio.all_tasks() - before if not task.done()])


async def test_a_limit_of_one_run_is_not_that_of_another(model: str, server: ModelServer) -> None:
    """The context of a run sets its limits at every level, and those of no other run."""
    server.always(Reply(status=500))
    graph = nested(1, 2, model, limits=QUICK)
    out = await graph.ainvoke(GIVEN, context=Context(limits=Limits(attempts=1)))
    assert len(server.requests) == 2
    assert out["run_report"].branches == {"failed": 2}
    await graph.ainvoke(GIVEN)
    assert len(server.requests) == 2 + 2 * 4
