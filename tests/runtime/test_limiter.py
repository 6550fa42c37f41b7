"""The limiter: who gets the next slot, and when."""

import asyncio
import threading
import time
from typing import Any

import pytest
from langchain_openai import ChatOpenAI

from langgraph_parallel import Ask, Limiter, Limits, PacedRateLimiter, Rates
from langgraph_parallel.errors import EndpointPaused
from langgraph_parallel.runtime.buckets import Bucket
from langgraph_parallel.runtime.limiter import get_limiter
from langgraph_parallel.runtime.retry import reset_after
from tests.support.server import Gate, ModelServer, Reply

ONE = Rates(concurrency=1)


async def until_waiting(limiter: Limiter, number: int) -> None:
    """Let tasks run until so many wait in line."""
    while sum(len(line) for line in limiter._lines.values()) != number:  # noqa: ASYNC110
        await asyncio.sleep(0)


async def in_line(limiter: Limiter, names: str, order: list[str], rates: Rates = ONE) -> list[Any]:
    """Put leaves into line one after another; the first letter of a name is its run."""

    async def leaf(name: str) -> None:
        slot = await limiter.acquire(rates, run=name[0])
        order.append(name)
        limiter.release(slot, answered=True)

    before = sum(len(line) for line in limiter._lines.values())
    tasks = []
    for place, name in enumerate(names.split(), 1):
        tasks.append(asyncio.ensure_future(leaf(name)))
        await until_waiting(limiter, before + place)
    return tasks


async def test_runs_take_turns_however_many_leaves_they_have() -> None:
    """A run with two leaves does not wait for all five of one that came first."""
    limiter = Limiter()
    order: list[str] = []
    held = await limiter.acquire(ONE)
    tasks = await in_line(limiter, "a1 a2 a3 a4 a5 b1 b2", order)
    limiter.release(held)
    await asyncio.gather(*tasks)
    assert order == ["a1", "b1", "a2", "b2", "a3", "a4", "a5"]


async def test_a_request_that_was_sent_before_goes_to_the_head_of_its_line() -> None:
    """A retry has waited longer than all others of its run."""
    limiter = Limiter()
    order: list[str] = []
    held = await limiter.acquire(ONE)
    tasks = await in_line(limiter, "a1 a2", order)

    async def retry() -> None:
        slot = await limiter.acquire(ONE, run="a", first=True)
        order.append("retry")
        limiter.release(slot)

    tasks.append(asyncio.ensure_future(retry()))
    await until_waiting(limiter, 3)
    limiter.release(held)
    await asyncio.gather(*tasks)
    assert order == ["retry", "a1", "a2"]


async def test_a_leaf_with_a_lower_ceiling_holds_up_nobody_else() -> None:
    """Each leaf counts all that is in flight against its own ceiling."""
    limiter = Limiter()
    held = [await limiter.acquire(Rates(concurrency=3)) for _ in range(2)]
    order: list[str] = []
    tasks = await in_line(limiter, "a1", order)
    slot = await limiter.acquire(Rates(concurrency=3), run="b")
    assert limiter.in_flight == 3
    for one in [*held, slot]:
        limiter.release(one)
    await asyncio.gather(*tasks)
    assert (order, limiter.in_flight) == (["a1"], 0)


async def test_who_gives_up_in_line_takes_no_slot_along() -> None:
    """Cancelled while waiting, or at the very moment in which a slot is given."""
    limiter = Limiter()
    order: list[str] = []
    held = await limiter.acquire(ONE)
    first, second, third = await in_line(limiter, "a1 a2 a3", order)
    first.cancel()
    await until_waiting(limiter, 2)
    limiter.release(held)  # the slot is given to the second one,
    second.cancel()  # which is cancelled before it knows
    await asyncio.gather(first, second, third, return_exceptions=True)
    assert (order, limiter.in_flight) == (["a3"], 0)


async def test_the_ceiling_falls_when_it_is_reached_and_refused_and_grows_back() -> None:
    """Multiplicative decrease, once for all that were in flight together; additive increase."""
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
    """However often an endpoint refuses, one request at a time is tried."""
    limiter = Limiter()
    for _ in range(20):
        slots = [s for _ in range(4) if (s := limiter.try_acquire(Rates(concurrency=4)))]
        for slot in slots:
            limiter.overloaded(slot, None)
            limiter.release(slot)
    assert 1 <= limiter.ceiling < 2
    assert limiter.try_acquire(Rates()) is not None


