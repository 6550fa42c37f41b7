"""Hedging: a second request for a straggler; the first answer wins, and both are paid for."""

import asyncio
from collections import Counter

import pytest

from langgraph_parallel import Ask, Limits
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.limiter_registry import get_limiter
from langgraph_parallel.runtime.recording import recording
from langgraph_parallel.runtime.stragglers import Stragglers
from tests.support.clock import Clock, until
from tests.support.fans import GIVEN, YES, flat, nested
from tests.support.server import Gate, ModelServer, Reply, Request


@pytest.fixture
def limiter(model: str, server: ModelServer) -> Limiter:
    """Return the limiter of the test model."""
    return get_limiter(f"{server.url}/", "test-model")


def straggling(server: ModelServer, *numbers: int) -> None:
    """Let the first request of each of some sections hang."""
    attempts: Counter[str] = Counter()

    def is_straggler(request: Request) -> bool:
        attempts[request.prompt] += 1
        late = any(f"Number {number}:" in request.prompt for number in numbers)
        return late and attempts[request.prompt] == 1

    server.on(is_straggler, Reply(hang=True))


async def test_the_first_answer_wins_and_the_other_connection_is_closed(
    model: str, server: ModelServer
) -> None:
    """95 of 100 are answered; the five that hang are sent a second time, and cut off."""
    straggling(server, 3, 14, 25, 66, 97)
    server.on("x", Reply(usage=(30, 5)))
    straggling(server, 3, 14, 25, 66, 97)
    out = await flat(100, model, limits=Limits(hedge="p95", concurrency=100)).ainvoke(GIVEN)
    report = out["run_report"]
    assert report.branches == {"ok": 100}
    await asyncio.to_thread(server.wait, lambda s: s.cut_off == 5)
    assert len(server.requests) == 105
    assert report.hedges == 5
    assert len(report.calls) == 105
    assert report.usage.input_tokens == 105 * 30
    assert report.wasted == Usage(input_tokens=150, output_tokens=25)
    assert report.retries == 0


async def test_a_fixed_time_works_from_the_first_call(model: str, server: ModelServer, clock: Clock) -> None:
    """It needs no other calls to compare with."""
    server.on("hello", Reply(hang=True), times=1)
    limits = Limits(hedge=100.0, hedge_share=1.0)
    with recording() as calls:
        running = asyncio.ensure_future(Ask("{text}", model=model, limits=limits).ainvoke("hello"))
        await until(lambda: server.hanging == 1)
        clock.advance(100)
        assert await running == "ok"
    assert sorted((call.ok, call.hedge) for call in calls.values()) == [(False, False), (True, True)]


async def test_no_more_than_their_share_of_requests_are_hedges(
    model: str, server: ModelServer, limiter: Limiter, clock: Clock
) -> None:
    """If everything is slow, hedging does not double it."""
    straggling(server, *range(40, 60))
    limits = Limits(hedge=100.0, hedge_share=0.1, call_timeout=400, attempts=2, backoff=0)
    running = asyncio.ensure_future(flat(60, model, limits=limits).ainvoke(GIVEN))
    await until(lambda: limiter.in_flight == server.hanging == 20)
    clock.advance(100)
    await until(lambda: limiter.in_flight == server.hanging == 14)  # six hedges have been answered
    clock.advance(300)
    out = await running
    assert out["run_report"].branches == {"ok": 60}
    assert out["run_report"].hedges == 6


async def test_a_hedge_takes_no_slot_from_other_calls(
    model: str, server: ModelServer, limiter: Limiter, clock: Clock
) -> None:
    """It does not wait: without a free slot there is no hedge."""
    straggling(server, 0)
    limits = Limits(hedge=100.0, hedge_share=1.0, concurrency=1, call_timeout=400, backoff=0)
    running = asyncio.ensure_future(flat(2, model, limits=limits).ainvoke(GIVEN))
    await expire_the_straggler(clock, server, limiter)
    out = await running
    assert (out["run_report"].hedges, server.most_in_flight) == (0, 1)


async def test_a_hedge_takes_no_budget_from_other_calls(
    model: str, server: ModelServer, limiter: Limiter, clock: Clock
) -> None:
    """If nothing is left to spend, there is no hedge."""
    straggling(server, 0)
    limits = Limits(hedge=100.0, hedge_share=1.0, budget_calls=2, call_timeout=400, attempts=1)
    running = asyncio.ensure_future(flat(2, model, limits=limits).ainvoke(GIVEN))
    await expire_the_straggler(clock, server, limiter)
    await running
    assert len(server.requests) == 2


async def expire_the_straggler(clock: Clock, server: ModelServer, limiter: Limiter) -> None:
    """Put the clock forward to the hedge of the one request that hangs, and then to its timeout."""
    await until(lambda: limiter.in_flight == server.hanging == 1)
    clock.advance(100)
    await asyncio.sleep(0.05)  # a hedge that should not be sent would be sent now
    clock.advance(300)


async def test_if_the_first_request_fails_after_all_the_second_counts(
    model: str, server: ModelServer, limiter: Limiter, clock: Clock
) -> None:
    """One answer is enough; without any it is one failed attempt."""
    fails, answers = Gate(), Gate()
    limits = Limits(hedge=100.0, hedge_share=1.0, attempts=1)
    server.always(Reply(text="late", gate=answers))
    server.on("hello", Reply(status=500, gate=fails), times=1)
    running = asyncio.ensure_future(Ask("{text}", model=model, limits=limits).ainvoke("hello"))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 1)
    clock.advance(100)
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    fails.open()
    await until(lambda: limiter.in_flight == 1)
    answers.open()
    assert await running == "late"
    server.always(Reply(status=500))
    with pytest.raises(Exception, match="500"):
        await Ask("{text}", model=model, limits=limits).ainvoke("hello")


async def test_it_is_off_by_default(model: str, server: ModelServer) -> None:
    """A call is paid for twice only if the user asks for it."""
    server.always(Reply(json=YES, delay=0.02))
    server.on("voter 1 ", Reply(json=YES, delay=0.4))
    out = await nested(10, 5, model).ainvoke(GIVEN)
    assert (out["run_report"].hedges, len(server.requests)) == (0, 50)


async def test_a_cancelled_call_takes_both_requests_along(model: str, server: ModelServer) -> None:
    """No connection stays open."""
    server.always(Reply(hang=True))
    ask = Ask("{text}", model=model, limits=Limits(hedge=0.05, hedge_share=1.0))
    running = asyncio.ensure_future(ask.ainvoke("hello"))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)


async def test_the_quantile_is_that_of_launched_calls() -> None:
    """With 18 of 20 launched calls finished none is late yet; with 19 the last one is."""
    stragglers = Stragglers()
    calls = [stragglers.watch() for _ in range(20)]
    for call in calls[:18]:
        stragglers.finished(call, answered=True)
    assert stragglers.threshold() is None
    stragglers.finished(calls[18], answered=True)
    assert stragglers.threshold() is not None
    await asyncio.wait_for(calls[19].waiter.wait(), 60)


async def test_durations_of_failed_calls_do_not_count() -> None:
    """A refusal that comes at once would make every other call look late."""
    stragglers = Stragglers()
    for _ in range(100):
        stragglers.finished(stragglers.watch(), answered=False)
    assert stragglers.threshold() is None
