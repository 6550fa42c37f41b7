"""A worker's share of the requests in flight and of the pace of one model, as it is granted over a line."""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from langgraph_parallel.runtime.slots import Rates
from langgraph_parallel.runtime.turnstile import Turnstile

_IDLE_SECONDS = 0.5
"""Places that nobody has used for this long are given back."""
_Line = tuple[float | None, float | None]
"""Requests and tokens per minute of the calls that wait together."""


class EndpointShare:
    """What this process may do at one endpoint, of what all workers share: `runtime.shared_limits`.

    Belongs to one event loop.

    Args:
        on_need: called when something is to be asked for, or told at once.
    """

    def __init__(self, on_need: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_need = on_need
        self._held = self._in_use = 0
        self._share = math.inf
        """Places to hold at most."""
        self._used_at = 0.0
        self._concurrency = 1
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turnstiles: dict[_Line, Turnstile] = {}
        self._lines: list[_Line] = []
        """Those that the last question was about."""
        self._is_paced = self._is_open = self._gives_back = False
        self._answered = 0
        self._launched: list[float] = []
        """When calls left without a time."""
        self._refused: list[tuple[float, float | None]] = []
        self.ask_at = self._loop.time()
        """Before, the same question would get the same answer."""

    @contextlib.asynccontextmanager
    async def lease(self, rates: Rates, tokens: int, seconds: float) -> AsyncIterator["EndpointShare"]:
        """Count as one of the requests in flight, once the rates have room for it: as `SharedLimits`."""
        await self._wait(rates, tokens)
        try:
            yield self
            self._answered += 1
        finally:
            self.return_place()

    async def renew(self) -> None:
        """Do nothing: a place is held until it is given back, or the worker is gone."""

    async def hold(self, rates: Rates, tokens: int, seconds: float) -> Callable[[], None]:
        """Take a lease; return what gives it back, from any thread."""
        await self._wait(rates, tokens)

        def give_back() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and all places are gone
                self._loop.call_soon_threadsafe(self.return_place)

        return give_back

    async def refused(self, seconds_ago: float, retry_after: float | None) -> None:
        """Tell all workers that a request was refused with 429."""
        self._refused.append((self._loop.time() - seconds_ago, retry_after))
        self._on_need()

    @property
    def has_news(self) -> bool:
        """Whether there is something to tell, though nobody waits for it."""
        return bool(self._launched or self._answered or self._held > self._in_use)

    @property
    def is_urgent(self) -> bool:
        """Whether others wait for what is to be told."""
        return bool(self._refused) or self._gives_back

    @property
    def is_in_need(self) -> bool:
        """Whether calls wait for a place, or for a time to leave that was not granted yet."""
        if self._waiting or any(one.is_in_need for one in self._turnstiles.values()):
            return True
        return sum(one.granted for one in self._turnstiles.values()) > max(0, self._held - self._in_use)

    @property
    def in_flight(self) -> int:
        """Calls that hold a place."""
        return self._in_use

    def told(self) -> dict[str, Any]:
        """Return what the keeper is to know, and is asked for: see `EndpointLimits.sync`."""
        now = self._loop.time()
        self._waiting = deque(future for future in self._waiting if not future.done())
        if not self._waiting and not self._waiting_for_times and not self._is_lately_used:
            self._held = self._in_use
        self._held = int(max(self._in_use, min(self._held, self._share)))
        told: dict[str, Any] = {
            "held": self._held,
            "demand": self._in_use + len(self._waiting) + self._waiting_for_times,
            "concurrency": self._concurrency,
        }
        if spare := [delay for one in self._turnstiles.values() for delay in one.take_back()]:
            told["spare"] = sorted(spare)
        if missed := [seconds for one in self._turnstiles.values() for seconds in one.take_missed()]:
            told["missed"] = missed
        wanted = {line: calls for line, one in self._turnstiles.items() if (calls := one.wanted())}
        self._lines = list(wanted)
        if wanted:
            told["lines"] = [[*line, calls] for line, calls in wanted.items()]
        if self._launched:
            told["launched"] = [now - when for when in self._launched]
        if self._refused:
            told["refused"] = [[now - when, retry_after] for when, retry_after in self._refused]
        if self._answered:
            told["answered"] = self._answered
        self._launched, self._answered, self._refused = [], 0, []
        self._gives_back = False
        return told

    def take(self, answer: Mapping[str, Any], late: float = 0.0) -> None:
        """Take what was granted.

        Args:
            answer: of the keeper.
            late: seconds that it came later than others do: its times count from before.
        """
        self._held, self._share = max(answer["held"], self._in_use), answer["share"]
        self._is_paced = answer["paced"]
        self.ask_at = self._loop.time() - late + answer["wait"]
        for line, delays in zip(self._lines, answer["delays"], strict=True):
            self._turnstiles[line].grant(delays, late)
        self._fill_places()

    def open(self) -> None:
        """Let all calls leave: nobody grants anything any more, and the limits of this process hold."""
        self._is_open = True
        for turnstile in self._turnstiles.values():
            turnstile.release()
        self._fill_places()

    @property
    def _waiting_for_times(self) -> int:
        return sum(one.waiting for one in self._turnstiles.values())

    @property
    def _is_lately_used(self) -> bool:
        return self._loop.time() - self._used_at < _IDLE_SECONDS

    async def _wait(self, rates: Rates, tokens: int) -> None:
        """Wait until a call may leave, which then holds a place."""
        self._concurrency = max(self._concurrency if self._in_use else 1, rates.concurrency)
        line = rates.requests_per_minute, rates.tokens_per_minute
        if not self._needs_time(line):
            await self._wait_for_place()
            if not self._needs_time(line):
                self._launched.append(self._loop.time())
                return
            self.return_place()  # a pace was learned in the meantime
        if line not in self._turnstiles:
            self._turnstiles[line] = Turnstile(self._on_need, self)
        await self._turnstiles[line].leave(tokens)

    def _needs_time(self, line: _Line) -> bool:
        return not self._is_open and (line != (None, None) or self._is_paced)

    async def _wait_for_place(self) -> None:
        if not self._waiting and self.take_place():
            return
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(future)
        self._on_need()
        try:
            await future
        except asyncio.CancelledError:
            if not future.cancelled():  # it was given a place at the same moment
                self.return_place()
            raise

    def take_place(self) -> bool:
        """Take a place, if one is free."""
        if self._in_use < self._held or self._is_open:
            self._in_use += 1
            return True
        return False

    def return_place(self) -> None:
        """Give a place back, for the next call."""
        self._in_use -= 1
        self._used_at = self._loop.time()
        if self._held > self._share and not self._is_open:
            self._held -= 1
            self._gives_back = True
            self._on_need()
        self._fill_places()

    def _fill_places(self) -> None:
        while self._waiting and (self._waiting[0].done() or self.take_place()):
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
        for turnstile in self._turnstiles.values():
            turnstile.let_leave()
