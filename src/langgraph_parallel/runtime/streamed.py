"""Answers that LangChain streams, as a whole again: for those who listen, or who wait for the first token."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.runnables import Runnable, RunnableConfig

from langgraph_parallel.answers.thinking import ThinkingFilter
from langgraph_parallel.errors import EmptyAnswer
from langgraph_parallel.runtime.dialect import STREAM, Dialect
from langgraph_parallel.runtime.sender import Sending
from langgraph_parallel.runtime.tokens import estimate_tokens

Listener = Callable[[str | None], None]
"""Gets the text in parts as they arrive, and None when an answer begins."""


async def stream_answer(
    runnable: Runnable[Any, Any],
    messages: Sequence[BaseMessage],
    config: RunnableConfig,
    listener: Listener | None,
    shown: ThinkingFilter,
    on_first: Callable[[], None] | None,
) -> AIMessage:
    """Stream one answer, and return it as a whole.

    Args:
        runnable: whose stream has messages as parts.
        messages: the prompt.
        config: of the call.
        listener: gets the answer without its thinking; None if nobody listens.
        shown: what of the answer it gets.
        on_first: called once when the first part with content has come; None if nobody waits for it.

    Raises:
        EmptyAnswer: the stream has no parts.
        Exception: the provider's error.
    """
    if listener is not None:
        listener(None)
    whole: Any = None
    async for chunk in runnable.astream(list(messages), config):
        if on_first is not None and _has_content(chunk):
            on_first()
            on_first = None
        if listener is not None:
            for part in shown.feed(chunk.text):
                listener(part)
        whole = chunk if whole is None else whole + chunk
    if whole is None:
        raise EmptyAnswer("the answer is empty: its stream has no parts")
    if listener is not None:
        for part in shown.end():
            listener(part)
    return AIMessage(
        content=whole.content,
        additional_kwargs=whole.additional_kwargs,
        response_metadata=whole.response_metadata,
        usage_metadata=whole.usage_metadata,
        tool_calls=whole.tool_calls,
    )


def ensure_counted(
    answer: AIMessage, messages: Sequence[BaseMessage], sending: Sending, dialect: Dialect
) -> None:
    """See that the tokens of an answer are counted: some servers count those of whole answers alone.

    Args:
        answer: that has come; one that was streamed for the leader's sake gets an estimate.
        messages: the prompt.
        sending: how it was sent.
        dialect: of the endpoint; nothing is streamed there any more.
    """
    if answer.usage_metadata:
        dialect.counts = True
    elif dialect.counts and sending.on_first is not None:
        dialect.without.add(STREAM)
        asked = sum(estimate_tokens(message.text) for message in messages)
        answered = estimate_tokens(answer.text)
        answer.usage_metadata = UsageMetadata(
            input_tokens=asked, output_tokens=answered, total_tokens=asked + answered
        )


def _has_content(chunk: Any) -> bool:
    return bool(chunk.content or chunk.tool_call_chunks or chunk.additional_kwargs)
