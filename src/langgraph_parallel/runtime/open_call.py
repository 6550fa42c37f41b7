"""A model call of other people's code, and the ledgers that are settled when it ends."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langgraph_parallel.errors import BudgetSpent, NotStarted
from langgraph_parallel.records import Call, Usage
from langgraph_parallel.runtime.bound import Bound, current_bound
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.limiter_registry import get_limiter
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.prices import Priced, check_budget
from langgraph_parallel.runtime.recording import current_recording
from langgraph_parallel.runtime.retry import is_overloaded, is_throttled, retry_after
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.slots import Rates, Slot
from langgraph_parallel.runtime.tokens import estimate_tokens


@dataclass
class OpenCall:
    """A call of others, from the moment that it asks for budget."""

    target: str
    run: Run
    limiter: Limiter
    limits: Limits
    priced: Priced
    prompt_tokens: int
    calls: dict[str, Call] | None
    bound: Bound | None
    amount: Amount = field(default_factory=Amount)
    slot: Slot | None = None
    started: float = 0.0

    @classmethod
    def of(cls, serialized: Mapping[str, Any], metadata: Mapping[str, Any], messages: Any) -> "OpenCall":
        """Describe a call by what LangChain tells of it."""
        provider = metadata.get("ls_provider") or ""
        model = str(metadata.get("ls_model_name") or serialized.get("name") or "model")
        run = current_run()
        limits = run.limits
        return cls(
            target=model,
            run=run,
            limiter=get_limiter(_endpoint(serialized, str(provider)), model),
            limits=limits,
            priced=Priced(str(provider) or None, model).at(limits),
            prompt_tokens=sum(estimate_tokens(m.text) for batch in messages for m in batch),
            calls=current_recording(),
            bound=current_bound(),
        )

    @property
    def tokens(self) -> int:
        """Tokens to take from the endpoint's rates."""
        return self.prompt_tokens + self.limiter.expected_answer(self.limits.answer_tokens)

    async def open(self) -> None:
        """Wait for budget and a slot.

        Raises:
            NotStarted: the run starts no calls, or its budget is spent.
            EndpointPaused: the endpoint asks for a longer pause than the limits allow.
        """
        self._check()
        await self.run.budget.reserve(self.amount)
        try:
            self.slot = await self.limiter.acquire(
                Rates.of(self.limits), tokens=self.tokens, run=self.run.line, priority=self.run.priority
            )
            self.run.check()
            if self.bound is not None and self.bound.closed:
                raise NotStarted("the branch has ended")
            self.run.budget.recheck(self.amount)
        except BaseException:
            self.give_back()
            raise
        self._begin()

    def open_at_once(self) -> None:
        """Reserve budget, and take a slot if one is free: for code that must not wait here.

        A sync call blocks the event loop of its thread. Other calls of that loop cannot return their slots
        meanwhile, so waiting for one might never end.

        Raises:
            NotStarted: the run starts no calls, or its budget is spent.
        """
        self._check()
        if not self.run.budget.try_reserve(self.amount):
            raise BudgetSpent("the budget has no room for another call")
        self.slot = self.limiter.try_acquire(
            Rates.of(self.limits), tokens=self.tokens, run=self.run.line, priority=self.run.priority
        )
        self._begin()

    def give_back(self) -> None:
        """Return slot and reservation of a call that is not made."""
        if self.slot is not None:
            self.limiter.release(self.slot)
        self.run.budget.settle(self.amount, Amount())

    def close(self, id: UUID, usage: Usage, error: BaseException | None = None, *, ok: bool) -> None:
        """Settle the ledgers of a call: slot, tokens, budget, record."""
        if isinstance(error, Exception) and self.slot is not None:
            if is_throttled(error):
                self.limiter.refused(self.slot, retry_after(error))
            elif is_overloaded(error):
                self.limiter.overloaded(self.slot, retry_after(error))
        used = usage.input_tokens + usage.output_tokens
        if self.slot is not None and ok and used:
            self.limiter.release(self.slot, answered=True, tokens=used, answer=usage.output_tokens)
        elif self.slot is not None:
            self.limiter.release(self.slot, answered=ok)
        usd = self.priced.usd(usage)
        self.run.budget.settle(self.amount, Amount(1, used, usd or 0.0))
        if self.bound is not None:
            self.bound.in_flight -= 1
        if self.calls is not None:
            self.calls[str(id)] = Call(
                id=str(id),
                kind="model",
                target=self.target,
                started=self.started,
                ended=time.time(),
                ok=ok,
                throttled=error is not None and is_throttled(error),
                usage=usage,
                usd=usd,
            )

    def _check(self) -> None:
        self.run.check()
        check_budget(self.limits, self.priced)
        self.amount = Amount(1)
        if self.run.budget.chain:
            most = Usage(input_tokens=self.prompt_tokens, output_tokens=self.limits.answer_tokens)
            self.amount = Amount(1, most.input_tokens + most.output_tokens, self.priced.usd(most) or 0.0)

    def _begin(self) -> None:
        self.started = time.time()
        if self.bound is not None:
            self.bound.in_flight += 1


def _endpoint(serialized: Mapping[str, Any], provider: str) -> str:
    """Return what identifies the endpoint of a call, as `models.get_endpoint` does."""
    fields = serialized.get("kwargs") or {}
    address = fields.get("openai_api_base") or fields.get("base_url")
    if provider == "openai":
        named = os.environ.get("OPENAI_API_BASE") or os.environ.get("OPENAI_BASE_URL")
        address = address or named or "https://api.openai.com/v1"
        return f"{str(address).rstrip('/')}/"
    return str(address or serialized.get("name") or provider or "model")
