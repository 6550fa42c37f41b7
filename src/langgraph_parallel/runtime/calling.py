"""The path of every call to a model: budget, slot, timeout, hedge, record, retry.

One question may take several requests: the first one, its retries, a hedge, a repair. Each request

1. starts only while the run starts calls, and its budget has room
2. waits in line for a slot of the endpoint, and holds it only while it is in flight
3. has a timeout, after which its connection is closed
4. settles what it took: its slot, the budget, and a record of its times, tokens and dollars
   (`runtime.request`)
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.errors import DeadlineExceeded, RunDrained
from langgraph_parallel.runtime.bound import Bound, BranchEnded, current_bound
from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.recording import read_usage
from langgraph_parallel.runtime.redis_limits import Shared
from langgraph_parallel.runtime.request import Request
from langgraph_parallel.runtime.retry import retrying
from langgraph_parallel.runtime.run import Run
from langgraph_parallel.runtime.slots import Rates, Slot
from langgraph_parallel.runtime.stragglers import Running
from langgraph_parallel.runtime.structured import BoundModel
from langgraph_parallel.runtime.tokens import estimate_tokens


@dataclass(frozen=True)
class Calling:
    """What all requests of one worker to one model share."""

    bound: BoundModel
    target: str
    """Name of the model, for records."""
    limiter: Limiter
    rates: Rates
    limits: Limits
    priced: Priced
    run: Run
    config: RunnableConfig
    shared: Shared | None = None
    """Limits that are shared with other processes; None if they are not."""

    async def send(self, messages: Sequence[BaseMessage], purpose: str = "") -> AIMessage:
        """Send until there is an answer, or a limit is reached.

        Args:
            messages: the prompt.
            purpose: of the call, added to its name in traces: `repair`.

        Raises:
            NotStarted: the run starts no more calls, or its budget is spent.
            EndpointPaused: the endpoint asks for a longer pause than the limits allow.
            TimeoutError: no answer in time; `DeadlineExceeded` if the run's deadline passed.
            Exception: the provider's error, after the last attempt.
        """
        if (bound := current_bound()) is not None:
            return await self._send(messages, purpose, bound)
        # A planner, a judge or a synthesizer: it is not in a branch, so deadline and drain reach it only
        # through a bound of its own.
        bound = self.run.open_bound()
        try:
            async with bound:
                return await self._send(messages, purpose, bound)
        except BranchEnded:
            error = DeadlineExceeded if bound.ended_by == "deadline" else RunDrained
            raise error(bound.why) from None

    async def _send(self, messages: Sequence[BaseMessage], purpose: str, bound: Bound) -> AIMessage:
        tokens = sum(estimate_tokens(message.text) for message in messages)
        async for attempt in retrying(self.limits, bound.waiting):
            with attempt:
                number = attempt.retry_state.attempt_number
                return await self._attempt(Request(self, messages, tokens, number, purpose), bound)
        raise AssertionError("tenacity re-raises the last error")  # pragma: no cover

    async def _attempt(self, request: Request, bound: Bound) -> AIMessage:
        """Make one attempt: a request, and a hedge if it becomes a straggler."""
        self.run.check()
        # The bound counts who waits and who is in flight: a drain ends the former at once, and grants the
        # latter its grace.
        with bound.waiting():
            slot = await self._acquire_slot(request)
        bound.in_flight += 1
        try:
            return await (request.make(slot) if self.limits.hedge == "off" else self._hedged(request, slot))
        finally:
            bound.in_flight -= 1

    async def _acquire_slot(self, request: Request) -> Slot:
        """Wait for budget and a slot, and check that the call may still start after all that time."""
        # Budget before slot: waiting for budget can take as long as another call, and a slot that is held
        # meanwhile would be missing for requests that could leave.
        await self.run.budget.reserve(request.amount)
        slot: Slot | None = None
        try:
            slot = await self.limiter.acquire(
                self.rates,
                tokens=request.tokens,
                run=self.run.line,
                priority=self.run.priority,
                first=request.number > 1,
            )
            self.run.check()
            self.run.budget.recheck(request.amount)
        except BaseException:
            request.give_back(slot)
            raise
        return slot

    async def _hedged(self, request: Request, slot: Slot) -> AIMessage:
        """Make a request, and a second one when it is late: the first answer wins, the other is cut off."""
        stragglers = self.limiter.stragglers
        watched = stragglers.watch()
        alarm = asyncio.ensure_future(self._wait_until_late(watched))
        racing = [request.start(slot)]
        answer: AIMessage | None = None
        try:
            await asyncio.wait([*racing, alarm], return_when=asyncio.FIRST_COMPLETED)
            # Both may be done in the same turn of the loop: then there is an answer already, and no
            # need to hedge.
            if not racing[0].done() and (hedge := self._start_hedge(request)) is not None:
                racing.append(hedge)
            answer = await _first_answer(racing)
            # The loser was asked the same, so the provider charges about as much for it. Set before it is cut
            # off below, since it is settled then.
            request.cut_off = read_usage(answer)
            return answer
        finally:
            stragglers.finished(watched, answered=answer is not None)
            await _cut_off([*racing, alarm])

    async def _wait_until_late(self, watched: Running) -> None:
        """Return once a call is late."""
        if isinstance(self.limits.hedge, float):
            await asyncio.sleep(self.limits.hedge)
        else:
            await watched.waiter.wait()

    def _start_hedge(self, request: Request) -> "asyncio.Task[AIMessage] | None":
        """Start a second request if budget, slot and share allow it at once; None if they do not.

        A hedge never waits: it is worth something only now, and first requests of others come before it.
        """
        if self.run.root.drained or not self.run.budget.try_reserve(request.amount):
            return None
        slot = self.limiter.try_acquire(
            self.rates, tokens=request.tokens, run=self.run.line, priority=self.run.priority
        )
        # The share is asked last, because it counts the hedge as sent.
        if slot is None or not self.limiter.stragglers.may_hedge(self.limits.hedge_share):
            request.give_back(slot)
            return None
        return request.start(slot, hedge=True)


async def _first_answer(racing: Sequence["asyncio.Task[AIMessage]"]) -> AIMessage:
    """Return the first answer of several requests; if all fail, raise the error of the first request.

    One that fails does not end the race: the other may still be answered.
    """
    running = set(racing)
    while running:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled() and task.exception() is None:
                return task.result()
    return racing[0].result()


async def _cut_off(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    """Cancel the tasks that still run, and wait until they have ended.

    Only then are their connections closed and their ledgers settled: the caller may read the report next.
    """
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
