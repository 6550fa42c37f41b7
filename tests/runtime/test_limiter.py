"""The limiter: which call gets the next slot, and when."""

import asyncio
import math
import threading
import time
from typing import Any

import pytest

from langgraph_parallel import Ask, Limits
from langgraph_parallel.errors import EndpointPaused
from langgraph_parallel.limiting import Limiter, Rates
from langgraph_parallel.runtime.limiter_registry import get_limiter
from tests.support.clock import Clock, play, until
from tests.support.server import Gate, ModelServer, Reply

ONE = Rates(concurrency=1)


async def until_waiting(limiter: Limiter, number: int) -> None:
    """Let tasks run until a number of calls wait in line."""
    while len(limiter._lines) != number:  # noqa: ASYNC110
        await asyncio.sleep(0)


async def in_line(limiter: Limiter, names: str, order: list[str], rates: Rates = ONE) -> list[Any]:
    """Put calls into line one after another; the first letter of a name is its run."""

    async def call(name: str) -> None:
        slot = await limiter.acquire(rates, run=name[0])
        order.append(name)
        limiter.release(slot, answered=True)

    before = len(limiter._lines)
    tasks = []
    for place, name in enumerate(names.split(), 1):
        tasks.append(asyncio.ensure_future(call(name)))
        await until_waiting(limiter, before + place)
    return tasks


async def test_runs_take_turns_however_many_calls_they_have() -> None:
    """A run with two calls does not wait for all five of a run that came first."""
    limiter = Limiter()
    order: list[str] = []
    slot = await limiter.acquire(ONE)
    tasks = await in_line(limiter, "a1 a2 a3 a4 a5 b1 b2", order)
    limiter.release(slot)
    await asyncio.gather(*tasks)
    assert order == ["a1", "b1", "a2", "b2", "a3", "a4", "a5"]


async def test_a_retry_goes_to_the_head_of_its_line() -> None:
    """It has waited longer than the other calls of its run."""
    limiter = Limiter()
    order: list[str] = []
    slot = await limiter.acquire(ONE)
    tasks = await in_line(limiter, "a1 a2", order)

    async def retry() -> None:
        slot = await limiter.acquire(ONE, run="a", first=True)
        order.append("retry")
        limiter.release(slot)

    tasks.append(asyncio.ensure_future(retry()))
    await until_waiting(limiter, 3)
    limiter.release(slot)
    await asyncio.gather(*tasks)
    assert order == ["retry", "a1", "a2"]


async def test_a_call_with_a_lower_ceiling_does_not_hold_up_others() -> None:
    """It waits until no other request of its run is in flight; a call of another run leaves before it."""
    limiter = Limiter()
    slots = [await limiter.acquire(Rates(concurrency=3), run="a") for _ in range(2)]
    order: list[str] = []
    tasks = await in_line(limiter, "a1", order)
    slots.append(await limiter.acquire(Rates(concurrency=3), run="b"))
    assert limiter.in_flight == 3
    for slot in slots:
        limiter.release(slot)
    await asyncio.gather(*tasks)
    assert (order, limiter.in_flight) == (["a1"], 0)


async def test_a_run_with_a_lower_ceiling_is_not_starved_by_one_with_a_higher_one() -> None:
    """It counts its own requests while the other keeps three in flight, and all together are never four."""
    limiter, three = Limiter(), Rates(concurrency=3)
    slots = [await limiter.acquire(three, run="a") for _ in range(3)]
    order: list[str] = []
    tasks = await in_line(limiter, "a1 a2 a3", order, three)
    tasks += await in_line(limiter, "b1 b2", order)
    assert limiter.in_flight == 3
    limiter.release(slots.pop())
    await asyncio.gather(*tasks)
    assert order == ["a1", "b1", "a2", "b2", "a3"]


async def test_equal_ceilings_hold_over_runs() -> None:
    """Two runs that may have one request in flight have one together."""
    limiter = Limiter()
    slot = await limiter.acquire(ONE, run="a")
    order: list[str] = []
    tasks = await in_line(limiter, "b1", order)
    assert (order, limiter.in_flight) == ([], 1)
    limiter.release(slot)
    await asyncio.gather(*tasks)
    assert order == ["b1"]


async def test_a_run_that_comes_later_is_served_soon() -> None:
    """Its first call waits for two slots, however many calls the other has had and has in line."""
    limiter = Limiter()
    order: list[str] = []
    for _ in range(5):
        slot = await limiter.acquire(ONE, run="a")
        limiter.release(slot)
    slot = await limiter.acquire(ONE, run="a")
    tasks = await in_line(limiter, "a1 a2 a3 b1 b2", order)
    limiter.release(slot)
    await asyncio.gather(*tasks)
    assert order == ["a1", "b1", "a2", "b2", "a3"]


