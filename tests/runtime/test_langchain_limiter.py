"""The limiter as LangChain's `rate_limiter`."""

import asyncio

import pytest
from langchain_openai import ChatOpenAI

from langgraph_parallel.errors import UsageError
from langgraph_parallel.limiting import Limiter, PacedRateLimiter
from tests.support.clock import Clock
from tests.support.server import ModelServer


async def test_it_is_a_rate_limiter_of_langchain(model: str, server: ModelServer, clock: Clock) -> None:
    """A chat model that is called outside of langgraph_parallel keeps the rate, sync and async."""
    limiter = Limiter()
    paced = PacedRateLimiter(requests_per_minute=1200, limiter=limiter)
    own = ChatOpenAI(model="own", rate_limiter=paced)
    await asyncio.gather(*(own.ainvoke("x") for _ in range(4)))
    await asyncio.to_thread(own.invoke, "x")
    assert len(server.requests) == 5
    # When the limiter let them leave: how late they reach the server depends on the machine.
    times = [launch.when for launch in limiter._learned.pace._launches]
    assert times[-1] - times[0] >= 4 * 0.04
    clock.stop()
    paced.acquire(blocking=False)
    assert paced.acquire(blocking=False) is False


@pytest.mark.parametrize("rate", [0, -1, float("inf"), float("nan")])
def test_a_rate_that_is_not_valid_is_an_error(rate: float) -> None:
    """It must be finite and more than 0."""
    with pytest.raises(UsageError, match=r"expected a (finite number above 0|number)$"):
        PacedRateLimiter(requests_per_minute=rate)
