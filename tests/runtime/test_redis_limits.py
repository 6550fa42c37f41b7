"""Limits that several processes share through Redis."""

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from langgraph_parallel import Ask, Limits, Section, create_sectioning
from langgraph_parallel.errors import UsageError
from langgraph_parallel.limiting import Rates, share_limits
from langgraph_parallel.runtime.loops import loop_local
from langgraph_parallel.runtime.redis_limits import connect, open_redis, warn
from langgraph_parallel.runtime.redis_scripts import LEASE, REFUSED
from langgraph_parallel.runtime.redis_shared import Shared
from langgraph_parallel.runtime.shared_limits import get_shared
from langgraph_parallel.runtime.slots import Slot
from langgraph_parallel.scale.engine import Job
from langgraph_parallel.scale.line.limits_setup import limits_of
from langgraph_parallel.scale.program import Program
from tests.support.clock import until
from tests.support.fans import GIVEN, flat, numbered
from tests.support.server import Gate, ModelServer, Reply

ROOT = Path(__file__).parents[2]
REDIS = os.environ.get("REDIS", "")
PROCESS = """
import asyncio, json, sys
from langgraph_parallel import Limits
from tests.support.fans import GIVEN, flat
limits = Limits.model_validate_json(sys.argv[2])
out = asyncio.run(flat(int(sys.argv[1]), "openai:test-model", limits=limits).ainvoke(GIVEN))
report = out["run_report"]
print(json.dumps([report.branches["ok"], report.throttled_share, [call.started for call in report.calls]]))
"""


@pytest.fixture(autouse=True)
def stop_sharing() -> Iterator[None]:
    """Stop sharing after each test."""
    yield
    share_limits(None)


def both(n: int, limits: Limits) -> list[Any]:
    """Run a fan-out in two processes at the same time.

    Returns:
        For each, how many branches are ok, the share of throttled calls, and when its calls started.
    """
    settings = limits.model_dump_json(exclude_unset=True)
    with contextlib.ExitStack() as stack:
        running = []
        for _ in range(2):
            process = subprocess.Popen(
                [sys.executable, "-c", PROCESS, str(n), settings],
                cwd=ROOT,
                env=os.environ | {"LANGGRAPH_PARALLEL_REDIS_URL": REDIS},
                stdout=subprocess.PIPE,
                text=True,
            )
            running.append(stack.enter_context(process))
            stack.callback(process.kill)
        return [json.loads(process.communicate(timeout=300)[0]) for process in running]


@pytest.mark.needs_redis
@pytest.mark.skipif(not REDIS, reason="REDIS does not name a server; CI has one")
def test_one_ceiling_holds_over_processes(model: str, server: ModelServer) -> None:
    """Two processes with 30 calls each: never more than 5 in flight together."""
    server.always(Reply(delay=0.02))
    assert [ran[:2] for ran in both(30, Limits(concurrency=5))] == [[30, 0.0]] * 2
    assert len(server.requests) == 60
    assert 2 <= server.most_in_flight <= 5


@pytest.mark.needs_redis
@pytest.mark.skipif(not REDIS, reason="REDIS does not name a server; CI has one")
def test_a_rate_that_is_set_holds_over_processes(model: str, server: ModelServer) -> None:
    """Two processes send 50 requests a second together, by their own clock: the server may be held up."""
    one, other = both(60, Limits(requests_per_minute=3000))
    assert one[0] == other[0] == 60
    assert len(server.requests) == 120
    started = sorted(one[2] + other[2])
    # A few more: a process that is held up between its turn and its call sends this one late.
    assert all(later - earlier >= 1 for earlier, later in zip(started, started[55:], strict=False))


@pytest.mark.needs_redis
@pytest.mark.skipif(not REDIS, reason="REDIS does not name a server; CI has one")
async def test_a_pause_reaches_other_processes(model: str, server: ModelServer) -> None:
    """The endpoint tells one process, and all obey."""
    share_limits(REDIS)
    server.on("Number 0:", Reply(status=429, headers={"retry-after": "3"}), times=1)
    first = asyncio.ensure_future(flat(1, model).ainvoke(GIVEN))
    pause = f"langgraph-parallel:{server.url}/|test-model:pause"
    with SyncRedis.from_url(REDIS) as redis:
        await until(lambda: bool(redis.exists(pause)))
    assert [ran[0] for ran in await asyncio.to_thread(both, 2, Limits())] == [2, 2]
    await first
    refused, *later = server.requests
    assert refused.ended is not None
    assert min(request.started for request in later) - refused.ended >= 2.9


