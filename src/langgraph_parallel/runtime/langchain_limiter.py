"""Our limiter as LangChain's `rate_limiter`, for models that are called without us."""

import math
import time

from langchain_core.rate_limiters import BaseRateLimiter

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.limiter import Limiter, Rates


class PacedRateLimiter(BaseRateLimiter):
    """Lets requests leave evenly, over all threads and event loops that share it.

        ChatOpenAI(model="gpt-5-mini", rate_limiter=PacedRateLimiter(requests_per_minute=3000))

    LangChain asks before each request, and says nothing after it. So this keeps a rate that it is told; what
    answers say, how many requests are in flight and how many tokens they take, only `Limiter.slot` learns.

    Args:
        requests_per_minute: the rate.
        limiter: one that others use as well; by default one of its own.

    Raises:
        UsageError: the rate is none.
    """

    def __init__(self, requests_per_minute: float, *, limiter: Limiter | None = None) -> None:
        if not 0 < requests_per_minute < math.inf:
            raise UsageError(f"requests_per_minute is {requests_per_minute!r}; it must be more than 0")
        self._rates = Rates(concurrency=2**31, requests_per_minute=requests_per_minute)
        self._limiter = limiter or Limiter()
        self._rest = min(0.05, 15 / requests_per_minute)
        """Seconds between two looks: a quarter of an interval."""

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """Wait until a request may leave; without `blocking`, say whether it may now."""
        slot = (
            await self._limiter.acquire(self._rates) if blocking else self._limiter.try_acquire(self._rates)
        )
        if slot is not None:
            self._limiter.release(slot)
        return slot is not None

    def acquire(self, *, blocking: bool = True) -> bool:
        """The same for code that is not async."""
        while not (slot := self._limiter.try_acquire(self._rates)):
            if not blocking:
                return False
            time.sleep(self._rest)
        self._limiter.release(slot)
        return True