async def test_one_refusal_of_a_few_requests_is_no_reason_for_a_low_ceiling() -> None:
    """It was not the number in flight that was too much: the pace is learned, the ceiling stays."""
    limiter = Limiter()
    slot = await limiter.acquire(Rates(concurrency=64))
    limiter.refused(slot, 0.0)
    limiter.release(slot)
    assert limiter.ceiling == float("inf")


def test_a_loop_that_is_gone_holds_up_nobody() -> None:
    """Who waits in another thread is served, though the alarm was set in a loop that has ended."""
    limiter, served = Limiter(), threading.Event()

    async def gives_up() -> None:
        limiter.exhausted(0.5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(limiter.acquire(ONE, run="short"), 0.2)

    async def waits() -> None:
        limiter.release(await limiter.acquire(ONE, run="long"))
        served.set()

    threads = [threading.Thread(target=asyncio.run, args=(leaf(),)) for leaf in (gives_up, waits)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    assert served.wait(5)
    for thread in threads:
        thread.join(5)


async def test_failures_that_are_no_refusals_lower_nothing(model: str, server: ModelServer) -> None:
    """A 500 or a broken connection says nothing of how much may be asked."""
    server.on("alpha", Reply(status=500), times=2)
    server.on("omega", Reply(disconnect=True), times=2)
    for text in ("alpha", "omega"):
        await Ask("{text}", model=model, limits=Limits(backoff=0)).ainvoke(text)
    limiter = get_limiter(f"{server.url}/", "test-model")
    assert limiter.ceiling == float("inf")
    assert not limiter._pace.learned


async def test_one_refusal_with_retry_after_pauses_every_leaf(model: str, server: ModelServer) -> None:
    """A call that was never refused waits as well."""
    server.on("first", Reply(status=429, headers={"retry-after": "0.4"}), times=1)
    gate = Gate()
    server.on("slow", Reply(gate=gate))
    ask = Ask("{text}", model=model)
    first = asyncio.ensure_future(ask.ainvoke("first"))
    await asyncio.to_thread(server.wait, lambda s: any(r.ended for r in s.asked("first")))
    while get_limiter(f"{server.url}/", "test-model")._paused_until < time.monotonic():  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await ask.ainvoke("another")
    await first
    refused, another = server.asked("first")[0], server.asked("another")[0]
    assert refused.ended is not None
    assert another.started - refused.ended >= 0.38


async def test_headers_that_say_that_nothing_is_left_pause_every_leaf(
    model: str, server: ModelServer
) -> None:
    """No request is refused for it: the next one leaves when something is there again."""
    used_up = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "300ms"}
    server.on("first", Reply(headers=used_up))
    ask = Ask("{text}", model=model)
    await ask.ainvoke("first")
    await ask.ainvoke("second")
    first, second = server.requests
    assert first.ended is not None
    assert second.started - first.ended >= 0.28


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1.5s"}, 1.5),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"}, 12.0),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "20ms",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "2s",
            },
            2.0,
        ),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "1s"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"}, None),
        ({}, None),
    ],
)
def test_rate_limit_headers_are_read_as_endpoints_write_them(
    headers: dict[str, str], seconds: float | None
) -> None:
    """Durations of OpenAI, plain seconds of others; where two kinds are used up, the later one."""
    assert reset_after(headers) == seconds


async def test_nobody_waits_through_a_pause_that_is_too_long(model: str, server: ModelServer) -> None:
    """An hour of Retry-After ends the call that got it, and those in line, without asking again."""
    server.always(Reply(status=429, headers={"retry-after": "3600"}))
    ask = Ask("{text}", model=model, limits=Limits(concurrency=1))
    ends = await asyncio.gather(*(ask.ainvoke(str(i)) for i in range(5)), return_exceptions=True)
    assert len(server.requests) == 1
    assert sorted(type(end).__name__ for end in ends) == ["EndpointPaused"] * 4 + ["RateLimitError"]
    with pytest.raises(EndpointPaused, match="asks for a pause"):
        await ask.ainvoke("later")


