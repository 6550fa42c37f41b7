"""The path of every call to a model: budget, slot, time, hedge, record, retry.

One question may take several requests: the first, its retries, a hedge, a repair. Each of them

1. may start only while the run starts calls, and its budget has something left for it
2. waits in line for a slot of the endpoint, and holds it only while it is on its way
3. has its time, and is closed when that is over
4. leaves a record: when, how long, tokens, dollars, whether it was refused
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.errors import DeadlineExceeded, RunDrained
from langgraph_parallel.records import Call, Usage
from langgraph_parallel.runtime.bound import Bound, BranchEnded, current_bound
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.limiter import Limiter, Rates, Slot, current_limiter
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.recording import read_usage, record
from langgraph_parallel.runtime.redis_limits import Shared
from langgraph_parallel.runtime.retry import is_overloaded, is_throttled, retry_after, retrying
from langgraph_parallel.runtime.run import Run
from langgraph_parallel.runtime.stragglers import Running
from langgraph_parallel.runtime.structured import BoundModel
from langgraph_parallel.runtime.tokens import estimate_tokens


@dataclass(frozen=True)
class Calling:
    """Everything that the requests of one worker to one model have in common."""

    bound: BoundModel
    target: str
    limiter: Limiter
    rates: Rates
    limits: Limits
    priced: Priced
    run: Run
    config: RunnableConfig
    shared: Shared | None = None
    """Where limits are shared with other processes."""

    async def send(self, messages: Sequence[BaseMessage], what: str = "") -> AIMessage:
        """Send until there is an answer, or the limits are reached.

        Raises:
            NotStarted: the run makes no more calls, or its budget is spent.
            EndpointPaused: the endpoint wants to be left alone for too long.
            TimeoutError: no answer in time; a DeadlineExceeded if it was the run's.
            Exception: what the provider raises, after the last attempt.
        """
        if (bound := current_bound()) is not None:
            return await self._send(messages, what, bound)
        bound = self.run.branch()  # a planner, a judge, a synthesizer: nobody else bounds it
        try:
            async with bound:
                return await self._send(messages, what, bound)
        except BranchEnded:
            kind = DeadlineExceeded if bound.ended_by == "deadline" else RunDrained
            raise kind(bound.why) from None

    async def _send(self, messages: Sequence[BaseMessage], what: str, bound: Bound) -> AIMessage:
        tokens = sum(estimate_tokens(message.text) for message in messages)
        async for attempt in retrying(self.limits, bound.waiting):
            with attempt:
                number = attempt.retry_state.attempt_number
                return await self._attempt(_Request(self, messages, tokens, number, what), bound)
        raise AssertionError("tenacity re-raises the last error")  # pragma: no cover

    async def _attempt(self, request: "_Request", bound: Bound) -> AIMessage:
        """One attempt: a request, and for a straggler a second one."""
        self.run.check()
        bound.in_line += 1
        try:
            slot = await self._slot(request)
        finally:
            bound.in_line -= 1
        bound.in_flight += 1
        try:
            return await (request.make(slot) if self.limits.hedge == "off" else self._hedged(request, slot))
        finally:
            bound.in_flight -= 1

    async def _slot(self, request: "_Request") -> Slot:
        """Wait for budget and a slot, and make sure that the call may still start after all that time."""
        await self.run.budget.reserve(request.amount)
        slot: Slot | None = None
        try:
            slot = await self.limiter.acquire(
                self.rates, tokens=request.tokens, run=self.run.root, first=request.number > 1
            )
            self.run.check()
            self.run.budget.recheck(request.amount)
        except BaseException:
            request.give_back(slot)
            raise
        return slot

    async def _hedged(self, request: "_Request", slot: Slot) -> AIMessage:
        """A request, and a second one when it is late: the first answer wins, the other is cut off."""
        stragglers = self.limiter.stragglers
        late = stragglers.watch()
        alarm = asyncio.ensure_future(self._alarm(late))
        racing = [request.start(slot)]
        answer: AIMessage | None = None
        try:
            await asyncio.wait([*racing, alarm], return_when=asyncio.FIRST_COMPLETED)
            if not racing[0].done() and (second := self._second(request)) is not None:
                racing.append(second)
            answer = await _first_answer(racing)
            request.cut_off = read_usage(answer)
            return answer
        finally:
            stragglers.finished(late, answered=answer is not None)
            await _cut_off([*racing, alarm])

    async def _alarm(self, late: Running) -> None:
        """Return when a call is late."""
        if isinstance(self.limits.hedge, float):
            await asyncio.sleep(self.limits.hedge)
        else:
            await late.waiter.told()

    def _second(self, request: "_Request") -> "asyncio.Task[AIMessage] | None":
        """Send a second request, if its share, its budget and a free slot allow it; nobody waits for it."""
        if self.run.root.drained or not self.run.budget.try_reserve(request.amount):
            return None
        slot = self.limiter.try_acquire(self.rates, tokens=request.tokens)
        if slot is None or not self.limiter.stragglers.may_hedge(self.limits.hedge_share):
            request.give_back(slot)
            return None
        return request.start(slot, hedge=True)


class _Request:
    """One request of a question; with a hedge, the same one twice."""

    def __init__(
        self, calling: Calling, messages: Sequence[BaseMessage], tokens: int, number: int, what: str
    ) -> None:
        self._calling, self._messages, self._what = calling, messages, what
        self.number = number
        self.tokens = tokens + calling.limiter.expected_answer(calling.limits.answer_tokens)
        """What it is expected to take of the endpoint's tokens; a budget sets aside the most that it may."""
        self.cut_off = Usage(input_tokens=tokens)
        """What a request is taken to have used that was cut off."""
        most = Usage(input_tokens=tokens, output_tokens=calling.limits.answer_tokens)
        self._begun: list[Slot] = []
        self.amount = Amount(1)
        if calling.run.budget.chain:
            usd = calling.priced.usd(most) or 0.0
            self.amount = Amount(1, most.input_tokens + most.output_tokens, usd)

    def give_back(self, slot: Slot | None) -> None:
        """Nothing was sent: what was set aside for it is free again."""
        if slot is not None:
            self._calling.limiter.release(slot)
        self._calling.run.budget.settle(self.amount, Amount())

    def start(self, slot: Slot, *, hedge: bool = False) -> "asyncio.Task[AIMessage]":
        """Make it in a task; one that is cancelled before it has begun gives back what it holds."""
        task = asyncio.ensure_future(self.make(slot, hedge=hedge))
        task.add_done_callback(lambda _: None if slot in self._begun else self.give_back(slot))
        return task

    async def make(self, slot: Slot, *, hedge: bool = False) -> AIMessage:
        """Make it, give the slot back, and leave a record, whatever comes of it."""
        self._begun.append(slot)
        calling, limits, limiter = self._calling, self._calling.limits, self._calling.limiter
        id, started = uuid.uuid4(), time.time()
        usage, ok, throttled = Usage(), False, False
        token = current_limiter.set(limiter)
        try:
            if calling.shared is None:
                answer = await self._answer(id)
            else:
                async with calling.shared.lease(calling.rates, self.tokens, limits.call_timeout):
                    started = time.time()
                    answer = await self._answer(id)
            usage, ok = read_usage(answer), True
            return answer
        except asyncio.CancelledError:
            usage = self.cut_off
            raise
        except TimeoutError as error:
            usage = self.cut_off
            raise TimeoutError(f"no answer from {calling.target} within {limits.call_timeout:g} s") from error
        except Exception as error:
            throttled = is_throttled(error)
            pause = retry_after(error)
            if throttled:
                limiter.refused(slot, pause)
            elif is_overloaded(error):
                limiter.overloaded(slot, pause)
            if calling.shared is not None and pause is not None and (throttled or is_overloaded(error)):
                await calling.shared.pause(min(pause, limits.retry_after_ceiling))
            raise
        finally:
            current_limiter.reset(token)
            used = usage.input_tokens + usage.output_tokens
            if ok and used:
                limiter.release(slot, answered=True, tokens=used, answer=usage.output_tokens)
            else:
                limiter.release(slot, answered=ok)
            usd = calling.priced.usd(usage)
            calling.run.budget.settle(self.amount, Amount(1, used, usd or 0.0))
            record(
                Call(
                    id=str(id),
                    kind="model",
                    target=calling.target,
                    started=started,
                    ended=time.time(),
                    attempt=self.number,
                    ok=ok,
                    throttled=throttled,
                    hedge=hedge,
                    usage=usage,
                    usd=usd,
                )
            )

    async def _answer(self, id: uuid.UUID) -> AIMessage:
        async with asyncio.timeout(self._calling.limits.call_timeout):
            return await self._calling.bound.ainvoke(self._messages, self._config(id))

    def _config(self, id: uuid.UUID) -> RunnableConfig:
        config = self._calling.config
        name = config.get("run_name") or self._calling.target
        return {**config, "run_id": id, "run_name": f"{name} {self._what}".strip()}


async def _first_answer(racing: Sequence["asyncio.Task[AIMessage]"]) -> AIMessage:
    """The first answer of several requests; if all fail, the error of the first one."""
    running = set(racing)
    while running:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled() and task.exception() is None:
                return task.result()
    return racing[0].result()


async def _cut_off(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    """Cancel what still runs, and see it end: the connection is closed then."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
