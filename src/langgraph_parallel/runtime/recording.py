"""Who called whom: the calls of a branch, collected while it runs."""

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
    """Collect the calls that are made inside, by id; an enclosing recording gets them too."""
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
    """Note a call in the recording that this code runs in, if any."""
    calls = _calls.get()
    if calls is not None:
        calls[call.id] = call


def read_usage(message: BaseMessage) -> Usage:
    """Tokens of an answer, as the provider counts them; zero where it does not say."""
    counted = message.usage_metadata if isinstance(message, AIMessage) else None
    if not counted:
        return Usage()
    return Usage(input_tokens=counted["input_tokens"], output_tokens=counted["output_tokens"])


class CallRecorder(AsyncCallbackHandler):
    """Notes the model calls of workers that are not ours, which nobody else would note.

    A call that `ask` made itself has its run id as its call id, so it is the same entry, not a second one.
    """

    def __init__(self, calls: dict[str, Call]) -> None:
        self._calls = calls
        self._open: dict[UUID, tuple[str, float]] = {}

    async def on_chat_model_start(
        self,
        serialized: dict[str, Any] | None,
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Remember when a call began, and of which model."""
        target = (
            (kwargs.get("metadata") or {}).get("ls_model_name") or (serialized or {}).get("name") or "model"
        )
        self._open[run_id] = (str(target), time.time())

    async def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Note a call that was answered."""
        usage = Usage.total(
            read_usage(generation.message)
            for batch in response.generations
            for generation in batch
            if isinstance(generation, ChatGeneration)
        )
        self._close(run_id, usage=usage)

    async def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Note a call that failed."""
        self._close(run_id, ok=False, throttled=is_throttled(error))

    def _close(self, run_id: UUID, **outcome: Any) -> None:
        if run_id in self._open:
            target, started = self._open.pop(run_id)
            call = Call(
                id=str(run_id), kind="model", target=target, started=started, ended=time.time(), **outcome
            )
            self._calls.setdefault(call.id, call)
