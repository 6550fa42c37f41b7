"""The path of every call to a model: budget, slot, timeout, hedge, record, retry.

A question is first looked up in the cache of answers, if there is one (`runtime.kept_answers`). It may join
the request of others who are asked the same (`runtime.samples`), or go into a batch (`runtime.batch`). Else
it may take several requests: the first one, its retries, a hedge, a repair. Each request

1. waits for the leader of the calls whose prompts begin alike, if it is worth it (`runtime.leading`)
2. starts only while the run starts calls, and its budget has room
3. waits in line for a slot of the endpoint, and holds it only while it is in flight
4. has a timeout, after which its connection is closed
5. settles what it took: its slot, the budget, and a record of its times, tokens and dollars
   (`runtime.open_call`)
"""

import asyncio
import time
import uuid
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.errors import DeadlineExceeded, NotStarted, RunDrained
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.account import Account
from langgraph_parallel.runtime.answer_setting import Chosen
from langgraph_parallel.runtime.attempting import send_attempts
from langgraph_parallel.runtime.bound import BranchEnded, current_bound
from langgraph_parallel.runtime.emitting import tell
from langgraph_parallel.runtime.kept_answers import Question, find_store, kept_or_asked
from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.limiter_registry import get_limiter
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.loops import loop_local_async
from langgraph_parallel.runtime.models import get_endpoint
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.recording import step_of
from langgraph_parallel.runtime.rendered import Rendered, as_rendered
from langgraph_parallel.runtime.resting import count_failure, detours
from langgraph_parallel.runtime.retry import is_throttled, is_transient, mark_used_up
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.samples import Together, send_together
from langgraph_parallel.runtime.sender import Sender
from langgraph_parallel.runtime.shared_limits import SharedLimits, get_shared
from langgraph_parallel.runtime.slots import Rates
from langgraph_parallel.runtime.waits import retry_after

AnswerT = TypeVar("AnswerT")
CallingT = TypeVar("CallingT", bound="Calling[Any]")


