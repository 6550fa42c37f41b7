"""A budget that processes share through Redis."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from langgraph_parallel import Limits
from langgraph_parallel.errors import BudgetSpent, UsageError
from langgraph_parallel.limiting import share_limits
from langgraph_parallel.runtime import redis_budget
from langgraph_parallel.runtime.budget import Amount, Budget
from langgraph_parallel.runtime.granted_budget import GrantedBudget
from langgraph_parallel.runtime.redis_budget import open_redis_budget
from langgraph_parallel.scale.engine import Job
from langgraph_parallel.scale.line.limits_setup import limits_of
from langgraph_parallel.scale.program import Program

ROOT = Path(__file__).parents[2]
REDIS = os.environ.get("REDIS", "")
CALL = Amount(1, 100, 0.01)
needs_redis = pytest.mark.skipif(not REDIS, reason="REDIS does not name a server; CI has one")
PROCESS = """
import asyncio, os, sys
from langgraph_parallel import Limits
from langgraph_parallel.runtime.budget import Amount, Budget
from langgraph_parallel.runtime.redis_budget import open_redis_budget

async def main():
    limits = Limits(budget_calls=100)
    async with open_redis_budget(os.environ["REDIS"], sys.argv[1], limits, Amount()) as budget:
        for _ in range(3):
            await Budget(Limits(), [budget]).reserve(Amount(1))
        print("reserved", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def job() -> str:
    """Return the id of a job of its own."""
    return uuid4().hex


@pytest.fixture
def stop_sharing() -> Iterator[None]:
    """Stop sharing after the test."""
    yield
    share_limits(None)


async def spend(budget: Budget, used: Amount = CALL) -> bool:
    """Make a call that takes a turn of the loop; return whether there was room for it."""
    try:
        await budget.reserve(CALL)
    except BudgetSpent:
        return False
    await asyncio.sleep(0)
    budget.settle(CALL, used)
    return True


def around(budget: GrantedBudget) -> Budget:
    """Return the budget of a run that another one is around."""
    return Budget(Limits(), [budget])


def process_of(job: str) -> "subprocess.Popen[str]":
    """Start a process that reserves three calls of a job, says so, and waits."""
    command = [sys.executable, "-c", PROCESS, job]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ)


@pytest.mark.needs_redis
@needs_redis
async def test_two_spend_a_budget_to_the_last_call_that_fits(job: str) -> None:
    """Calls that turn out cheaper make room for more, in whichever process."""
    limits = Limits(budget_usd=0.2)
    async with (
        open_redis_budget(REDIS, job, limits, Amount()) as one,
        open_redis_budget(REDIS, job, limits, Amount()) as other,
    ):
        used = Amount(1, 50, 0.004)
        calls = [spend(around(budget), used) for budget in (one, other) for _ in range(60)]
        assert sum(await asyncio.wait_for(asyncio.gather(*calls), 20)) == 48


@pytest.mark.needs_redis
@needs_redis
async def test_a_later_command_finds_what_earlier_ones_have_spent(job: str) -> None:
    """Redis knows more than the sink, or the sink more than Redis: what is more counts."""
    limits = Limits(budget_calls=10)
    async with open_redis_budget(REDIS, job, limits, Amount(calls=2)) as budget:
        assert [await spend(around(budget)) for _ in range(4)] == [True] * 4
    async with open_redis_budget(REDIS, job, limits, Amount(calls=1)) as budget:
        assert [await spend(around(budget)) for _ in range(5)] == [True] * 4 + [False]
    async with open_redis_budget(REDIS, job, limits, Amount(calls=10)) as budget:
        assert not await spend(around(budget))


@pytest.mark.needs_redis
@needs_redis
async def test_what_a_killed_process_held_counts_as_spent_once_it_expires(job: str) -> None:
    """A process dies with three calls in flight; the next one waits for its grant to expire, no longer."""
    process = process_of(job)
    assert process.stdout is not None
    assert (await asyncio.to_thread(process.stdout.readline)).strip() == "reserved"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    connection: Any = Redis.from_url(REDIS)
    async with connection as redis:  # as if its time were over
        sessions = f"langgraph-parallel:{{{job}}}:sessions"
        (session,) = await redis.zrange(sessions, 0, -1)
        await redis.zadd(sessions, {session: time.time() * 1000 + 300})
    limits = Limits(budget_calls=100)
    async with open_redis_budget(REDIS, job, limits, Amount()) as budget:
        made = 0
        while await asyncio.wait_for(spend(around(budget)), 20):
            made += 1
    assert 90 <= made <= 97


