"""Calls whose answer arrives in parts: the slot is held until the last one."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, nullcontext
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.bound import current_bound
from langgraph_parallel.runtime.calling import Calling, count_tokens
from langgraph_parallel.runtime.limiter_registry import current_limiter
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.recording import read_usage
from langgraph_parallel.runtime.retry import retrying
from langgraph_parallel.runtime.tokens import estimate_tokens

Chunks = AsyncIterator[ChatGenerationChunk]


async def stream(
    calling: Calling[Any], messages: Sequence[BaseMessage], open_stream: Callable[[], Chunks]
) -> AsyncGenerator[ChatGenerationChunk, None]:
    """Yield the parts of an answer; until the first one has arrived, a failure is retried.

    Args:
        calling: how the call goes; its sender is not used.
        messages: the prompt.
        open_stream: makes a request, and yields the parts of its answer.

    Raises:
        NotStarted, EndpointPaused: as `Calling.send`.
        TimeoutError: a part did not arrive within `call_timeout`.
        Exception: the provider's error.
    """
    bound = current_bound()
    waiting = nullcontext if bound is None else bound.waiting
    async for attempt in retrying(calling.limits, waiting):
        with attempt:
            call = calling.new_call(count_tokens(messages), attempt.retry_state.attempt_number)
            with waiting():
                await call.open()
            parts = _Parts(calling, call, open_stream)
            part = await parts.first()
    try:
        while part is not None:
            yield part
            part = await parts.next()
    finally:
        await parts.close()


class _Parts:
    """The parts of one answer, and the call that is settled after the last.

    Args:
        calling: how the call goes.
        call: open.
        open_stream: makes the request.
    """

    def __init__(self, calling: Calling[Any], call: OpenCall, open_stream: Callable[[], Chunks]) -> None:
        self._calling, self._call, self._open_stream = calling, call, open_stream
        self._held = AsyncExitStack()
        self._usage, self._text = Usage(), ""
        self._open = True

    async def first(self) -> ChatGenerationChunk | None:
        """Make the request, and return the first part; None if there is none."""
        calling = self._calling
        token = current_limiter.set(calling.limiter)
        try:
            if calling.shared is not None:
                lease = calling.shared.lease(calling.rates, self._call.tokens, calling.limits.call_timeout)
                await self._held.enter_async_context(lease)
                self._call.started = time.time()
            self._chunks = self._open_stream()
            if isinstance(self._chunks, AsyncGenerator):
                self._held.push_async_callback(self._chunks.aclose)
            return await self.next()
        except BaseException as error:
            await self._fail(error)
            raise
        finally:
            current_limiter.reset(token)

    async def next(self) -> ChatGenerationChunk | None:
        """Return the next part; None after the last, when the call is settled."""
        try:
            async with asyncio.timeout(self._calling.limits.call_timeout):
                part = await anext(self._chunks, None)
        except BaseException as error:
            await self._fail(error)
            raise
        if part is None:
            self._open = False
            self._call.close(self._usage, ok=True)
        else:
            self._usage += read_usage(part.message)
            self._text += part.text
        return part

    async def close(self) -> None:
        """Settle a call whose reader went away, and close its connection."""
        await self._fail(GeneratorExit())

    async def _fail(self, error: BaseException) -> None:
        if self._open:
            self._open = False
            answered = estimate_tokens(self._text) if self._text else 0
            cut_off = Usage(input_tokens=self._call.prompt_tokens, output_tokens=answered)
            await self._calling.failed(self._call, error, cut_off)
        await self._held.aclose()