async def test_refusals_are_no_failed_attempts(model: str, server: ModelServer) -> None:
    """A call is put off as often as it takes; its attempts are for failures."""
    server.on("x", Reply(status=429), times=6)
    limits = Limits(attempts=2, backoff=0.001)
    assert await Ask("{text}", model=model, limits=limits).ainvoke("x") == "ok"
    assert len(server.requests) == 7


async def test_patience_ends(model: str, server: ModelServer) -> None:
    """An endpoint that only ever refuses is given up."""
    server.always(Reply(status=429))
    with pytest.raises(Exception, match="429"):
        await Ask("{text}", model=model, limits=Limits(patience=0.05, backoff=0.01)).ainvoke("x")
    assert len(server.requests) > 1


def test_a_bucket_lets_no_more_through_in_any_second_than_was_told() -> None:
    """3,000 a minute are at most 50 a second, and nearly as many."""
    bucket, now, left = Bucket.of_requests(3000), 100.0, []
    while now < 110:
        wait = bucket.take(1, now)
        left += [] if wait else [now]
        now += wait
    assert max(sum(first <= moment < first + 1 for moment in left) for first in left) <= 50
    assert len(left) >= 0.92 * 500


def test_a_bucket_of_tokens_is_corrected_by_what_was_used() -> None:
    """What was set aside and not used comes back; what was used beyond it is paid off later."""
    bucket, now, used = Bucket.of_tokens(30_000), 0.0, 0
    while now < 600:
        if wait := bucket.take(8000, now):
            now += wait
            continue
        bucket.correct(-2000, now)
        used += 6000
    assert 0.85 * 300_000 <= used <= 300_000
    bucket.correct(20_000, now)
    assert bucket.take(1, now) > 30


def test_nobody_waits_more_than_a_minute_for_what_others_took() -> None:
    """Requests that were told of no rate count along in the bucket of those that were."""
    bucket = Bucket.of_requests(60)
    for _ in range(1000):
        bucket.correct(1, 5.0)
    assert bucket.take(1, 5.0) < 65


async def test_tokens_a_minute_hold_up_calls(model: str, server: ModelServer) -> None:
    """With the minute's tokens used up, the next call waits."""
    server.always(Reply(usage=(100_000, 0)))
    limits = Limits(tokens_per_minute=60_000, answer_tokens=10)
    ask = Ask("{text}", model=model, limits=limits)
    await ask.ainvoke("a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask.ainvoke("b"), 0.2)
    assert len(server.requests) == 1


async def test_it_can_be_used_alone(server: ModelServer) -> None:
    """A slot is held inside the block; a refusal that is raised there is learned from."""
    limiter = Limiter()

    class Refused(Exception):
        status_code = 429
        response = type("Response", (), {"headers": {"retry-after": "0.2"}})()

    async def refused() -> None:
        async with limiter.slot(ONE):
            assert limiter.in_flight == 1
            raise Refused

    with pytest.raises(Refused):
        await refused()
    assert limiter.in_flight == 0
    began = time.monotonic()
    async with limiter.slot(ONE):
        assert time.monotonic() - began >= 0.19


def test_threads_share_it() -> None:
    """Loops in several threads together keep one ceiling, and all get through."""
    limiter, most, lock = Limiter(), 0, threading.Lock()

    async def leaf() -> None:
        nonlocal most
        slot = await limiter.acquire(Rates(concurrency=3), run=threading.get_ident())
        with lock:
            most = max(most, limiter.in_flight)
        await asyncio.sleep(0.001)
        limiter.release(slot, answered=True)

    async def many() -> None:
        await asyncio.gather(*(leaf() for _ in range(40)))

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert (most, limiter.in_flight) == (3, 0)


async def test_it_is_a_rate_limiter_of_langchain(model: str, server: ModelServer) -> None:
    """A chat model that is called without us keeps the rate, sync and async."""
    paced = PacedRateLimiter(requests_per_minute=1200)
    own = ChatOpenAI(model="own", rate_limiter=paced)
    await asyncio.gather(*(own.ainvoke("x") for _ in range(4)))
    await asyncio.to_thread(own.invoke, "x")
    times = sorted(request.started for request in server.requests)
    assert times[-1] - times[0] >= 4 * 0.04
    assert paced.acquire(blocking=False) is False
