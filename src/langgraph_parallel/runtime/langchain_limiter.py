"""The limiter as LangChain's `rate_limiter`, for models that are called outside of langgraph_parallel."""

import time

from langchain_core.rate_limiters import BaseRateLimiter

from langgraph_parallel.arguments import above_zero, checked
from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.slots import Rates


class PacedRateLimiter(BaseRateLimiter):
    """Lets requests leave evenly, over all threads and event loops that share it.

        ChatOpenAI(model="gpt-5-mini", rate_limiter=PacedRateLimiter(requests_per_minute=3000))

    LangChain asks before each request and says nothing after it, so this keeps only the rate that it is
    given. To learn from answers, requests in flight and tokens, use `Limiter.slot`.

    Args:
        requests_per_minute: the rate, > 0.
        limiter: a limiter to share with others; None for a new one.

    Raises:
        UsageError: `requests_per_minute` is not a finite number > 0.
    """

    @checked
    def __init__(self, requests_per_minute: float, *, limiter: Limiter | None = None) -> None:
        above_zero(requests_per_minute, "requests_per_minute")
        self._rates = Rates(concurrency=2**31, requests_per_minute=requests_per_minute)
        self._limiter = limiter or Limiter()
        self._poll_seconds = min(0.05, 15 / requests_per_minute)  # a quarter of an interval

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """Wait until a request may leave; if not `blocking`, return at once whether it may."""
        slot = (
            await self._limiter.acquire(self._rates) if blocking else self._limiter.try_acquire(self._rates)
        )
        if slot is not None:
            self._limiter.release(slot)
        return slot is not None

    def acquire(self, *, blocking: bool = True) -> bool:
        """Do the same from synchronous code."""
        # By polling: the line of the limiter is for coroutines, which wait in an event loop.
        while not (slot := self._limiter.try_acquire(self._rates)):
            if not blocking:
                return False
            time.sleep(self._poll_seconds)
        self._limiter.release(slot)
        return True
