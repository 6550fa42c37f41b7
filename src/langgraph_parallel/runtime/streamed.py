"""Answers that LangChain streams, as a whole again: for those who listen, or who wait for the first token."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.runnables import Runnable, RunnableConfig

from langgraph_parallel.answers.thinking import ThinkingFilter
from langgraph_parallel.errors import EmptyAnswer
from langgraph_parallel.runtime.dialect import Dialect
from langgraph_parallel.runtime.event_lines import BrokenStream
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.parts import BROKEN_OFF, UnreadableStream
from langgraph_parallel.runtime.retry import AskAgain
from langgraph_parallel.runtime.sender import Sending
from langgraph_parallel.runtime.tokens import estimate_tokens
from langgraph_parallel.runtime.transport import is_instance

_ENDS = ("finish_reason", "stop_reason", "stopReason", "done_reason", "status")
"""Where providers say why an answer has ended."""
_SAY_END = (
    ("langchain_openai.chat_models.base", "BaseChatOpenAI"),
    ("langchain_anthropic.chat_models", "ChatAnthropic"),
    ("langchain_google_genai.chat_models", "ChatGoogleGenerativeAI"),
)
_UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)
"""What LangChain raises for a stream in which it expects more than there is."""
_BROKEN = ("ReadError", "RemoteProtocolError", "ReadTimeout", "ClientPayloadError", "JSONDecodeError")
"""Names of the errors of clients for an answer that broke off, in whichever library."""
_DEEPEST = 6
Listener = Callable[[str | None], None]
"""Gets the text in parts as they arrive, and None when an answer begins."""


async def stream_answer(
    runnable: Runnable[Any, Any],
    messages: Sequence[BaseMessage],
    config: RunnableConfig,
    listener: Listener | None,
    shown: ThinkingFilter,
    on_first: Callable[[], None] | None,
    *,
    ends: bool = False,
) -> AIMessage:
    """Stream one answer, and return it as a whole.

    Args:
        runnable: whose stream has messages as parts.
        messages: the prompt.
        config: of the call.
        listener: gets the answer without its thinking; None if nobody listens.
        shown: what of the answer it gets.
        on_first: called once when the first part with content has come; None if nobody waits for it.
        ends: whether the answer is cut off if it does not say why it has ended.

    Raises:
        BrokenStream: the answer is cut off.
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
    if ends and not has_ended(whole):
        raise BrokenStream(BROKEN_OFF)
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
        dialect: of the endpoint; no more leaders are streamed there, unless it counts whole answers neither.
    """
    is_counted = bool(answer.usage_metadata)
    dialect.streams.says_end = dialect.streams.says_end or has_ended(answer)
    if sending.on_first is None:
        dialect.streams.note_whole(counted=is_counted)
        return
    dialect.streams.note_streamed(counted=is_counted)
    if not is_counted:
        asked = sum(estimate_tokens(message.text) for message in messages)
        answered = estimate_tokens(_said(answer))
        answer.usage_metadata = UsageMetadata(
            input_tokens=asked, output_tokens=answered, total_tokens=asked + answered
        )


def count_others(first: AIMessage, body: Mapping[str, Any]) -> None:
    """Add to the estimate of an answer what further samples of its request have taken.

    Args:
        first: with the estimate, if its tokens are not counted.
        body: with all samples.
    """
    usage = first.usage_metadata
    if usage is None or body.get("usage"):
        return
    for choice in body["choices"][1:]:
        answered = estimate_tokens(str(choice["message"].get("content") or ""))
        usage["output_tokens"] += answered
        usage["total_tokens"] += answered


def has_ended(answer: AIMessage) -> bool:
    """Return whether an answer says why it has ended: else it may be cut off."""
    return any(answer.response_metadata.get(name) for name in _ENDS)


def must_end(model: BaseChatModel, dialect: Dialect) -> bool:
    """Return whether an answer that does not say why it has ended is cut off.

    Args:
        model: that is asked.
        dialect: of its endpoint.
    """
    return dialect.streams.says_end or any(is_instance(model, module, name) for module, name in _SAY_END)


def check_end(answer: AIMessage, model: BaseChatModel, dialect: Dialect) -> None:
    """Check the end of an answer, if its model is one that streams even what is asked for whole.

    Raises:
        BrokenStream: it is cut off.
    """
    if getattr(model, "streaming", False) and must_end(model, dialect) and not has_ended(answer):
        raise BrokenStream(BROKEN_OFF)


def learn_stream(dialect: Dialect, error: Exception, *, is_streamed: bool) -> None:
    """Learn from a stream that failed, or from a whole answer where streams were given up.

    Args:
        dialect: of the endpoint.
        error: what the request raised.
        is_streamed: whether its answer was to be streamed.

    Raises:
        AskAgain: in a way that the endpoint has not said; it is asked for whole answers from now on.
    """
    chain = _causes(error)
    if not is_streamed and not dialect.streams.is_off:
        return
    if any(isinstance(cause, BrokenStream) or type(cause).__name__ in _BROKEN for cause in chain):
        if dialect.streams.note_broken():
            raise AskAgain("streamed answers break off") from error
        return
    if not is_streamed:
        return
    failure = classify(error)
    is_unknown = failure.kind == "other" or (failure.kind == "server" and failure.status is None)
    if isinstance(error, UnreadableStream) or (
        is_unknown and any(isinstance(cause, _UNREADABLE) for cause in chain)
    ):
        dialect.streams.note_unreadable(for_all=not isinstance(error, UnreadableStream))
        raise AskAgain("the streamed answer cannot be read") from error


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and those that caused it."""
    chain, cause = list[BaseException](), error.__cause__
    while cause is not None and len(chain) < _DEEPEST:
        chain.append(cause)
        cause = cause.__cause__
    return [error, *chain]


def _said(answer: AIMessage) -> str:
    """Return all that an answer says, for its length."""
    told = [answer.text, *(str(call["args"]) for call in answer.tool_calls)]
    return " ".join([*told, *(text for text in answer.additional_kwargs.values() if isinstance(text, str))])


def _has_content(chunk: Any) -> bool:
    return bool(chunk.content or chunk.tool_call_chunks or chunk.additional_kwargs)