async def test_runs_that_come_and_go_do_not_starve_one_that_stays() -> None:
    """A call that is in line before a hundred runs of one call each leaves among the first."""
    limiter = Limiter()
    order: list[str] = []
    slot = await limiter.acquire(ONE, run="a")
    tasks = await in_line(limiter, "a1 a2", order)
    for number in range(100):
        tasks += await in_line(limiter, f"{chr(1000 + number)}1", order)
        limiter.release(slot)
        slot = await limiter.acquire(ONE, run=number)
    limiter.release(slot)
    await asyncio.gather(*tasks)
    assert order.index("a2") <= 4


async def test_a_large_call_is_not_starved_by_small_ones_of_the_same_rate(clock: Clock) -> None:
    """It has a claim on the tokens that come in, though a small call of another run would fit at once."""
    limiter, order = Limiter(), []
    rates = Rates(tokens_per_minute=60_000)
    limiter.release(await limiter.acquire(rates, tokens=1_900, run="first"))

    async def call(run: str, tokens: int) -> None:
        limiter.release(await limiter.acquire(rates, tokens=tokens, run=run))
        order.append(run)

    tasks = [asyncio.ensure_future(call("large", 600))]
    await until_waiting(limiter, 1)
    tasks += [asyncio.ensure_future(call("small", 90)) for _ in range(8)]
    await play(clock, asyncio.gather(*tasks), lambda: True)
    assert order.index("large") <= 1


async def test_a_call_with_tight_bounds_does_not_hold_up_its_own_run() -> None:
    """Another worker of the run has wider ones."""
    limiter = Limiter()
    slot = await limiter.acquire(Rates(concurrency=3), run="a")
    order: list[str] = []
    tasks = await in_line(limiter, "a1", order)
    await limiter.acquire(Rates(concurrency=3), run="a")
    assert (order, limiter.in_flight) == ([], 2)
    limiter.release(slot)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_a_call_whose_loop_was_closed_takes_no_slot() -> None:
    """It waits for ever; a call in another loop gets the slot."""
    limiter = Limiter()
    loop = asyncio.new_event_loop()
    slot = loop.run_until_complete(limiter.acquire(ONE))
    waiting = loop.create_task(limiter.acquire(ONE))
    loop.run_until_complete(asyncio.sleep(0))
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    limiter.release(slot)
    limiter.release(asyncio.run(asyncio.wait_for(limiter.acquire(ONE), 60)))
    assert limiter.in_flight == 0


async def test_no_turns_are_saved_up() -> None:
    """A run that asked for nothing for long, or leaves the line between its calls, gets no more than half."""
    limiter = Limiter()
    order: list[str] = []
    slot = await limiter.acquire(ONE, run="b")

    async def one_at_a_time() -> None:
        for number in range(4):
            held = await limiter.acquire(ONE, run="b")
            order.append(f"b{number}")
            limiter.release(held)

    tasks = await in_line(limiter, "a1 a2 a3 a4", order)
    tasks.append(asyncio.ensure_future(one_at_a_time()))
    await until_waiting(limiter, 5)
    limiter.release(slot)
    await asyncio.gather(*tasks)
    runs = "".join(name[0] for name in order)
    assert runs.startswith("ab")
    assert "bb" not in runs[: runs.rindex("a")]


async def test_a_priority_of_two_has_twice_the_turns() -> None:
    """Nobody starves: of nine slots a run of priority 2 gets six, and one of priority 1 gets three."""
    limiter = Limiter()
    order: list[str] = []
    slot = await limiter.acquire(ONE)

    async def call(run: str, priority: float) -> None:
        held = await limiter.acquire(ONE, run=run, priority=priority)
        order.append(run)
        limiter.release(held)

    tasks = [asyncio.ensure_future(call("a", 1)) for _ in range(9)]
    tasks += [asyncio.ensure_future(call("b", 2)) for _ in range(9)]
    await until_waiting(limiter, 18)
    limiter.release(slot)
    await asyncio.gather(*tasks)
    assert (order[:9].count("a"), order[:9].count("b")) == (3, 6)


async def test_turns_of_runs_that_are_over_are_forgotten() -> None:
    """A process that lives for a million runs keeps the turns of a few."""
    limiter = Limiter()
    for number in range(10_000):
        limiter.release(await limiter.acquire(ONE, run=number))
    assert len(limiter._lines._next_turns) <= 200


