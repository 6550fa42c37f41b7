"""Sync calls in the batch lane: a thread waits for what the event loop of its branch gathers."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.bound import current_bound
from langgraph_parallel.runtime.waiting import in_event_loop

T = TypeVar("T")


def wait_in_thread(call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what a call returns, made in the event loop of the branch, so that it is gathered with others.

    Args:
        call: makes the call.

    Raises:
        UsageError: this thread runs an event loop, which could gather nothing in the meantime.
    """
    if in_event_loop():
        raise UsageError(
            "a sync call of a model in an event loop cannot wait for a batch; use ainvoke, or call it in a "
            "function that is not async"
        )
    bound = current_bound()
    if bound is not None and bound.loop.is_running():
        # The task gets a copy of the context of this thread: its run, its branch, what records its calls.
        return asyncio.run_coroutine_threadsafe(call(), bound.loop).result()
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(call(), context=copy_context())


def whole_chunk(result: ChatResult) -> ChatGenerationChunk:
    """Return an answer as the only part of a stream."""
    message = result.generations[0].message
    chunk = AIMessageChunk(
        content=message.content,
        additional_kwargs=message.additional_kwargs,
        response_metadata=message.response_metadata,
        tool_calls=message.tool_calls if isinstance(message, AIMessage) else [],
        usage_metadata=message.usage_metadata if isinstance(message, AIMessage) else None,
        id=message.id,
    )
    return ChatGenerationChunk(message=chunk, generation_info=result.generations[0].generation_info)
