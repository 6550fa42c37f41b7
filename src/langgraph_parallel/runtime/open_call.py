"""One request to a model, from the moment that it asks for budget, and the ledgers that it is settled in.

Every request goes through this, whoever makes it: an `Ask` or a governed model (`runtime.calling`), or a
chat model that other people's code calls (`runtime.governor`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from langgraph_parallel.errors import BudgetSpent, NotStarted
from langgraph_parallel.records import Call, Usage
from langgraph_parallel.records.call import Lane
from langgraph_parallel.records.events import WaitsOn
from langgraph_parallel.runtime.account import Account
from langgraph_parallel.runtime.admission import (
    check_rest,
    circuit_of,
    end_probe,
    obeys_rests,
    wait_for_rest,
    wait_for_slot,
)
from langgraph_parallel.runtime.bound import Bound, current_bound
from langgraph_parallel.runtime.budget import NO_AMOUNT, Amount
from langgraph_parallel.runtime.call_record import record_end, tell_start
from langgraph_parallel.runtime.emitting import Emitter, current_emitter
from langgraph_parallel.runtime.explain import explain, kind_of
from langgraph_parallel.runtime.failure import LASTING, classify
from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.prices import Priced, check_budget
from langgraph_parallel.runtime.recording import current_recording
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.resting import Key, count_answer, detours
from langgraph_parallel.runtime.run import Run
from langgraph_parallel.runtime.shared_limits import hold_blocking
from langgraph_parallel.runtime.slots import Rates, Slot
from langgraph_parallel.runtime.waiting import in_event_loop, run_here
from langgraph_parallel.runtime.waits import retry_after

_ONE = Amount(1)


@dataclass(eq=False, slots=True)
class OpenCall:
    """A request, and what it holds: an amount of the budget, a slot of its endpoint."""

    target: str
    """Name of the model, for the record."""
    run: Run
    limiter: Limiter
    limits: Limits
    rates: Rates
    priced: Priced
    prompt_tokens: int
    """Tokens of the prompt, estimated."""
    number: int = 1
    """1 for the first attempt."""
    hedge: bool = False
    step: str = ""
    """The step of an agent that makes the request."""
    id: UUID = field(default_factory=uuid4)
    recorded: dict[str, Call] | None = field(default_factory=current_recording)
    bound: Bound | None = field(default_factory=current_bound)
    emitter: Emitter | None = field(default_factory=current_emitter)
    cause: str | None = None
    """Kind of its failure."""
    amount: Amount = field(default_factory=lambda: NO_AMOUNT)
    """Amount to reserve: the most that the request may take, since a budget is never exceeded."""
    slot: Slot | None = None
    started: float = 0.0
    endpoint: str = ""
    """Address of the endpoint, or what identifies it else."""
    account: Account = field(default_factory=Account)
    is_probe: bool = False
    """Whether it finds out if an endpoint that rests answers again (`runtime.resting`)."""
    lane: Lane = "live"
    samples: int = 1
    """Number of answers that its request asks for: each counts as a call, and against the rates."""
    unbilled_tokens: int = 0
    """Tokens of the prompt that another answer to the same request is billed for."""
    has_fallback: bool = False
    """Whether another model is asked if this one fails: then it waits for no rest."""
    instead_of: str = ""
    """Name of the model that was to be asked, if this is its fallback."""
    is_made: bool = False
    """Whether its request has begun, which then settles it."""
    return_lease: Callable[[], None] | None = None
    """Returns what is held of the limits that are shared with other processes."""

    @property
    def key(self) -> Key:
        """What a rest is kept for."""
        return self.endpoint, self.target, self.account

    @property
    def tokens(self) -> int:
        """Tokens to take from the endpoint's rates: what is expected, since a wrong guess is corrected."""
        answer = self.limiter.expected_answer(self.limits.answer_tokens)
        return self.samples * (self.prompt_tokens + answer)

    async def open(self) -> None:
        """Wait for budget and a slot, and check that the call may still start after all that time.

        Raises:
            NotStarted: the run starts no calls, or its budget is spent, or the branch has ended, or the
                endpoint rests.
            EndpointPaused: the endpoint asks for a longer pause than the limits allow.
        """
        while not await self._try_to_open():
            pass
        self._begin()

    async def _try_to_open(self) -> bool:
        """Take budget and a slot; return False, without them, if the endpoint has begun to rest meanwhile."""
        self._prepare()
        if may_rest := obeys_rests(self) and circuit_of(self).may_rest(self.key):
            await wait_for_rest(self)
        try:
            if may_rest:
                self._prepare()  # the wait may have been long
            # Budget before slot: waiting for budget can take as long as another call, and a slot that is held
            # meanwhile would be missing for requests that could leave.
            await self.run.budget.reserve(self.amount, self.waits)
        except BaseException:
            end_probe(self)
            raise
        try:
            self.slot = await wait_for_slot(self)
            self.run.check()
            self.run.check_usable(self.endpoint, self.account, self.target)
            if self.bound is not None and self.bound.closed:
                raise NotStarted("the branch has ended")
            self.run.budget.recheck(self.amount)
        except BaseException:
            self._return()
            raise
        if not obeys_rests(self) or self.is_probe or not circuit_of(self).is_resting(self.key):
            return True
        self._return()
        return False

    def try_open(self) -> bool:
        """Take budget and a slot if both are there at once; return whether they are."""
        self._prepare()
        if circuit_of(self).is_resting(self.key) or not self.run.budget.try_reserve(self.amount):
            return False
        self.slot = self._try_slot()
        if self.slot is None:
            self._return()
            return False
        self._begin()
        return True

    def open_at_once(self) -> None:
        """Reserve budget, and take a slot if one is free: for code that must not wait here.

        A sync call blocks the event loop of its thread. Other calls of that loop cannot return their slots
        meanwhile, so waiting for one might never end.

        Raises:
            NotStarted: the run starts no calls, or its budget is spent, or the endpoint rests.
        """
        self._prepare()
        check_rest(self)
        if not self.run.budget.try_reserve(self.amount):
            end_probe(self)
            raise BudgetSpent("the budget has no room for another call")
        self.slot = self._try_slot()
        self._begin()

    def open_blocking(self) -> None:
        """Open the call in sync code: wait in this thread, but not where an event loop runs.

        Raises:
            NotStarted, EndpointPaused: as `open`.
        """
        if in_event_loop():
            self.open_at_once()
            return
        run_here(self.open())
        try:
            seconds = self.limits.call_timeout
            self.return_lease = hold_blocking(self.endpoint, self.target, self.rates, self.tokens, seconds)
        except BaseException:
            self.give_back()
            raise

    def give_back(self) -> None:
        """Return what a request holds that is not sent after all."""
        self._end()
        self._return()

    def learn(self, error: BaseException, *, alone: bool = True) -> None:
        """Let the run and the limiter learn from an error, while the slot is still held.

        Args:
            error: what the request raised.
            alone: whether this process learns the pace of its endpoint by itself.
        """
        if not isinstance(error, Exception):
            return
        explain(
            error,
            endpoint=self.endpoint,
            model=self.target,
            key=self.account.key,
            tokens=self.prompt_tokens,
        )
        if self.is_probe:
            self.is_probe = False
            circuit_of(self).failed(self.key, error, self.limits.rest_after, probe=True)
        else:
            detours.request_failed(self.key, error, self.limits.rest_after)
        self.cause = kind = kind_of(error)
        if kind in LASTING and classify(error).is_lasting:
            # A gateway has one address for models of several accounts: a fallback there may be usable.
            only_model = kind == "model" or self.has_fallback or bool(self.instead_of)
            refused = self.target if only_model else ""
            self.run.give_up(self.endpoint, self.account, refused, (describe(error), kind))
        if self.slot is None:
            return
        if kind == "throttled":
            self.limiter.refused(self.slot, retry_after(error), alone=alone)
        elif kind in ("overloaded", "timeout"):
            self.limiter.overloaded(self.slot, retry_after(error))

    def close(self, usage: Usage, *, ok: bool, throttled: bool = False) -> None:
        """Settle the ledgers: slot, tokens, budget, record.

        Nothing in here awaits, so that a cancellation cannot come between them.

        Args:
            usage: tokens as counted by the provider, or estimated if the request was cut off.
            ok: whether there was an answer.
            throttled: whether the answer was 429.
        """
        self._end()
        if ok:
            self.is_probe = False
            count_answer(self.key)
        end_probe(self)
        used = usage.input_tokens + usage.output_tokens
        if self.slot is not None and ok and used:
            taken = used + (self.samples - 1) * usage.input_tokens  # as rates count it
            each = usage.output_tokens // self.samples
            self.limiter.release(self.slot, answered=True, tokens=taken, answer=each)
        elif self.slot is not None:
            # Tokens of a request that failed, or that the provider did not count, stay at their estimate.
            self.limiter.release(self.slot, answered=ok)
        usd = self.priced.usd(usage, self.lane, self.unbilled_tokens)
        self.run.budget.settle(self.amount, Amount(self.samples, used, usd or 0.0))
        self._record(usage, usd, ok=ok, throttled=throttled)

    def _prepare(self) -> None:
        self.run.check()
        self.run.check_usable(self.endpoint, self.account, self.target)
        check_budget(self.limits, self.priced)
        self.amount = _ONE if self.samples == 1 else Amount(self.samples)
        if self.run.budget.chain:
            prompt, answer = self.prompt_tokens, self.samples * self.limits.answer_tokens
            most = self.priced.most_usd(prompt, answer, self.lane)
            self.amount = Amount(self.samples, prompt + answer, most or 0.0)

    def _try_slot(self) -> Slot | None:
        return self.limiter.try_acquire(
            self.rates, tokens=self.tokens, run=self.run.line, priority=self.run.priority
        )

    def _begin(self) -> None:
        self.started = time.time()
        if self.bound is not None:  # a drain grants its grace to branches with a call in flight
            self.bound.launched()
        if not self.hedge:  # which may be given back, and is told once it is sure to leave
            tell_start(self)

    def _record(self, usage: Usage, usd: float | None, *, ok: bool, throttled: bool) -> None:
        record_end(self, usage, usd, ok=ok, throttled=throttled)

    def waits(self, on: WaitsOn) -> None:
        """Tell that the call waits, if anybody listens."""
        if self.emitter is not None:
            self.emitter.emit("waiting", on=on, call=str(self.id))

    def _end(self) -> None:
        if self.return_lease is not None:
            self.return_lease()
        if self.bound is not None:
            self.bound.landed()

    def _return(self) -> None:
        end_probe(self)
        if self.slot is not None:
            self.limiter.release(self.slot)
            self.slot = None
        self.run.budget.settle(self.amount, NO_AMOUNT)
