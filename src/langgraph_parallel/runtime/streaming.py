"""Calls whose answer arrives in parts: the slot is held until the last one."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk

from langgraph_parallel.errors import DeadlineExceeded
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.bound import current_bound
from langgraph_parallel.runtime.calling import Calling
from langgraph_parallel.runtime.counted import add_counted, as_usage
from langgraph_parallel.runtime.limiter_registry import current_limiter
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.retry import retrying
from langgraph_parallel.runtime.shared_limits import Lease
from langgraph_parallel.runtime.time_limit import time_limit
from langgraph_parallel.runtime.timers import timeout
from langgraph_parallel.runtime.tokens import count_tokens, estimate_tokens

Chunks = AsyncIterator[ChatGenerationChunk]


async def stream(
    calling: Calling[Any],
    messages: Sequence[BaseMessage],
    open_stream: Callable[[], Chunks],
    around: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> AsyncGenerator[ChatGenerationChunk, None]:
    """Yield the parts of an answer; until the first one has arrived, a failure is retried.

    Args:
        calling: how the call goes; its sender is not used.
        messages: the prompt.
        open_stream: makes a request, and yields the parts of its answer.
        around: context in which its code runs.

    Raises:
        NotStarted, EndpointPaused: as `Calling.send`.
        TimeoutError: a part did not arrive within `call_timeout`; `DeadlineExceeded` if the run's deadline
            passed.
        Exception: the provider's error.
    """
    bound = current_bound()
    waiting = nullcontext if bound is None else bound.waiting
    with calling.counting_failures():
        async with _in_time(calling):  # the pauses before a retry included
            async for attempt in retrying(calling.limits, waiting):
                with attempt:
                    call = calling.new_call(count_tokens(messages), attempt.number)
                    with waiting():
                        await call.open()
                    parts = _Parts(calling, call, open_stream, around)
                    part = await parts.first()
    try:
        while part is not None:
            yield part
            part = await parts.next()
    finally:
        await parts.close()


@asynccontextmanager
async def _in_time(calling: Calling[Any]) -> AsyncIterator[None]:
    """Limit the time to that of the run."""
    try:
        async with timeout(calling.run.seconds_left()):
            yield
    except TimeoutError as error:
        if calling.run.seconds_left() == 0:
            raise DeadlineExceeded("the run's deadline has passed") from None
        raise calling.timed_out() from error


class _Parts:
    """The parts of one answer, and the call that is settled after the last.

    Args:
        calling: how the call goes.
        call: open.
        open_stream: makes the request.
        around: context in which its code runs.
    """

    def __init__(
        self,
        calling: Calling[Any],
        call: OpenCall,
        open_stream: Callable[[], Chunks],
        around: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._calling, self._call, self._open_stream, self._around = calling, call, open_stream, around
        self._held = AsyncExitStack()
        self._text = ""
        self._counted: UsageMetadata | None = None
        self._lease: Lease | None = None
        self._open = True

    async def first(self) -> ChatGenerationChunk | None:
        """Make the request, and return the first part; None if there is none."""
        calling = self._calling
        token = current_limiter.set(calling.limiter)
        try:
            if calling.shared is not None:
                lease = calling.shared.lease(calling.rates, self._call.tokens, calling.limits.call_timeout)
                self._lease = await self._held.enter_async_context(lease)
                self._call.started = time.time()
            with self._around():
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
            limit = self._calling.limits.call_timeout
            # Until its first part arrives, an answer may wait in a line at the endpoint.
            slot = None if self._text else self._call.slot
            async with _in_time(self._calling):
                with time_limit(limit, self._calling.limiter, slot), self._around():
                    part = await anext(self._chunks, None)
            if self._lease is not None:
                await self._lease.renew()
        except BaseException as error:
            await self._fail(error)
            raise
        if part is None:
            self._open = False
            self._call.close(self._used(), ok=True)
        else:
            self._counted = add_counted(self._counted, part.message)
            self._text += part.text
        return part

    async def close(self) -> None:
        """Settle a call whose reader went away, and close its connection."""
        await self._fail(GeneratorExit())

    async def _fail(self, error: BaseException) -> None:
        if self._open:
            self._open = False
            await self._calling.failed(self._call, error, self._used())
        await self._held.aclose()

    def _used(self) -> Usage:
        """Return the tokens that the provider counted, else an estimate."""
        return used_by_stream(self._call, as_usage(self._counted), self._text)


def used_by_stream(call: OpenCall, counted: Usage, text: str) -> Usage:
    """Return the tokens of a stream: as counted, else estimated by its text.

    Args:
        call: that it belongs to.
        counted: by the provider; zero if it did not.
        text: that has arrived.
    """
    if counted != Usage():
        return counted
    answered = estimate_tokens(text) if text else 0
    return Usage(input_tokens=call.prompt_tokens, output_tokens=answered)
