"""Governor: model calls of other people's code obey the run, too, through LangChain's callbacks.

A function, a tool, an agent or a graph of others calls its chat models itself. LangChain tells callbacks when
a call starts, and waits for them: there the call waits for budget and a slot, as `runtime.calling` does for
our own. It tells them when a call ends or fails: there the ledgers are settled. What shapes this module:

- A cancelled call is reported neither as ended nor as failed, nor is a sync one whose later handlers raise.
  But each call has a callback manager of its own, which is gone when the call's own code has ended: then, and
  at the latest when the task that made the call is done, an open call is settled.
- Sync and async managers call handlers differently. A sync manager runs async handlers in a loop of their
  own, after everything else, and swallows what they raise, so it needs a sync handler; an async manager
  calls a sync handler without waiting. Each of the two handlers acts for one kind of manager only.
- A refused call raises in a handler, which LangChain logs as a mistake. It is none, so the log leaves it out.
- A model's own retries happen inside of the slot, unseen. In async code the trace of a refused call has
  begun, and shows no end.
"""

import asyncio
import inspect
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, BaseCallbackManager
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

from langgraph_parallel.errors import ModelError
from langgraph_parallel.records import Call, Usage
from langgraph_parallel.runtime.account import Account
from langgraph_parallel.runtime.foreign_calls import close_with, find_maker, ledger
from langgraph_parallel.runtime.levels import emitting_outside
from langgraph_parallel.runtime.limiter_registry import current_limiter, get_limiter
from langgraph_parallel.runtime.models import GOVERNED_TAG
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.recording import Unheard, read_usage, recording, step_of
from langgraph_parallel.runtime.run import current_run, find_run
from langgraph_parallel.runtime.shared_limits import get_shared
from langgraph_parallel.runtime.slots import Rates
from langgraph_parallel.runtime.tokens import count_tokens


