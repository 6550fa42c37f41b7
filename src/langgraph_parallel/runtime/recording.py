"""The calls of a branch, collected while it runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from langgraph_parallel.records import Call, Usage
from langgraph_parallel.runtime.retry import is_throttled

_calls: ContextVar[dict[str, Call] | None] = ContextVar("calls", default=None)


@contextmanager
def recording() -> Iterator[dict[str, Call]]:
    """Collect the calls that are made inside, by id; an enclosing recording gets them when this one ends."""
    outer = _calls.get()
    inner: dict[str, Call] = {}
    token = _calls.set(inner)
    try:
        yield inner
    finally:
        _calls.reset(token)
        if outer is not None:
            outer.update(inner)


def record(call: Call) -> None:
    """Add a call to the recording that this code runs in; does nothing outside of one."""
    calls = _calls.get()
    if calls is not None:
        calls[call.id] = call


def read_usage(message: BaseMessage) -> Usage:
    """Return the tokens of an answer as counted by the provider; zero if it does not say."""
    counted = message.usage_metadata if isinstance(message, AIMessage) else None
    if not counted:
        return Usage()
    return Usage(input_tokens=counted["input_tokens"], output_tokens=counted["output_tokens"])


class CallRecorder(AsyncCallbackHandler):
    """Records model calls of foreign workers, which do not record themselves.

    `Ask` gives its calls their run id as call id, so that a call recorded twice is one entry.

    Args:
        calls: where to put them, by id.
    """

    def __init__(self, calls: dict[str, Call]) -> None:
        self._calls = calls
        self._running: dict[UUID, tuple[str, float]] = {}
        """Target and start of each call in progress."""

    async def on_chat_model_start(
        self,
        serialized: dict[str, Any] | None,
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Note when a call starts, and to which model."""
        target = (
            (kwargs.get("metadata") or {}).get("ls_model_name") or (serialized or {}).get("name") or "model"
        )
        self._running[run_id] = (str(target), time.time())

    async def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Record a call that was answered."""
        usage = Usage.total(
            read_usage(generation.message)
            for batch in response.generations
            for generation in batch
            if isinstance(generation, ChatGeneration)
        )
        self._record(run_id, usage=usage)

    async def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Record a call that failed."""
        self._record(run_id, ok=False, throttled=is_throttled(error))

    def _record(self, run_id: UUID, **outcome: Any) -> None:
        if run_id in self._running:
            target, started = self._running.pop(run_id)
            call = Call(
                id=str(run_id), kind="model", target=target, started=started, ended=time.time(), **outcome
            )
            self._calls.setdefault(call.id, call)  # a record by `Ask` has more fields, so it stays
