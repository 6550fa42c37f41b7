"""The limits of a worker process, which the keeper at the other end of its line grants.

One task tells and asks for everything at once: places, times to leave, and the budget. It asks when calls
wait, at most once in `_LEAST_SECONDS`, and tells a few times a second what has changed.
"""

import asyncio
import contextlib
import logging
import math
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

from langgraph_parallel.runtime.granted_budget import GrantedBudget
from langgraph_parallel.runtime.lateness import Lateness
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.engine import Line, LineEnded
from langgraph_parallel.scale.line.coordinator import GONE
from langgraph_parallel.scale.line.endpoint_share import EndpointShare
from langgraph_parallel.scale.line.limits import LEAVE, SYNC

_LEAST_SECONDS, _USUAL_SECONDS = 0.015, 0.2
"""Seconds between two questions: at least; and while only the news are to be told."""
_NONE_SECONDS = 0.05
"""The same after a purse has granted nothing."""
_log = logging.getLogger("langgraph_parallel")


class LineLimits:
    """What this process may do, of what all workers share.

    Args:
        line: to the keeper.
        budget: limits whose budgets hold over all workers; None for no budget.
    """

    def __init__(self, line: Line, budget: Limits | None) -> None:
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._session = secrets.token_hex(8)
        self._endpoints: dict[str, EndpointShare] = {}
        self._needed = asyncio.Event()
        self._is_gone = False
        self._told_at = self._purse_at = self._loop.time()
        self._lateness = Lateness()
        self.budget = None if budget is None else GrantedBudget(budget, self._need_from_any_thread)

    def share_of(self, endpoint: str, model: str) -> EndpointShare:
        """Return what is shared about one model of one endpoint."""
        name = f"{endpoint}|{model}"
        if name not in self._endpoints:
            self._endpoints[name] = EndpointShare(self._needed.set)
            if self._is_gone:
                self._endpoints[name].open()
        return self._endpoints[name]

    async def provide(self, endpoint: str, model: str) -> EndpointShare:
        """Return the same, as a provider of what is shared."""
        return self.share_of(endpoint, model)

    @contextlib.asynccontextmanager
    async def kept_up(self) -> AsyncIterator[None]:
        """Tell and ask while the context is entered; give back everything at its end."""
        if self.budget is not None:
            await self._sync(SYNC)  # the first calls, of sync code too, find some room
        asking = asyncio.ensure_future(self._keep_up())
        try:
            yield
        finally:
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            if not self._is_gone:
                await self._sync(LEAVE)

    async def _keep_up(self) -> None:
        """Tell and ask until the line is lost; whatever ends it, calls that wait for it hear of."""
        try:
            await self._ask_when_due()
        except Exception as error:
            self._lose_line(error)

    async def _ask_when_due(self) -> None:
        while not self._is_gone:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_until_due()):
                    await self._needed.wait()
            self._needed.clear()
            if self._is_due():
                await self._sync(SYNC)
            await asyncio.sleep(_LEAST_SECONDS)

    def _seconds_until_due(self) -> float:
        now, due = self._loop.time(), self._news_are_due
        for endpoint in self._endpoints.values():
            if endpoint.is_in_need:
                due = min(due, endpoint.ask_at)
        if self.budget is not None and self.budget.is_in_need:
            due = min(due, self._purse_at)
        return max(0.0, due - now)

    @property
    def _news_are_due(self) -> float:
        """When to tell what nobody waits for: before calls have to wait for the budget."""
        lasts = math.inf if self.budget is None else self.budget.half_lasts
        return self._told_at + min(_USUAL_SECONDS, lasts)

    def _is_due(self) -> bool:
        endpoints, now = self._endpoints.values(), self._loop.time()
        if now >= self._news_are_due and (
            any(one.has_news for one in endpoints) or (self.budget is not None and self.budget.has_news)
        ):
            return True
        if self.budget is not None and self.budget.is_in_need and now >= self._purse_at:
            return True
        return any(one.is_urgent or (one.is_in_need and now >= one.ask_at) for one in endpoints)

    async def _sync(self, op: str) -> None:
        """Tell and ask; without an answer, go on without the others."""
        self._told_at = self._loop.time()
        try:
            answer = await self._line.ask(op, self._told(all_of_it=op == LEAVE))
            if answer.get("control") == GONE:
                raise LineEnded("the command has ended")
            self._take(answer)
        except LineEnded:
            self._go_alone()
        except Exception as error:  # whatever it is: calls wait for what this asks for
            self._lose_line(error)

    def _told(self, *, all_of_it: bool) -> dict[str, Any]:
        endpoints = {
            name: one.told()
            for name, one in self._endpoints.items()
            if one.has_news or one.is_urgent or one.is_in_need
        }
        data: dict[str, Any] = {"session": self._session, "endpoints": endpoints}
        if self.budget is not None:
            data["purse"] = self.budget.told(all_of_it=all_of_it)
        return data

    def _take(self, answer: Mapping[str, Any]) -> None:
        if answer.get("gone"):
            self._begin_again()
            return
        late = self._lateness.of(answer["now"], self._loop.time())
        for name, granted in answer["endpoints"].items():
            self._endpoints[name].take(granted, late)
        if self.budget is not None:
            self.budget.take(answer["purse"])
            self._purse_at = self._loop.time() + (_NONE_SECONDS if self.budget.is_in_need else 0.0)

    def _begin_again(self) -> None:
        """Go on after the keeper has taken this worker for dead, and counted all that it held as spent."""
        self._session = secrets.token_hex(8)
        if self.budget is not None:
            self.budget.begin_again()
        self._needed.set()

    def _lose_line(self, error: Exception) -> None:
        _log.warning("limits are not shared any more: %s", error)
        self._go_alone()

    def _go_alone(self) -> None:
        """Let calls go on within the limits of this process, and within what it was granted of the budget."""
        self._is_gone = True
        for endpoint in self._endpoints.values():
            endpoint.open()
        if self.budget is not None:
            self.budget.close("the coordinator of the run is gone, and with it the budget")

    def _need_from_any_thread(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._needed.set)