@dataclass(frozen=True)
class Calling(Generic[AnswerT]):
    """What all requests of one worker to one model share."""

    sender: Sender[AnswerT]
    target: str
    """Name of the model, for records."""
    endpoint: str
    """Address of the endpoint, or what identifies it else."""
    account: Account
    limiter: Limiter
    rates: Rates
    limits: Limits
    priced: Priced
    run: Run
    config: RunnableConfig
    step: str = ""
    """The step of an agent that makes the calls."""
    run_id: uuid.UUID | None = None
    """LangChain's id of the question, which its first request has in the record; None for a new one."""
    shared: SharedLimits | None = None
    """Limits that are shared with other processes; None if they are not."""
    has_fallback: bool = False
    """Whether another model is asked if this one fails (`runtime.fallbacks`)."""
    instead_of: str = ""
    """Name of the model that was to be asked, if this is its fallback."""
    answer_store: Chosen = None
    """The cache of answers of the worker itself; None for that of its run."""
    answers: Question = field(default_factory=Question)
    """What is kept once the question is answered."""
    together: Together | None = None
    """How it may share a request with others who are asked the same; None if it may not."""

    @classmethod
    def of(cls, model: BaseChatModel, sender: Any, own: Limits | None, run_manager: Any) -> "Calling[Any]":
        """Collect what the calls of a governed model need in the current run.

        Args:
            model: to be called.
            sender: sends its requests.
            own: limits of its calls.
            run_manager: of LangChain; None outside of its callbacks.
        """
        run = current_run()
        limits = run.limits_for(own)
        priced = Priced.of(model).at(limits)
        return Calling(
            sender=sender,
            target=priced.model,
            endpoint=get_endpoint(model),
            account=Account.of(model),
            limiter=get_limiter(get_endpoint(model), priced.model),
            rates=Rates.of(limits),
            limits=limits,
            priced=priced,
            run=run,
            config=RunnableConfig(),
            step=step_of(getattr(run_manager, "metadata", None) or {}),
            run_id=getattr(run_manager, "run_id", None),
        )

    @classmethod
    async def to(
        cls, model: BaseChatModel, sender: Any, own: Limits | None, run_manager: Any
    ) -> "Calling[Any]":
        """Collect the same, and the limits that are shared with other processes."""
        calling = cls.of(model, sender, own, run_manager)
        priced = calling.priced
        # Reading the price table takes time: once, and not in the event loop.
        await loop_local_async(("priced", priced), lambda: asyncio.to_thread(priced.usd, Usage()))
        return replace(calling, shared=await get_shared(get_endpoint(model), calling.target))

    def below(self, run: Run, config: RunnableConfig, **place: Any) -> "Calling[AnswerT]":
        """Return the same for the calls of one branch.

        Args:
            run: that the branch is part of, under the same limits.
            config: of the branch.
            place: `has_fallback` and `instead_of`.
        """
        return self.changed(type(self), run=run, config=config, answers=Question(), **place)

    def changed(self, kind: type[CallingT], **fields: Any) -> CallingT:
        """Return the same as a kind of calling, with other values of some fields."""
        calling = object.__new__(kind)  # `replace` sets every field by itself, for each call
        vars(calling).update(vars(self), **fields)
        return calling

    async def answered(self) -> None:
        """Keep the answers, where a cache of answers is used: they answer the question."""
        await self.answers.answered()

    def note_remarks(self) -> None:
        """Note in the run's report what the endpoint does not take of a request, and a price to look at."""
        for remark in (*self.sender.remarks(), *self.priced.remarks(self.endpoint)):
            self.run.note(f"{self.target} at {self.endpoint}: {remark}")

    def new_call(
        self, prompt_tokens: int, number: int = 1, *, hedge: bool = False, kind: type[OpenCall] = OpenCall
    ) -> OpenCall:
        """Return a call that is yet to be opened."""
        return kind(
            target=self.target,
            endpoint=self.endpoint,
            account=self.account,
            run=self.run,
            limiter=self.limiter,
            limits=self.limits,
            rates=self.rates,
            priced=self.priced,
            prompt_tokens=prompt_tokens,
            number=number,
            hedge=hedge,
            step=self.step,
            has_fallback=self.has_fallback,
            instead_of=self.instead_of,
            id=self.run_id if self.run_id and number == 1 and not hedge else uuid.uuid4(),
        )

    def send(
        self, prompt: Rendered | Sequence[BaseMessage], purpose: str = ""
    ) -> Coroutine[Any, Any, AnswerT]:
        """Send until there is an answer, or a limit is reached.

        Args:
            prompt: its messages, or with what they have in common with those of other calls.
            purpose: of the call, added to its name in traces: `repair`.

        Raises:
            NotStarted: the run starts no more calls, or its budget is spent.
            EndpointPaused: the endpoint asks for a longer pause than the limits allow.
            TimeoutError: no answer in time; `DeadlineExceeded` if the run's deadline passed.
            Exception: the provider's error, after the last attempt.
        """
        prompt = as_rendered(prompt)
        if find_store(self) is None:
            return self.send_anew(prompt, purpose)
        return kept_or_asked(self, prompt.messages, partial(self.send_anew, prompt, purpose))

    def send_anew(self, prompt: Rendered, purpose: str) -> Coroutine[Any, Any, AnswerT]:
        """Send as `send`, whatever the cache of answers has."""
        # Here and in `send`, a coroutine around the other one would wait with it: one more for each call.
        if (bound := current_bound()) is None:
            return self._send_bounded(prompt, purpose)
        if not prompt.number_line or purpose or self.together is None:
            return send_attempts(self, prompt, purpose, bound)
        alone = partial(send_attempts, self, prompt, purpose, bound)
        return send_together(self, prompt, bound, self.together, alone)

    async def _send_bounded(self, prompt: Rendered, purpose: str) -> AnswerT:
        """Send for a planner, a judge or a synthesizer, which no branch is around.

        So deadline and drain reach the call only through a bound of its own.
        """
        bound = self.run.open_bound()
        try:
            with bound:
                return await send_attempts(self, prompt, purpose, bound)
        except BranchEnded:
            error = DeadlineExceeded if bound.ended_by == "deadline" else RunDrained
            raise error(bound.why) from None

    async def failed(self, call: OpenCall, error: BaseException, cut_off: Usage) -> None:
        """Settle a request that failed or was cut off, after the limiter has learned from it.

        Args:
            call: open.
            error: what it raised.
            cut_off: tokens that count as used if it was cut off.
        """
        call.learn(error, alone=self.shared is None)
        was_cut_off = isinstance(error, TimeoutError) or not isinstance(error, Exception)
        throttled = is_throttled(error)
        try:
            if self.shared is not None and throttled:
                pause = retry_after(error)
                if pause is not None:
                    pause = min(pause, self.limits.retry_after_ceiling)
                await self.shared.refused(time.time() - call.started, pause)
        finally:
            used: Usage = cut_off if was_cut_off else getattr(error, "usage", None) or Usage()
            call.close(used, ok=False, throttled=throttled)

    @contextmanager
    def counting_failures(self) -> Iterator[None]:
        """Note that a call fails for good."""
        try:
            yield
        except Exception as error:
            self.failed_for_good(error)
            raise

    def failed_for_good(self, error: Exception) -> None:
        """Note that a call is not tried again: its endpoint may rest, and nobody else tries, either."""
        if not isinstance(error, NotStarted):
            mark_used_up(error)
            count_failure((self.endpoint, self.target, self.account), error, self.limits.rest_after)

    def tell(self, event: str, **fields: Any) -> None:
        """Emit an event of the branch whose call it is, if anybody listens."""
        tell(event, **fields)

    def timed_out(self) -> TimeoutError:
        """Return the error of a request that was not answered in time, with what to change."""
        return TimeoutError(
            f"no answer from {self.target} within {self.limits.call_timeout:g} s; raise call_timeout "
            "(--timeout), or lower concurrency (--concurrency) if the server works on few at a time"
        )

    def is_retried(self, error: BaseException) -> bool:
        """Return whether a request is repeated: with a fallback, not to an endpoint that rests."""
        key = self.endpoint, self.target, self.account
        return is_transient(error) and not (self.has_fallback and detours.is_resting(key))
