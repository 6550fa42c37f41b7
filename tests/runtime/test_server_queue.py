"""Lines at an endpoint: a server that works on few requests at a time is not one that hangs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web

from langgraph_parallel import Ask, Limits, create_voting
from langgraph_parallel.runtime.limiter_registry import get_limiter, reset_limits
from langgraph_parallel.runtime.pace import Launch
from langgraph_parallel.runtime.server_queue import ServerQueue
from tests.support.clock import Clock, play, until
from tests.support.server import ModelServer, Reply


def launched(when: float, ahead: int) -> Launch:
    """Return a request that left at a time, with some in flight before it."""
    launch = Launch(when)
    launch.ahead = ahead
    return launch


def test_a_request_in_a_line_has_time_until_the_line_stops() -> None:
    """Six left at once, and one is answered each second: the last one waits past its limit of 3 s."""
    queue, line = ServerQueue(), [launched(0, place) for place in range(6)]
    for place in range(3):
        queue.answered(line[place], place + 1.0)
    assert queue.seconds_left(line[5], 3.0, 3.0) == 3.0
    assert queue.seconds_left(line[5], 6.5, 3.0) == 0.0


def test_a_request_that_later_ones_have_overtaken_is_in_no_line() -> None:
    """It hangs, and its time is over when it is over."""
    queue = ServerQueue()
    queue.answered(launched(2.0, 1), 2.5)
    assert queue.seconds_left(launched(0, 0), 3.0, 3.0) == 0.0


def test_without_any_answer_there_is_no_line() -> None:
    """Nor with answers from before the request left."""
    queue = ServerQueue()
    assert queue.seconds_left(launched(0, 0), 3.0, 3.0) == 0.0
    queue.answered(launched(0, 0), 0.5)
    assert queue.seconds_left(launched(1, 0), 4.0, 3.0) == 0.0


@pytest.mark.parametrize(
    ("waits", "is_serial"),
    [
        ([], False),
        ([(0, 1.0)], False),
        ([(place, place + 1.0) for place in range(8)], True),
        ([(place, 1.0) for place in range(8)], False),
        ([(5, 6.0), (5, 6.1), (5, 5.9)], False),
    ],
    ids=["nothing known", "one alone", "one after another", "all at once", "always as many"],
)
def test_answers_one_after_another_are_told_from_answers_at_once(
    waits: list[tuple[int, float]], is_serial: bool
) -> None:
    """Where the line is longer the answer takes longer, in proportion."""
    queue = ServerQueue()
    for ahead, seconds in waits:
        queue.answered(launched(0, ahead), seconds)
    assert queue.is_serial is is_serial


@dataclass
class OneSlot:
    """A server that answers one request after another."""

    url: str = ""
    requests: int = 0
    in_line: int = 0
    """Requests that wait, or are worked on."""


@asynccontextmanager
async def one_slot(monkeypatch: pytest.MonkeyPatch, seconds: float) -> AsyncIterator[OneSlot]:
    """Run a server that answers one request after another, each after some seconds; yield it."""
    slot, server = asyncio.Semaphore(1), OneSlot()

    async def answer(request: web.Request) -> web.Response:
        server.requests += 1
        server.in_line += 1
        try:
            async with slot:
                await asyncio.sleep(seconds)
        finally:
            server.in_line -= 1
        message = {"role": "assistant", "content": json.dumps({"choice": "yes"})}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return web.json_response({"id": "c", "choices": [choice], "model": "one-slot"})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    reset_limits()
    try:
        yield server
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("hedge", ["off", 0.3])
async def test_votes_at_a_server_with_one_slot_are_all_answered(
    hedge: float | str, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """Eighteen at once, of which five fit into the time limit: none is lost, and few are sent twice."""
    async with one_slot(monkeypatch, 0.2) as server:
        graph = create_voting(
            model="openai:one-slot",
            choices=["yes", "no"],
            voters=18,
            wave="all",
            stop="all_votes",
            limits={"call_timeout": 1.0, "hedge": hedge},
        )
        limiter = get_limiter(f"{server.url}/", "one-slot")
        running = asyncio.ensure_future(graph.ainvoke({"question": "?"}))
        out = await play(clock, running, lambda: limiter.in_flight == server.in_line)
    assert out["verdict"].cast == 18
    assert server.requests <= 1.25 * 18


async def test_a_request_that_hangs_among_others_times_out(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """And the error names the settings."""
    server.on("hang", Reply(hang=True))
    ask = Ask("{text}", model=model, limits=Limits(call_timeout=300, attempts=1))
    results = await asyncio.gather(*(ask.ainvoke(str(i)) for i in range(8)), return_exceptions=True)
    assert results == ["ok"] * 8
    hanging = asyncio.ensure_future(ask.ainvoke("hang"))
    await until(lambda: server.hanging == 1)
    clock.advance(300)
    with pytest.raises(TimeoutError, match=r"within 300 s; raise call_timeout .*lower concurrency"):
        await hanging


async def test_a_timeout_lowers_the_ceiling(model: str, server: ModelServer, clock: Clock) -> None:
    """As an overload does: requests that nobody answers are too many."""
    server.always(Reply(hang=True))
    ask = Ask("{text}", model=model, limits=Limits(call_timeout=300, attempts=1))
    running = asyncio.gather(*(ask.ainvoke(str(i)) for i in range(10)), return_exceptions=True)
    await until(lambda: server.hanging == 10)
    clock.advance(300)
    await running
    assert get_limiter(f"{server.url}/", "test-model").ceiling == pytest.approx(7)