@pytest.mark.needs_redis
@pytest.mark.skipif(not REDIS, reason="REDIS does not name a server; CI has one")
async def test_a_cancelled_call_returns_its_lease(model: str, server: ModelServer) -> None:
    """The next call does not wait for the lease to expire."""
    share_limits(REDIS)
    gate = Gate()
    server.on("alpha", Reply(gate=gate))
    ask = Ask("{text}", model=model, limits=Limits(concurrency=1))
    first = asyncio.ensure_future(ask.ainvoke("alpha"))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await asyncio.wait_for(ask.ainvoke("omega"), 60) == "ok"


@pytest.mark.needs_redis
@pytest.mark.skipif(not REDIS, reason="REDIS does not name a server; CI has one")
async def test_calls_of_functions_hold_leases_too(server: ModelServer, own: ChatOpenAI) -> None:
    """While they are in flight, and no longer."""
    share_limits(REDIS)
    gate = Gate()
    server.always(Reply(gate=gate))
    name = f"langgraph-parallel:{server.url}/|own:leases"

    async def ask(section: Section) -> str:
        return str((await own.ainvoke(section.content)).text)

    running = asyncio.ensure_future(create_sectioning(planner=numbered(3), worker=ask).ainvoke(GIVEN))
    async with Redis.from_url(REDIS) as redis:
        await asyncio.to_thread(server.wait, lambda s: s.in_flight == 3)
        assert await redis.zcard(name) == 3
        gate.open()
        await running
        left: list[int] = [3]
        while left[-1]:
            left.append(await redis.zcard(name))


@pytest.mark.needs_redis
@pytest.mark.skipif(not REDIS, reason="REDIS does not name a server; CI has one")
async def test_a_lease_lasts_as_long_as_its_call_may(server: ModelServer) -> None:
    """A shorter call after it leaves it alone, and a long stream renews it."""
    share_limits(REDIS)
    shared: Any = await get_shared(server.url, "long")
    assert shared is not None
    name = f"langgraph-parallel:{server.url}|long:leases"
    connection: Any = Redis.from_url(REDIS)
    async with connection as redis, shared.lease(Rates(), 0, 600) as lease:

        async def expiry() -> float:
            ((_, expires),) = await redis.zrange(name, 0, -1, withscores=True)
            return float(expires)

        async with shared.lease(Rates(), 0, 1):
            assert await redis.ttl(name) > 500
        first = await expiry()
        await lease.renew()
        assert await expiry() == first
        lease._renew_at = 0
        await lease.renew()
        assert await expiry() > first


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Run a Redis that the test may stop; give its port and its process."""
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed; CI has one")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not _listens(port):
            time.sleep(0.01)
        yield port, process
        process.send_signal(signal.SIGCONT)
        process.terminate()


@pytest.mark.needs_redis
async def test_a_redis_that_hangs_holds_up_nobody(
    model: str,
    server: ModelServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    own_redis: tuple[int, "subprocess.Popen[bytes]"],
) -> None:
    """It stops in the middle of 150 calls; all succeed, one line says so, and later it is asked again."""
    monkeypatch.setattr("langgraph_parallel.runtime.redis_limits._warned_at", time.monotonic() - 100)
    port, process = own_redis
    url = f"redis://127.0.0.1:{port}/0"
    share_limits(url)
    gate = Gate()
    server.on("Number 70:", Reply(gate=gate))
    running = asyncio.ensure_future(flat(150, model, limits=Limits(concurrency=4)).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: any("Number 70:" in r.prompt for r in s.requests))
    process.send_signal(signal.SIGSTOP)
    gate.open()
    assert (await running)["run_report"].branches == {"ok": 150}
    assert [record.getMessage() for record in caplog.records] == [
        "limits are not shared: Redis does not answer in time (TimeoutError)"
    ]
    process.send_signal(signal.SIGCONT)
    circuit: Any = loop_local(("circuit", url), lambda: None)
    await until(lambda: not circuit._is_open)
    async with Redis(port=port) as redis:
        before = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
        assert await Ask("{text}", model=model).ainvoke("x") == "ok"
        assert (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] == before + 1


@pytest.mark.needs_redis
async def test_places_that_could_not_be_returned_are_free_once_redis_answers(
    monkeypatch: pytest.MonkeyPatch, own_redis: tuple[int, "subprocess.Popen[bytes]"]
) -> None:
    """It hangs while all are taken, and while one is asked for: they do not stay taken till they expire."""
    monkeypatch.setattr("langgraph_parallel.runtime.redis_limits._warned_at", time.monotonic() - 100)
    port, process = own_redis
    url = f"redis://127.0.0.1:{port}/0"
    shared, rates = await connect(url, "endpoint", "model"), Rates(concurrency=2)
    async with shared.lease(rates, 0, 600), shared.lease(rates, 0, 600):
        process.send_signal(signal.SIGSTOP)
        async with shared.lease(rates, 0, 600):
            pass
    process.send_signal(signal.SIGCONT)
    circuit: Any = loop_local(("circuit", url), lambda: None)
    await until(lambda: not circuit._is_open)
    async with asyncio.timeout(30), shared.lease(rates, 0, 600), shared.lease(rates, 0, 600):
        pass


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


async def test_without_redis_each_process_goes_on_alone(
    model: str, server: ModelServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It logs a warning without the URL and its password, and returns the answer."""
    monkeypatch.setattr("langgraph_parallel.runtime.redis_limits._warned_at", time.monotonic() - 100)
    share_limits("redis://:hunter2@127.0.0.1:9/0")
    with caplog.at_level(logging.WARNING, "langgraph_parallel"):
        assert await Ask("{text}", model=model).ainvoke("x") == "ok"
        assert await Ask("{text}", model=model).ainvoke("x") == "ok"
    assert [record.getMessage() for record in caplog.records] == [
        "limits are not shared: Redis cannot be reached (ConnectionError)"
    ]