class _SyncGovernor(Unheard, BaseCallbackHandler):
    """Acts on calls that start in sync code, and settles all."""

    raise_error = True
    run_inline = True
    ignore_chain = ignore_agent = ignore_retriever = ignore_custom_event = ignore_retry = True

    def on_chat_model_start(
        self,
        serialized: dict[str, Any] | None,
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Wait for budget and a slot, in the thread of the call."""
        if _is_ours() or GOVERNED_TAG in (kwargs.get("tags") or ()):
            return
        # An async manager calls this from a coroutine, and does not wait: the other handler acts there. It is
        # not inline, since what comes after an inline handler that raises would never be awaited; so it runs
        # in another task than the call.
        caller = sys._getframe(1)
        if caller.f_code.co_flags & inspect.CO_COROUTINE:
            ledger.note_maker(run_id, find_maker(caller))
            return
        call = _new_call(run_id, serialized or {}, kwargs.get("metadata") or {}, messages)
        call.open_blocking()
        ledger.add(run_id, call)
        close_with(run_id, find_maker(caller).manager, None)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Settle a call that was answered; forget one that a cache has answered."""
        if any(_is_cached(generation) for batch in response.generations for generation in batch):
            ledger.forget(run_id)
            return
        usage = Usage.total(
            read_usage(generation.message)
            for batch in response.generations
            for generation in batch[:1]  # each of several answers to a prompt carries the tokens of all
            if isinstance(generation, ChatGeneration)
        )
        ledger.close(run_id, usage, ok=True)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Settle a call that failed."""
        ledger.close(run_id, Usage() if isinstance(error, Exception) else None, error, ok=False)


class _AsyncGovernor(Unheard, AsyncCallbackHandler):
    """Acts on calls that start in async code."""

    raise_error = True
    ignore_chain = ignore_agent = ignore_retriever = ignore_custom_event = ignore_retry = True

    async def on_chat_model_start(
        self,
        serialized: dict[str, Any] | None,
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Wait for budget and a slot."""
        if (maker := ledger.take_maker(run_id)) is None or maker.task is None:
            return  # an `Ask` makes the call, or a thread, which has opened it
        call = _new_call(run_id, serialized or {}, kwargs.get("metadata") or {}, messages)
        with nullcontext() if call.bound is None else call.bound.waiting():
            await call.open()
        try:
            if (shared := await get_shared(call.endpoint, call.target)) is not None:
                call.return_lease = await shared.hold(call.rates, call.tokens, call.limits.call_timeout)
                call.started = time.time()
        except BaseException:
            call.give_back()
            raise
        ledger.add(run_id, call)
        maker.task.add_done_callback(lambda _: ledger.close(run_id, ok=False))
        close_with(run_id, maker.manager, asyncio.get_running_loop())

    async def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Do nothing: the other handler settles, without waiting."""

    async def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        """Do nothing, as above."""


def _is_no_refusal(record: logging.LogRecord) -> bool:
    names = (_SyncGovernor.__name__, _AsyncGovernor.__name__)
    return not (isinstance(record.args, tuple) and record.args and record.args[0] in names)


logging.getLogger("langchain_core.callbacks.manager").addFilter(_is_no_refusal)
_HANDLERS = (_SyncGovernor(), _AsyncGovernor())
_managers: WeakKeyDictionary[BaseCallbackManager, BaseCallbackManager] = WeakKeyDictionary()
_ACCOUNT = Account(keys_vary=True)
"""Of all calls of others: LangChain does not tell with which key a model is called."""


def governed_config(config: RunnableConfig) -> RunnableConfig:
    """Return a config below which every chat model obeys the run that it is called in.

    Graphs of others get back the limit of steps that the run was given: it is lifted for ours only.
    """
    if (run := find_run(config)) is not None:
        config = {**config, "recursion_limit": run.steps_of_others}
    callbacks: Any = config.get("callbacks")
    if callbacks is None or isinstance(callbacks, list):
        others = [handler for handler in callbacks or [] if handler not in _HANDLERS]
        return {**config, "callbacks": [*_HANDLERS, *others]}
    if all(handler in callbacks.inheritable_handlers for handler in _HANDLERS):
        return config
    return {**config, "callbacks": _governed(callbacks)}


def _governed(callbacks: BaseCallbackManager) -> BaseCallbackManager:
    """Return a manager with the handlers here: always the same for all branches that one task runs."""
    if (manager := _managers.get(callbacks)) is None:
        manager = _managers[callbacks] = callbacks.copy()
        # First: in sync code, a call that is refused has not begun for a tracer then.
        manager.handlers = [*_HANDLERS, *manager.handlers]
        manager.inheritable_handlers = [*_HANDLERS, *manager.inheritable_handlers]
    return manager


@contextmanager
def governed_recording() -> Iterator[dict[str, Call]]:
    """Collect the calls that are made inside, and let those of others obey the run: a planner's, a join's."""
    token = var_child_runnable_config.set(governed_config(var_child_runnable_config.get() or {}))
    try:
        config = var_child_runnable_config.get() or {}
        with recording(config) as calls, emitting_outside(find_run(config), config):
            yield calls
    finally:
        var_child_runnable_config.reset(token)


def _new_call(
    id: UUID, serialized: Mapping[str, Any], metadata: Mapping[str, Any], messages: Any
) -> OpenCall:
    """Describe a call by what LangChain tells of it."""
    provider = str(metadata.get("ls_provider") or "")
    model = str(metadata.get("ls_model_name") or serialized.get("name") or "model")
    run, endpoint = current_run(), _endpoint(serialized, provider)
    limits = run.limits
    if run.answers.store is not None:
        run.note(f"answers of {model} are not kept: code of yours calls it; pass it there as governed(model)")
    if limits.lane == "batch" and limits.without_batch != "live":
        raise ModelError(
            f"{model} is called by code that knows no batches; wrap it in governed(...), or set "
            "without_batch='live' to send such calls live, at the full price"
        )
    return OpenCall(
        target=model,
        run=run,
        endpoint=endpoint,
        account=_ACCOUNT,
        limiter=get_limiter(endpoint, model),
        limits=limits,
        rates=Rates.of(limits),
        priced=Priced(provider or None, model).at(limits),
        prompt_tokens=sum(map(count_tokens, messages)),
        step=step_of(metadata),
        id=id,
    )


def _endpoint(serialized: Mapping[str, Any], provider: str) -> str:
    """Return what identifies the endpoint of a call, as `models.get_endpoint` does."""
    fields = serialized.get("kwargs") or {}
    address = fields.get("openai_api_base") or fields.get("base_url")
    if provider == "openai":
        named = os.environ.get("OPENAI_API_BASE") or os.environ.get("OPENAI_BASE_URL")
        address = address or named or "https://api.openai.com/v1"
        return f"{str(address).rstrip('/')}/"
    return str(address or serialized.get("name") or provider or "model")


def _is_cached(generation: Any) -> bool:
    """Return whether a cache of LangChain's gave an answer: it says that the answer cost nothing."""
    usage: Any = getattr(getattr(generation, "message", None), "usage_metadata", None) or {}
    return bool(usage.get("total_cost") == 0)


def _is_ours() -> bool:
    """Return whether an `Ask` makes the call, which is governed already."""
    return current_limiter.get() is not None
