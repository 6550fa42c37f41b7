"""Governed models: any chat model, with the limits, the retries and the accounts of this package.

    model = governed(ChatOpenAI(model="gpt-5-mini"))

The model stays what it is: its class becomes a subclass of its own, with the same fields. Only its requests
go another way, that of `runtime.calling`. Inside of a run they obey it; elsewhere they share the slots and
the pace of their endpoint with all runs of the process.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from functools import cache
from typing import Any, TypeVar, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from langgraph_parallel.arguments import checked
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime import blocking
from langgraph_parallel.runtime.calling import Calling
from langgraph_parallel.runtime.governed_request import GovernedRequest, result_usage
from langgraph_parallel.runtime.limits import Limits, worker_limits
from langgraph_parallel.runtime.models import GOVERNED, GOVERNED_TAG, get_model, plain_model, without_retries
from langgraph_parallel.runtime.recording import step_of
from langgraph_parallel.runtime.streaming import stream

ModelT = TypeVar("ModelT", bound=BaseChatModel)
_LIMITS = "__governed_limits"
"""Where an instance keeps the limits of its calls: beside the fields, as cached properties are."""


@checked
def governed(model: ModelT, limits: Limits | Mapping[str, Any] | None = None) -> ModelT:
    """Return a chat model whose calls obey the run that they are made in, and are retried by this package.

    Every request waits for budget and a slot of its endpoint, is retried, timed and hedged as `Limits` say,
    and is recorded in the run report. An agent, a chain or a function may have such a model; so may code
    outside of any graph, where the limits of the endpoint hold all the same. The model's own retries are
    switched off where they are known (OpenAI). Sync calls are neither timed nor hedged; a stream is retried
    until its first part has arrived, and not hedged.

    Chat models that are called in workers obey the run without this, too, but what their own code does in
    the slot (its retries, its timeout) stays as it is.

    Args:
        model: any LangChain chat model.
        limits: bounds of its calls; for the precedence see `runtime.limits`.

    Raises:
        UsageError: `model` is not a chat model, or `limits` has an unknown key, or one of runs.
    """
    if not isinstance(model, BaseChatModel):
        raise UsageError(f"{model!r} is not a LangChain chat model; pass one, such as ChatOpenAI(...)")
    own, plain = worker_limits(limits), plain_model(model)
    changed = without_retries(plain) | {"tags": [*(plain.tags or []), GOVERNED_TAG]}
    copy = plain.model_copy(update=changed)
    object.__setattr__(copy, "__class__", _governed_class(type(plain)))
    copy.__dict__[_LIMITS] = own
    return cast("ModelT", copy)


@cache
def _governed_class(base: type[BaseChatModel]) -> type[BaseChatModel]:
    """Return a subclass of a model's class that sends its requests through this package."""
    members: dict[str, Any] = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        GOVERNED: base,
        "_generate": _generate,
        "_agenerate": _agenerate,
    }
    # Only what the model has itself: LangChain asks the class whether it streams, and how.
    if base._stream is not BaseChatModel._stream:
        members["_stream"] = _stream
    if base._astream is not BaseChatModel._astream:
        members["_astream"] = _astream
    for native in ("_stream_chat_model_events", "_astream_chat_model_events"):
        if hasattr(base, native):
            members[native] = None  # it would go past `_stream`, of whose parts LangChain makes the same
    metaclass: Any = type(base)
    return cast("type[BaseChatModel]", metaclass(base.__name__, (base,), members))


def _step(run_manager: Any) -> str:
    return step_of(getattr(run_manager, "metadata", None) or {})


async def _agenerate(
    self: Any,
    messages: list[BaseMessage],
    stop: list[str] | None = None,
    run_manager: Any = None,
    **options: Any,
) -> ChatResult:
    model = await get_model(self)
    request = await GovernedRequest.of(model, stop, run_manager, options)
    calling = await Calling.to(model, request, self.__dict__.get(_LIMITS), _step(run_manager))
    result: ChatResult = await calling.send(messages)
    return result


async def _astream(
    self: Any,
    messages: list[BaseMessage],
    stop: list[str] | None = None,
    run_manager: Any = None,
    **options: Any,
) -> AsyncIterator[ChatGenerationChunk]:
    model = await get_model(self)
    request = await GovernedRequest.of(model, stop, run_manager, options)
    calling = await Calling.to(model, request, self.__dict__.get(_LIMITS), _step(run_manager))

    def open_stream() -> AsyncIterator[ChatGenerationChunk]:
        return model._astream(messages, stop=stop, run_manager=run_manager, **options)

    async with aclosing(stream(calling, messages, open_stream)) as chunks:
        async for chunk in chunks:
            yield chunk


def _generate(
    self: Any,
    messages: list[BaseMessage],
    stop: list[str] | None = None,
    run_manager: Any = None,
    **options: Any,
) -> ChatResult:
    model = plain_model(self)

    def make() -> ChatResult:
        return model._generate(messages, stop=stop, run_manager=run_manager, **options)

    return blocking.send(
        Calling.of(model, None, self.__dict__.get(_LIMITS), _step(run_manager)), messages, make, result_usage
    )


def _stream(
    self: Any,
    messages: list[BaseMessage],
    stop: list[str] | None = None,
    run_manager: Any = None,
    **options: Any,
) -> Iterator[ChatGenerationChunk]:
    model = plain_model(self)

    def open_stream() -> Iterator[ChatGenerationChunk]:
        return model._stream(messages, stop=stop, run_manager=run_manager, **options)

    yield from blocking.stream(
        Calling.of(model, None, self.__dict__.get(_LIMITS), _step(run_manager)), messages, open_stream
    )