@pytest.mark.needs_redis
@needs_redis
async def test_a_process_that_was_silent_for_too_long_goes_on_with_new_grants(
    job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it held counts as spent already, and is not counted again."""
    limits = Limits(budget_calls=10)
    async with open_redis_budget(REDIS, job, limits, Amount()) as budget:
        await around(budget).reserve(CALL)
        connection: Any = Redis.from_url(REDIS)
        async with connection as redis:
            sessions = f"langgraph-parallel:{{{job}}}:sessions"
            (session,) = await redis.zrange(sessions, 0, -1)
            await redis.zadd(sessions, {session: 1})
        budget.settle(CALL, CALL)
        made = sum([await asyncio.wait_for(spend(around(budget)), 20) for _ in range(10)])
    assert 5 <= made <= 9
    async with open_redis_budget(REDIS, job, limits, Amount()) as budget:
        assert not await spend(around(budget))


@pytest.mark.needs_redis
@needs_redis
@pytest.mark.parametrize("is_made_anew", [False, True], ids=["emptied", "used again"])
async def test_a_redis_that_has_lost_the_budget_ends_it(job: str, *, is_made_anew: bool) -> None:
    """It is not spent a second time, also if another process has begun a new purse before."""
    limits = Limits(budget_calls=10)
    async with open_redis_budget(REDIS, job, limits, Amount()) as budget:
        assert [await spend(around(budget)) for _ in range(4)] == [True] * 4
        connection: Any = Redis.from_url(REDIS)
        async with connection as redis:
            await redis.delete(*(f"langgraph-parallel:{{{job}}}:{name}" for name in ("purse", "sessions")))
        if is_made_anew:
            async with open_redis_budget(REDIS, job, limits, Amount()):
                pass
        made = 0
        while await asyncio.wait_for(spend(around(budget)), 20):
            made += 1
        assert made <= 6
        assert "Redis has lost the budget" in budget.why_spent()
        with pytest.raises(BudgetSpent, match=r"goes on from what the sink has as spent.*appendonly yes"):
            await around(budget).reserve(CALL)


async def test_without_redis_calls_wait_and_then_fail(job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is spent that the purse has not granted."""
    monkeypatch.setattr(redis_budget, "_GIVE_UP", 0.2)
    async with open_redis_budget("redis://127.0.0.1:9/0", job, Limits(budget_calls=5), Amount()) as budget:
        with pytest.raises(BudgetSpent, match="Redis, which has the budget, has not answered"):
            await asyncio.wait_for(around(budget).reserve(CALL), 20)


async def test_calls_fail_if_what_asks_redis_fails(job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the error is, no call waits for a grant that nobody asks for."""
    async with open_redis_budget("redis://127.0.0.1:9/0", job, Limits(budget_calls=5), Amount()) as budget:
        with monkeypatch.context() as patched:
            patched.setattr(budget, "told", lambda **_: 1 / 0)
            with pytest.raises(BudgetSpent, match="the budget in Redis cannot be read: ZeroDivisionError"):
                await asyncio.wait_for(around(budget).reserve(CALL), 20)


@pytest.mark.usefixtures("stop_sharing")
@pytest.mark.needs_redis
@needs_redis
async def test_where_limits_are_shared_through_redis_the_budget_of_a_job_is_too(job: str) -> None:
    """No line is asked."""
    share_limits(REDIS)
    limits = Limits(budget_calls=3)
    for left in (3, 0):
        async with limits_of(Job(id=job, program=Program(limits=limits)), None) as (budget,):
            assert isinstance(budget, GrantedBudget)
            assert sum([await spend(around(budget)) for _ in range(5)]) == left


async def test_a_url_that_is_not_valid_is_an_error() -> None:
    """Before anything is spent."""
    with pytest.raises(UsageError, match="the URL of Redis is not valid"):
        async with open_redis_budget("localhost", "job", Limits(budget_calls=1), Amount()):
            raise AssertionError("it was opened")
