"""One request to a model, and the ledgers that are settled when it ends."""

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Call, Usage
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.limiter_registry import current_limiter
from langgraph_parallel.runtime.recording import read_usage, record
from langgraph_parallel.runtime.retry import is_overloaded, is_throttled, retry_after
from langgraph_parallel.runtime.slots import Slot

if TYPE_CHECKING:
    from langgraph_parallel.runtime.calling import Calling


@dataclass
class _Outcome:
    """How one request ended."""

    hedge: bool
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    started: float = field(default_factory=time.time)
    usage: Usage = field(default_factory=Usage)
    ok: bool = False
    throttled: bool = False


class Request:
    """One attempt at a question. With a hedge, it is made twice.

    Args:
        calling: what it shares with the other requests of its worker.
        messages: the prompt.
        tokens: estimated tokens of the prompt.
        number: 1 for the first attempt.
        purpose: of the call, for traces.
    """

    def __init__(
        self, calling: "Calling", messages: Sequence[BaseMessage], tokens: int, number: int, purpose: str
    ) -> None:
        self._calling, self._messages, self._purpose = calling, messages, purpose
        self.number = number
        self.tokens = tokens + calling.limiter.expected_answer(calling.limits.answer_tokens)
        """Tokens to take from the endpoint's rates: what is expected, since a wrong guess is corrected
        later."""
        self.cut_off = Usage(input_tokens=tokens)
        """Tokens that count as used if the request is cut off: the provider charges the prompt at least."""
        most = Usage(input_tokens=tokens, output_tokens=calling.limits.answer_tokens)
        self._made: list[Slot] = []
        self.amount = Amount(1)
        """Amount to reserve in the budget: the most that the request may take, since a budget is never
        exceeded."""
        if calling.run.budget.chain:
            usd = calling.priced.usd(most) or 0.0
            self.amount = Amount(1, most.input_tokens + most.output_tokens, usd)

    def give_back(self, slot: Slot | None) -> None:
        """Return slot and reservation of a request that was never sent."""
        if slot is not None:
            self._calling.limiter.release(slot)
        self._calling.run.budget.settle(self.amount, Amount())

    def start(self, slot: Slot, *, hedge: bool = False) -> "asyncio.Task[AIMessage]":
        """Make the request in a task."""
        task = asyncio.ensure_future(self.make(slot, hedge=hedge))
        # A task that is cancelled before its first step never enters `make`, and so never settles.
        task.add_done_callback(lambda _: None if slot in self._made else self.give_back(slot))
        return task

    async def make(self, slot: Slot, *, hedge: bool = False) -> AIMessage:
        """Make the request; settle its ledgers, however it ends.

        Raises:
            TimeoutError: no answer within `call_timeout`.
            Exception: the provider's error.
        """
        self._made.append(slot)
        outcome = _Outcome(hedge)
        token = current_limiter.set(self._calling.limiter)
        try:
            answer = await self._leased_answer(outcome)
            outcome.usage, outcome.ok = read_usage(answer), True
            return answer
        except asyncio.CancelledError:
            outcome.usage = self.cut_off
            raise
        except TimeoutError as error:
            outcome.usage = self.cut_off
            seconds = self._calling.limits.call_timeout
            raise TimeoutError(f"no answer from {self._calling.target} within {seconds:g} s") from error
        except Exception as error:
            outcome.throttled = is_throttled(error)
            await self._slow_down(slot, error)
            raise
        finally:
            current_limiter.reset(token)
            self._settle(slot, outcome)

    async def _leased_answer(self, outcome: _Outcome) -> AIMessage:
        """Wait for a lease if limits are shared with other processes, then for the answer."""
        calling = self._calling
        if calling.shared is None:
            return await self._answer(outcome.id)
        async with calling.shared.lease(calling.rates, self.tokens, calling.limits.call_timeout):
            outcome.started = time.time()  # waiting for a lease is not part of the call
            return await self._answer(outcome.id)

    async def _answer(self, id: uuid.UUID) -> AIMessage:
        # The timeout covers opening the connection, so a call may time out before the endpoint has seen it.
        # It counts all the same, in the report and in the budget: the client cannot tell whether it arrived.
        async with asyncio.timeout(self._calling.limits.call_timeout):
            return await self._calling.bound.ainvoke(self._messages, self._config(id))

    def _config(self, id: uuid.UUID) -> RunnableConfig:
        config = self._calling.config
        name = config.get("run_name") or self._calling.target
        return {**config, "run_id": id, "run_name": f"{name} {self._purpose}".strip()}

    async def _slow_down(self, slot: Slot, error: Exception) -> None:
        """Let the limiter learn from a 429 or an overload, while the slot is still held."""
        calling, pause = self._calling, retry_after(error)
        if is_throttled(error):
            calling.limiter.refused(slot, pause)
        elif is_overloaded(error):
            calling.limiter.overloaded(slot, pause)
        else:
            return
        if calling.shared is not None and pause is not None:
            await calling.shared.pause(min(pause, calling.limits.retry_after_ceiling))

    def _settle(self, slot: Slot, outcome: _Outcome) -> None:
        """Settle the four ledgers of a request: slot, tokens, budget, record.

        Nothing in here awaits, so that a cancellation cannot come between them.
        """
        self._settle_slot_and_tokens(slot, outcome)
        usd = self._calling.priced.usd(outcome.usage)
        self._settle_budget(outcome, usd)
        self._record(outcome, usd)

    def _settle_slot_and_tokens(self, slot: Slot, outcome: _Outcome) -> None:
        usage = outcome.usage
        used = usage.input_tokens + usage.output_tokens
        if outcome.ok and used:
            self._calling.limiter.release(slot, answered=True, tokens=used, answer=usage.output_tokens)
        else:
            # Tokens of a request that failed, or that the provider did not count, stay at their estimate.
            self._calling.limiter.release(slot, answered=outcome.ok)

    def _settle_budget(self, outcome: _Outcome, usd: float | None) -> None:
        used = outcome.usage.input_tokens + outcome.usage.output_tokens
        self._calling.run.budget.settle(self.amount, Amount(1, used, usd or 0.0))

    def _record(self, outcome: _Outcome, usd: float | None) -> None:
        record(
            Call(
                id=str(outcome.id),
                kind="model",
                target=self._calling.target,
                started=outcome.started,
                ended=time.time(),
                attempt=self.number,
                ok=outcome.ok,
                throttled=outcome.throttled,
                hedge=outcome.hedge,
                usage=outcome.usage,
                usd=usd,
            )
        )
