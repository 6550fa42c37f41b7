"""A limiter and its endpoint in simulated time: minutes pass in moments, and each run is the same.

An event loop that would wait puts the clock forward instead. So the code under test is the real one, on its
real way through asyncio, and nothing depends on the speed of the machine.
"""

import asyncio
import itertools
import math
import random
import selectors
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

from langgraph_parallel.limiting import Limiter, Rates

BEGIN = 1000.0
"""What `time.monotonic` returns at the begin; endpoints count seconds from there."""
LimitAt = Callable[[float], float | None]
"""A limit, asked when a request arrives: None lets it through, else the seconds until one fits."""


@dataclass
class Sliding:
    """A number of requests in any window of some seconds; `then` is the number from a moment on."""

    limit: int
    window: float = 1.0
    then: tuple[float, int] = (math.inf, 0)
    _let_through: deque[float] = field(default_factory=deque)

    def __call__(self, now: float) -> float | None:
        """Let a request through, or refuse it."""
        limit = self.limit if now < self.then[0] else self.then[1]
        while self._let_through and self._let_through[0] <= now - self.window:
            self._let_through.popleft()
        if len(self._let_through) < limit:
            self._let_through.append(now)
            return None
        return self._let_through[0] + self.window - now


@dataclass
class Closed:
    """Nothing until a moment, then everything."""

    until: float

    def __call__(self, now: float) -> float | None:
        """Let a request through, or refuse it."""
        return None if now >= self.until else self.until - now


@dataclass
class Fixed:
    """A number of requests in each window of the clock."""

    limit: int
    window: float = 1.0
    _number: int = -1
    _count: int = 0

    def __call__(self, now: float) -> float | None:
        """Let a request through, or refuse it."""
        if (number := math.floor(now / self.window)) != self._number:
            self._number, self._count = number, 0
        if self._count < self.limit:
            self._count += 1
            return None
        return (number + 1) * self.window - now


@dataclass
class Bucket:
    """A token bucket of a rate in requests a second."""

    rate: float
    size: float
    _level: float = math.inf
    _when: float = 0.0

    def __call__(self, now: float) -> float | None:
        """Let a request through, or refuse it."""
        self._level = min(self.size, self._level + (now - self._when) * self.rate)
        self._when = now
        if self._level >= 1:
            self._level -= 1
            return None
        return (1 - self._level) / self.rate


class Refused(Exception):
    """An answer of 429."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__("429")
        self.retry_after = retry_after


@dataclass
class Endpoint:
    """Answers after a while, if its limit allows it.

    Args:
        limit: what it lets through.
        retry_after: from the seconds until a request fits to what it asks for; None for no Retry-After.
        latency: median of the seconds until an answer.
        trip: the least, and the most, seconds of a request's way to the endpoint.
        spread: standard deviation of the logarithm of the latency.
        seed: of ways and latencies.
    """

    limit: LimitAt
    retry_after: Callable[[float], float | None] = math.ceil
    latency: float = 0.2
    trip: tuple[float, float] = (0.01, 0.02)
    spread: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        self.admitted: list[float] = []
        """When requests arrived that were let through, in order."""
        self.refused: list[float] = []

    async def ask(self) -> None:
        """Send a request, and wait for its answer."""
        await asyncio.sleep(self._draw.uniform(*self.trip))
        now = asyncio.get_running_loop().time() - BEGIN
        wait = self.limit(now)
        if wait is not None:
            self.refused.append(now)
            await asyncio.sleep(self._draw.uniform(*self.trip))
            raise Refused(self.retry_after(wait))
        self.admitted.append(now)
        await asyncio.sleep(self.latency * math.exp(self._draw.gauss(0, self.spread)))

    @property
    def refused_share(self) -> float:
        """Refused requests as a share of all."""
        return len(self.refused) / max(1, len(self.refused) + len(self.admitted))

    def rate(self, begin: float, end: float) -> float:
        """Return the requests a second that were let through in a time."""
        return (bisect_left(self.admitted, end) - bisect_left(self.admitted, begin)) / (end - begin)


def most_in(arrivals: Iterable[float], window: float) -> int:
    """Return the most arrivals in any window of some seconds."""
    recent: deque[float] = deque()
    most = 0
    for now in arrivals:
        recent.append(now)
        while recent[0] <= now - window:
            recent.popleft()
        most = max(most, len(recent))
    return most


class _Skipping(selectors.SelectSelector):
    """Puts the clock forward when the event loop would wait, and a little further, as a busy loop does."""

    def __init__(self, lateness: Callable[[], float]) -> None:
        super().__init__()
        self.now = BEGIN
        self._lateness = lateness

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return at once: nothing but time ever happens."""
        assert timeout is not None, "nothing is left to wait for"
        if timeout > 0:
            self.now += timeout + self._lateness()
        return []


def simulated(main: Coroutine[Any, Any, None], *, seed: int | None = 0) -> None:
    """Run a coroutine in simulated time, in an event loop that wakes 1 ms late on average, and often 10 ms.

    Args:
        main: what to run.
        seed: of the lateness; None for an event loop that is never late.
    """
    draw = random.Random(seed)
    late = (lambda: 0.01 if draw.random() < 0.01 else draw.expovariate(1000)) if seed is not None else float
    selector = _Skipping(late)
    with (
        patch("time.monotonic", lambda: selector.now),
        asyncio.Runner(loop_factory=partial(asyncio.SelectorEventLoop, selector)) as runner,
    ):
        runner.run(main)


def run(
    endpoint: Endpoint,
    rates: Rates,
    *,
    calls: int | None = None,
    seconds: float = math.inf,
    callers: int = 300,
) -> Endpoint:
    """Ask an endpoint through a new limiter until the calls are answered, or for some seconds.

    A call that is refused is repeated, after the time that the endpoint asks for, at the head of the line.

    Args:
        endpoint: is asked, and returned.
        rates: bounds of all calls.
        calls: number of calls, which are all there at the begin; None for as many as fit into `seconds`.
        seconds: after which no answer is waited for.
        callers: number of calls in line or in flight, if `calls` is None.
    """
    limiter = Limiter()
    numbers = itertools.count() if calls is None else iter(range(calls))

    async def call() -> None:
        for attempt in itertools.count():
            slot = await limiter.acquire(rates, first=attempt > 0)
            answered = False
            try:
                await endpoint.ask()
                answered = True
                return
            except Refused as refusal:
                limiter.refused(slot, refusal.retry_after)
                rest = refusal.retry_after
            finally:
                limiter.release(slot, answered=answered)
            await asyncio.sleep(min(30.0, 0.5 * 2**attempt) if rest is None else rest)

    async def caller() -> None:
        for _ in numbers:
            await call()

    async def main() -> None:
        tasks = [asyncio.ensure_future(caller()) for _ in range(callers if calls is None else calls)]
        await asyncio.wait(tasks, timeout=None if math.isinf(seconds) else seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    simulated(main(), seed=endpoint.seed)
    return endpoint
