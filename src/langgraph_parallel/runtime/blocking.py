"""Calls of sync code: they wait, retry and settle as all others do, in their own thread."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from langchain_core.messages import BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk

from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.calling import Calling
from langgraph_parallel.runtime.counted import add_counted, as_usage
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.retry import is_throttled, retrying_blocking
from langgraph_parallel.runtime.streaming import used_by_stream
from langgraph_parallel.runtime.tokens import count_tokens
from langgraph_parallel.runtime.waiting import in_event_loop

AnswerT = TypeVar("AnswerT")


def send(
    calling: Calling[Any],
    messages: Sequence[BaseMessage],
    make: Callable[[], AnswerT],
    usage: Callable[[AnswerT], Usage],
) -> AnswerT:
    """Send until there is an answer, as `Calling.send`; without a timeout and hedges.

    In the thread of an event loop, which it blocks, a call takes a slot only if one is free, and is made
    once.

    Args:
        calling: how the call goes; its sender is not used.
        messages: the prompt.
        make: makes one request.
        usage: returns the tokens of an answer.
    """
    with calling.counting_failures():
        for attempt in retrying_blocking(calling.limits, once=in_event_loop()):
            with attempt:
                call = _open(calling, messages, attempt.retry_state.attempt_number)
                try:
                    answer = make()
                except BaseException as error:
                    _fail(call, error)
                    raise
                call.close(usage(answer), ok=True)
                return answer
    raise AssertionError("tenacity re-raises the last error")  # pragma: no cover


def stream(
    calling: Calling[Any],
    messages: Sequence[BaseMessage],
    open_stream: Callable[[], Iterator[ChatGenerationChunk]],
    around: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Iterator[ChatGenerationChunk]:
    """Yield the parts of an answer; until the first one has arrived, a failure is retried.

    Args:
        calling: how the call goes; its sender is not used.
        messages: the prompt.
        open_stream: makes a request, and yields the parts of its answer.
        around: context in which its code runs.
    """
    with calling.counting_failures():
        for attempt in retrying_blocking(calling.limits, once=in_event_loop()):
            with attempt:
                call = _open(calling, messages, attempt.retry_state.attempt_number)
                try:
                    with around():
                        parts = open_stream()
                        part = next(parts, None)
                except BaseException as error:
                    _fail(call, error)
                    raise
    counted: UsageMetadata | None = None
    text = ""
    try:
        while part is not None:
            counted, text = add_counted(counted, part.message), text + part.text
            yield part
            with around():
                part = next(parts, None)
    except BaseException as error:
        _fail(call, error, used_by_stream(call, as_usage(counted), text))
        raise
    call.close(used_by_stream(call, as_usage(counted), text), ok=True)


def _open(calling: Calling[Any], messages: Sequence[BaseMessage], number: int) -> OpenCall:
    call = calling.new_call(count_tokens(messages), number)
    call.open_blocking()
    return call


def _fail(call: OpenCall, error: BaseException, used: Usage | None = None) -> None:
    """Settle a call that failed, or whose reader went away after some parts."""
    call.learn(error)
    if used is None:
        used = Usage() if isinstance(error, Exception) else Usage(input_tokens=call.prompt_tokens)
    call.close(used, ok=False, throttled=is_throttled(error))