async def test_a_call_that_is_cancelled_in_line_keeps_no_slot() -> None:
    """It may be cancelled while it waits, or at the moment at which it gets a slot."""
    limiter = Limiter()
    order: list[str] = []
    slot = await limiter.acquire(ONE)
    first, second, third = await in_line(limiter, "a1 a2 a3", order)
    first.cancel()
    await until_waiting(limiter, 2)
    limiter.release(slot)  # the slot goes to the second call,
    second.cancel()  # which is cancelled before it runs again
    await asyncio.gather(first, second, third, return_exceptions=True)
    assert (order, limiter.in_flight) == (["a3"], 0)


async def test_the_ceiling_falls_when_it_is_reached_and_refused_and_grows_back() -> None:
    """Multiplicative decrease, once for all requests in flight together; additive increase."""
    limiter = Limiter()
    slots = [await limiter.acquire(Rates(concurrency=20)) for _ in range(20)]
    for slot in slots[:5]:
        limiter.refused(slot, None)
    assert limiter.ceiling == pytest.approx(14)
    for slot in slots:
        limiter.release(slot)
    for _ in range(30):
        slots = [s for _ in range(20) if (s := limiter.try_acquire(Rates(concurrency=20)))]
        assert len(slots) <= limiter.ceiling
        for slot in slots:
            limiter.release(slot, answered=True)
    assert limiter.ceiling > 15


async def test_the_floor_of_the_ceiling_is_one() -> None:
    """One request at a time is tried, however often the endpoint refuses."""
    limiter = Limiter()
    for _ in range(20):
        slots = [s for _ in range(4) if (s := limiter.try_acquire(Rates(concurrency=4)))]
        for slot in slots:
            limiter.overloaded(slot, None)
            limiter.release(slot)
    assert 1 <= limiter.ceiling < 2
    assert limiter.try_acquire(Rates()) is not None


async def test_one_refusal_of_a_few_requests_does_not_lower_the_ceiling() -> None:
    """Not the number in flight was too much: the pace is learned, and the ceiling stays."""
    limiter = Limiter()
    slot = await limiter.acquire(Rates(concurrency=64))
    limiter.refused(slot, 0.0)
    limiter.release(slot)
    assert limiter.ceiling == float("inf")


def test_a_closed_loop_does_not_hold_up_other_loops(clock: Clock) -> None:
    """A call in another thread is served, although the alarm was set in a loop that has ended."""
    limiter, served = Limiter(), threading.Event()
    limiter.exhausted(50)

    async def give_up() -> None:
        acquiring = asyncio.ensure_future(limiter.acquire(ONE, run="short"))
        await until(lambda: bool(limiter._lines))
        acquiring.cancel()
        await asyncio.wait([acquiring])

    async def wait() -> None:
        acquiring = asyncio.ensure_future(limiter.acquire(ONE, run="long"))
        await until(lambda: bool(limiter._lines))
        clock.advance(50)
        limiter.release(await acquiring)
        served.set()

    first = threading.Thread(target=asyncio.run, args=(give_up(),))
    second = threading.Thread(target=asyncio.run, args=(wait(),))
    first.start()
    first.join(60)
    assert not limiter._lines
    second.start()
    assert served.wait(60)
    second.join(60)


async def test_failures_other_than_refusals_lower_nothing(model: str, server: ModelServer) -> None:
    """A 500 or a broken connection says nothing about how much may be asked."""
    server.on("alpha", Reply(status=500), times=2)
    server.on("omega", Reply(disconnect=True), times=2)
    for text in ("alpha", "omega"):
        await Ask("{text}", model=model, limits=Limits(backoff=0)).ainvoke(text)
    limiter = get_limiter(f"{server.url}/", "test-model")
    assert limiter.ceiling == float("inf")
    assert not limiter._learned.pace.learned


async def test_one_refusal_with_retry_after_pauses_every_call(model: str, server: ModelServer) -> None:
    """A call that was never refused waits too."""
    server.on("first", Reply(status=429, headers={"retry-after": "0.4"}), times=1)
    gate = Gate()
    server.on("slow", Reply(gate=gate))
    ask = Ask("{text}", model=model)
    first = asyncio.ensure_future(ask.ainvoke("first"))
    await asyncio.to_thread(server.wait, lambda s: any(r.ended for r in s.asked("first")))
    limiter = get_limiter(f"{server.url}/", "test-model")
    await until(lambda: limiter._learned.pause.ends > -math.inf)
    await ask.ainvoke("another")
    await first
    refused, another = server.asked("first")[0], server.asked("another")[0]
    assert refused.ended is not None
    assert another.started - refused.ended >= 0.38


async def test_headers_that_say_that_nothing_is_left_pause_every_call(
    model: str, server: ModelServer
) -> None:
    """No request is refused: the next one leaves when something is left again."""
    used_up = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "300ms"}
    server.on("first", Reply(headers=used_up))
    ask = Ask("{text}", model=model)
    await ask.ainvoke("first")
    await ask.ainvoke("second")
    first, second = server.requests
    assert first.ended is not None
    assert second.started - first.ended >= 0.28


