"""The limiters of a process, and resetting them."""

import asyncio

import pytest

from langgraph_parallel.limiting import Limiter, Rates, reset_limits
from langgraph_parallel.runtime.limiter_registry import get_limiter

ONE = Rates(concurrency=1)


@pytest.fixture
def limiter() -> Limiter:
    """Return the limiter of an endpoint that no other test uses."""
    reset_limits()
    return get_limiter("http://registry", "test-model")


async def test_reset_limits_forgets_what_was_learned(limiter: Limiter) -> None:
    """Pace, pause and ceiling; a call that waited through the pause leaves at once."""
    slots = [await limiter.acquire(Rates(concurrency=20)) for _ in range(20)]
    limiter.refused(slots[0], None)
    for slot in slots:
        limiter.release(slot)
    slot = await limiter.acquire(Rates())
    limiter.refused(slot, 0.0)
    limiter.release(slot)
    limiter.release(await limiter.acquire(Rates()))  # the first after the pause learns from it
    assert limiter.ceiling == pytest.approx(14)
    assert limiter._learned.pace.learned
    limiter.exhausted(3600)
    waiting = asyncio.ensure_future(limiter.acquire(Rates()))
    await asyncio.sleep(0)
    assert not waiting.done()
    reset_limits()
    limiter.release(await asyncio.wait_for(waiting, 60))
    assert limiter.ceiling == float("inf")
    assert not limiter._learned.pace.learned


async def test_reset_limits_keeps_slots_in_flight(limiter: Limiter) -> None:
    """A run in progress and a new one share the limiter, and so its `concurrency`."""
    slot = await limiter.acquire(ONE)
    reset_limits()
    assert get_limiter("http://registry", "test-model") is limiter
    assert limiter.in_flight == 1
    assert limiter.try_acquire(ONE) is None
    limiter.release(slot, answered=True)
    assert limiter.in_flight == 0