async def test_a_url_that_is_not_valid_is_an_error(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error comes when the URL is set, or before any call."""
    with pytest.raises(UsageError, match="the URL of Redis is not valid"):
        share_limits("localhost")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_REDIS_URL", "localhost")
    with pytest.raises(UsageError, match="the URL of Redis is not valid"):
        await Ask("{text}", model=model).ainvoke("x")
    assert server.requests == []


async def test_without_redis_each_worker_keeps_to_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four workers each has a quarter of the limits; a process on its own has all."""
    share_limits(url := "redis://127.0.0.1:9/0")
    shared: Any = await connect(url, "endpoint", "model")
    acquire, parts, rates = shared._alone.acquire, list[Rates](), Rates(concurrency=8)

    async def acquire_noted(part: Rates, *, tokens: int) -> Slot:
        parts.append(part)
        return await acquire(part, tokens=tokens)  # type: ignore[no-any-return]

    monkeypatch.setattr(shared._alone, "acquire", acquire_noted)
    async with limits_of(Job(id="map", program=Program()), None, 4), contextlib.AsyncExitStack() as stack:
        async with shared.lease(Rates(8, 600, 1000), 100, 1):
            assert parts == [Rates(2, 150, 250)]
        for _ in range(2):
            await stack.enter_async_context(shared.lease(rates, 0, 1))
        third = asyncio.ensure_future(shared.lease(rates, 0, 1).__aenter__())
        await until(lambda: len(parts) == 4)
        assert shared._alone.in_flight == 2
        assert not third.done()
        third.cancel()
        await asyncio.wait([third])
    assert shared._alone.in_flight == 0
    async with shared.lease(rates, 0, 1):
        assert shared._alone.in_flight == 0


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    missing: Any = None
    monkeypatch.setitem(sys.modules, "redis.asyncio.connection", missing)
    with pytest.raises(UsageError, match=r"pip install 'langgraph-parallel\[redis\]'"):
        share_limits("redis://127.0.0.1")


@pytest.mark.needs_redis
@pytest.mark.skipif(not REDIS, reason="REDIS does not name a server; CI has one")
async def test_a_pace_that_one_process_learns_holds_for_another() -> None:
    """Of 20 requests at once one is refused: after the pause they leave one by one, 19 a second or slower."""
    redis, circuit = await open_redis(REDIS)
    key = f"learned|{time.time()}"
    first, second = (Shared(redis, circuit, key, warn) for _ in range(2))

    async def call(shared: Shared) -> float:
        async with shared.lease(Rates(), 0, 60):
            return time.monotonic()

    await asyncio.gather(*(call(first) for _ in range(20)))
    refused = time.monotonic()
    await first.refused(0.0, 0.2)
    left = sorted(await asyncio.gather(*(call(second) for _ in range(8))))
    # Both from the refusal: the first may be told late that it has left.
    assert left[0] - refused >= 0.19
    assert left[-1] - refused >= 0.19 + 7 / 19 - 0.06


@pytest.mark.needs_redis
@pytest.mark.skipif(not REDIS, reason="REDIS does not name a server; CI has one")
@pytest.mark.parametrize(
    ("raised_from", "refused_before", "let_through", "expected"),
    [(60.0, -60.0, 100, 100.0), (60.0, -5.0, 100, 96.0), (-0.5, -60.0, 110, 105.0), (-0.5, -60.0, 90, 95.0)],
    ids=["first in a while", "soon after another", "more in a trial", "fewer in a trial"],
)
async def test_a_pace_of_all_processes_is_learned_by_the_rules_of_one(
    raised_from: float, refused_before: float, let_through: int, expected: float
) -> None:
    """100 requests a second were learned, and one is refused: in a plateau of the pace, or in a trial."""
    redis, circuit = await open_redis(REDIS)
    key = f"lesson|{time.time()}"
    shared = Shared(redis, circuit, key, warn)
    # The clock stands still, whatever the machine does besides: a tenth of a second more holds ten requests.
    stopped = "local time = {1700000000, 50000}"
    shared._refused_script, shared._lease_script = (
        redis.register_script(script.replace("local time = redis.call('TIME')", stopped))
        for script in (REFUSED, LEASE)
    )
    now = 1_700_000_000_050.0
    long_ago = now - 60_000
    learned: dict[Any, Any] = {"rate": 100, "lowered_at": long_ago, "held_since": long_ago, "free": now}
    learned |= {"raised_from": now + 1000 * raised_from, "refused_before": now + 1000 * refused_before}
    await redis.hset(f"langgraph-parallel:{key}:learned", mapping=learned)
    tenths: dict[Any, Any] = {int(now // 100) - back: let_through // 10 for back in range(30)}
    await redis.hset(f"langgraph-parallel:{key}:counts", mapping=tenths)
    await shared.refused(0.0, 0.2)
    async with shared.lease(Rates(), 0, 60):
        pass
    rate = float(await redis.hget(f"langgraph-parallel:{key}:learned", "rate") or 0)
    assert rate == pytest.approx(expected, rel=0.02)


@pytest.mark.needs_redis
@pytest.mark.skipif(not REDIS, reason="REDIS does not name a server; CI has one")
async def test_a_ceiling_that_one_process_learns_holds_for_another() -> None:
    """A request is refused at the ceiling without a Retry-After: fewer are in flight from then on."""
    redis, circuit = await open_redis(REDIS)
    key = f"ceiling|{time.time()}"
    shared = Shared(redis, circuit, key, warn)
    held = [shared.lease(Rates(concurrency=4), 0, 60) for _ in range(4)]
    for lease in held:
        await lease.__aenter__()
    await shared.refused(0.0, None)
    for lease in held[:2]:
        await lease.__aexit__(None, None, None)
    another = asyncio.ensure_future(shared.hold(Rates(concurrency=4), 0, 60))
    await asyncio.sleep(0.1)
    # 0.7 of four leaves room for two.
    assert not another.done()
    for lease in held[2:]:
        await lease.__aexit__(None, None, None)
    await asyncio.wait_for(another, 10)


@pytest.mark.needs_redis
@pytest.mark.skipif(not REDIS, reason="REDIS does not name a server; CI has one")
async def test_tokens_that_are_set_hold_over_processes() -> None:
    """A call that has taken more than its part lets the next one wait."""
    shared = await connect(REDIS, "http://tokens", f"m{time.time()}")
    rates = Rates(tokens_per_minute=60_000)
    began = time.monotonic()
    for _ in range(3):
        async with shared.lease(rates, 1000, 60):
            pass
    assert time.monotonic() - began >= 0.9