async def test_no_call_waits_through_a_pause_that_is_too_long(model: str, server: ModelServer) -> None:
    """A Retry-After of an hour ends the call that got it and those in line, and no request is sent."""
    server.always(Reply(status=429, headers={"retry-after": "3600"}))
    ask = Ask("{text}", model=model, limits=Limits(concurrency=1))
    ends = await asyncio.gather(*(ask.ainvoke(str(i)) for i in range(5)), return_exceptions=True)
    assert len(server.requests) == 1
    assert sorted(type(end).__name__ for end in ends) == ["EndpointPaused"] * 4 + ["RateLimitError"]
    with pytest.raises(EndpointPaused, match="asks for a pause"):
        await ask.ainvoke("later")


async def test_a_pause_as_long_as_the_ceiling_is_waited_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """In floating point, now + 60 - now may be more than 60."""
    now = next(when / 7 for when in range(7 * 8150, 7 * 8190) if when / 7 + 60.0 - when / 7 > 60)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    limiter = Limiter()
    limiter.exhausted(60.0)
    waiting = asyncio.ensure_future(limiter.acquire(Rates(longest_pause=60.0)))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_refusals_are_not_failed_attempts(model: str, server: ModelServer) -> None:
    """Attempts count failures; a refused call is repeated as often as it takes."""
    server.on("x", Reply(status=429), times=6)
    limits = Limits(attempts=2, backoff=0.001)
    assert await Ask("{text}", model=model, limits=limits).ainvoke("x") == "ok"
    assert len(server.requests) == 7


async def test_patience_ends(model: str, server: ModelServer, clock: Clock) -> None:
    """A call to an endpoint that always refuses fails in the end."""
    server.always(Reply(status=429))
    asking = Ask("{text}", model=model, limits=Limits(patience=500, backoff=0.01)).ainvoke("x")
    running = asyncio.ensure_future(asking)
    await until(lambda: len(server.requests) > 1)
    assert not running.done()
    clock.advance(500)
    with pytest.raises(Exception, match="429"):
        await running


async def test_tokens_per_minute_hold_up_calls(model: str, server: ModelServer) -> None:
    """Once the minute's tokens are used up, the next call waits."""
    server.always(Reply(usage=(100_000, 0)))
    limits = Limits(tokens_per_minute=60_000, answer_tokens=10)
    ask = Ask("{text}", model=model, limits=limits)
    await ask.ainvoke("a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask.ainvoke("b"), 0.2)
    assert len(server.requests) == 1


async def test_it_can_be_used_alone(server: ModelServer) -> None:
    """A slot is held inside the block, and a refusal that is raised there is learned from."""
    limiter = Limiter()

    class Refused(Exception):
        status_code = 429
        response = type("Response", (), {"headers": {"retry-after": "0.2"}})()

    async def refused() -> None:
        async with limiter.slot(ONE):
            assert limiter.in_flight == 1
            raise Refused

    began = time.monotonic()
    with pytest.raises(Refused):
        await refused()
    assert limiter.in_flight == 0
    async with limiter.slot(ONE):
        assert time.monotonic() - began >= 0.2


def test_threads_share_it() -> None:
    """Loops in several threads keep one ceiling together, and all their calls get through."""
    limiter, most, lock = Limiter(), 0, threading.Lock()

    async def call() -> None:
        nonlocal most
        slot = await limiter.acquire(Rates(concurrency=3), run=threading.get_ident())
        with lock:
            most = max(most, limiter.in_flight)
        await asyncio.sleep(0.001)
        limiter.release(slot, answered=True)

    async def many() -> None:
        await asyncio.gather(*(call() for _ in range(40)))

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert (most, limiter.in_flight) == (3, 0)


@pytest.mark.parametrize("asked", [1e6, 1e308])
async def test_no_endpoint_is_shut_for_the_process(asked: float, clock: Clock) -> None:
    """However long it asks for: after the caller's own ceiling, one call finds out whether it was meant."""
    limiter, rates = Limiter(), Rates(longest_pause=60.0)
    clock.stop()
    slot = await limiter.acquire(rates)
    clock.advance(0.1)  # within twice this time the probe has not been refused
    limiter.refused(slot, asked)
    limiter.release(slot)
    with pytest.raises(EndpointPaused):
        await limiter.acquire(rates)
    clock.advance(61)
    probe = await limiter.acquire(rates)
    assert limiter.try_acquire(rates) is None
    limiter.release(probe, answered=True)
    clock.advance(65)  # the pace is that of one call in a pause
    assert limiter.try_acquire(rates) is not None
