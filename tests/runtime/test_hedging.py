"""Hedging: a second request for a straggler, the first answer wins, both are paid for."""

import asyncio
from collections import Counter

import pytest

from langgraph_parallel import Ask, Limits
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.recording import recording
from langgraph_parallel.runtime.stragglers import Stragglers
from tests.support.fans import GIVEN, YES, flat, nested
from tests.support.server import ModelServer, Reply, Request


def straggling(server: ModelServer, *numbers: int) -> None:
    """Have the first request of some sections hang, and only that."""
    came: Counter[str] = Counter()

    def is_straggler(request: Request) -> bool:
        came[request.prompt] += 1
        late = any(f"Number {number}:" in request.prompt for number in numbers)
        return late and came[request.prompt] == 1

    server.on(is_straggler, Reply(hang=True))


async def test_the_first_answer_wins_and_the_other_connection_is_closed(
    model: str, server: ModelServer
) -> None:
    """95 of 100 have answered; the five that hang are asked a second time, and cut off."""
    straggling(server, 3, 14, 25, 66, 97)
    server.on("x", Reply(usage=(30, 5)))
    straggling(server, 3, 14, 25, 66, 97)
    out = await flat(100, model, limits=Limits(hedge="p95", concurrency=100)).ainvoke(GIVEN)
    report = out["report"]
    assert report.branches == {"ok": 100}
    await asyncio.to_thread(server.wait, lambda s: s.cut_off == 5, 1.0)
    assert len(server.requests) == 105
    assert report.hedges == 5
    assert len(report.calls) == 105
    assert report.usage.input_tokens == 105 * 30
    assert report.wasted == Usage(input_tokens=150, output_tokens=25)
    assert report.retries == 0


async def test_a_fixed_time_works_from_the_first_call(model: str, server: ModelServer) -> None:
    """Without anything to compare with."""
    server.on("hello", Reply(hang=True), times=1)
    limits = Limits(hedge=0.1, hedge_share=1.0)
    with recording() as calls:
        assert await Ask("{text}", model=model, limits=limits).ainvoke("hello") == "ok"
    assert sorted((call.ok, call.hedge) for call in calls.values()) == [(False, False), (True, True)]


async def test_no_more_than_their_share_of_requests_are_hedges(model: str, server: ModelServer) -> None:
    """When everything is slow, hedging does not double it."""
    straggling(server, *range(40, 60))
    limits = Limits(hedge=0.15, hedge_share=0.1, call_timeout=1.5, attempts=2, backoff=0)
    out = await flat(60, model, limits=limits).ainvoke(GIVEN)
    assert out["report"].branches == {"ok": 60}
    assert 1 <= out["report"].hedges <= 6


async def test_a_hedge_takes_no_slot_and_no_budget_from_others(model: str, server: ModelServer) -> None:
    """It waits for nobody: where there is no room, or nothing left to spend, there is none."""
    straggling(server, 0)
    limits = Limits(hedge=0.05, hedge_share=1.0, concurrency=1, call_timeout=0.3, backoff=0)
    out = await flat(2, model, limits=limits).ainvoke(GIVEN)
    assert (out["report"].hedges, server.most_in_flight) == (0, 1)
    server.requests.clear()
    straggling(server, 0)
    limits = Limits(hedge=0.05, hedge_share=1.0, budget_calls=2, call_timeout=0.3, attempts=1)
    out = await flat(2, model, limits=limits).ainvoke(GIVEN)
    assert len(server.requests) == 2


async def test_when_the_first_request_fails_after_all_the_second_counts(
    model: str, server: ModelServer
) -> None:
    """And the other way round: one answer is enough, and if there is none it is one failed attempt."""
    server.on("hello", Reply(status=500, delay=0.15), times=1)
    limits = Limits(hedge=0.05, hedge_share=1.0, attempts=1)
    server.always(Reply(text="late", delay=0.3))
    server.on("hello", Reply(status=500, delay=0.15), times=1)
    assert await Ask("{text}", model=model, limits=limits).ainvoke("hello") == "late"
    server.always(Reply(status=500, delay=0.1))
    with pytest.raises(Exception, match="500"):
        await Ask("{text}", model=model, limits=limits).ainvoke("hello")


async def test_it_is_off_by_default(model: str, server: ModelServer) -> None:
    """Nobody pays twice without having asked for it."""
    server.always(Reply(json=YES, delay=0.02))
    server.on("voter 1 ", Reply(json=YES, delay=0.4))
    out = await nested(10, 5, model).ainvoke(GIVEN)
    assert (out["report"].hedges, len(server.requests)) == (0, 50)


async def test_a_cancelled_call_takes_both_requests_along(model: str, server: ModelServer) -> None:
    """No connection is left open."""
    server.always(Reply(hang=True))
    ask = Ask("{text}", model=model, limits=Limits(hedge=0.05, hedge_share=1.0))
    running = asyncio.ensure_future(ask.ainvoke("hello"))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0, 1.0)


async def test_the_quantile_is_that_of_launched_calls() -> None:
    """With twenty launched and eighteen finished nothing is late yet; with nineteen the last one is."""
    stragglers = Stragglers()
    calls = [stragglers.watch() for _ in range(20)]
    for call in calls[:18]:
        stragglers.finished(call, answered=True)
    assert stragglers.threshold() is None
    stragglers.finished(calls[18], answered=True)
    assert stragglers.threshold() is not None
    await asyncio.wait_for(calls[19].waiter.told(), 5)


async def test_calls_that_fail_say_nothing_of_how_long_calls_take() -> None:
    """A refusal that comes at once would make every other call look late."""
    stragglers = Stragglers()
    for _ in range(100):
        stragglers.finished(stragglers.watch(), answered=False)
    assert stragglers.threshold() is None
