"""Governed models: any chat model, with the limits, the retries and the accounts of this package.

    model = governed(ChatOpenAI(model="gpt-5-mini"))

The model stays what it is: its class becomes a subclass of its own, with the same fields. Only its requests
go another way, that of `runtime.calling`. Inside of a run they obey it; elsewhere they share the slots and
the pace of their endpoint with all runs of the process.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import Any, TypeVar, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from langgraph_parallel.arguments import checked
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime import blocking
from langgraph_parallel.runtime.batch.sync import wait_in_thread
from langgraph_parallel.runtime.calling import Calling
from langgraph_parallel.runtime.governed_request import GovernedRequest, prepare, result_usage
from langgraph_parallel.runtime.kept_answers import find, find_blocking
from langgraph_parallel.runtime.kept_streams import Whole, as_chunk
from langgraph_parallel.runtime.limits import Limits, worker_limits
from langgraph_parallel.runtime.models import (
    GOVERNED,
    GOVERNED_LIMITS,
    GOVERNED_TAG,
    governed_limits,
    plain_model,
)
from langgraph_parallel.runtime.stored_answer import is_whole
from langgraph_parallel.runtime.stream_usage import converting
from langgraph_parallel.runtime.streaming import stream
from langgraph_parallel.runtime.transport import without_retries

ModelT = TypeVar("ModelT", bound=BaseChatModel)
_inside: ContextVar[type | None] = ContextVar("inside", default=None)
"""Class of the governed model whose own code this is, in a call that is governed already."""


@checked
def governed(model: ModelT, limits: Limits | Mapping[str, Any] | None = None) -> ModelT:
    """Return a chat model whose calls obey the run that they are made in, and are retried by this package.

    Every request waits for budget and a slot of its endpoint, is retried, timed and hedged as `Limits` say,
    and is recorded in the run report. An agent, a chain or a function may have such a model; so may code
    outside of any graph, where the limits of the endpoint hold all the same. The model's own retries are
    switched off where they are known (OpenAI). Sync calls are neither timed nor hedged, and outside of a map
    over many items not counted in limits that processes share. A stream is retried until its first part has
    arrived, and not hedged.

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
    plain = plain_model(model)
    changed = without_retries(plain) | {"tags": [*(plain.tags or []), GOVERNED_TAG]}
    copy = plain.model_copy(update=changed)
    object.__setattr__(copy, "__class__", _governed_class(type(plain), worker_limits(limits)))
    return cast("ModelT", copy)


@lru_cache(maxsize=256)
def _governed_class(base: type[BaseChatModel], limits: Limits | None) -> type[BaseChatModel]:
    """Return a subclass of a model's class that sends its requests through this package."""
    members: dict[str, Any] = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        "__reduce__": _reduce,
        GOVERNED: base,
        GOVERNED_LIMITS: limits,
        "_generate": _generate,
        "_agenerate": _agenerate,
    }
    # Only what the model has itself: LangChain asks the class whether it streams, and how.
    if base._stream is not BaseChatModel._stream:
        members["_stream"] = _stream
    if base._astream is not BaseChatModel._astream:
        members["_astream"] = _astream
    members |= converting(base)
    for native in ("_stream_chat_model_events", "_astream_chat_model_events"):
        if hasattr(base, native):
            members[native] = None  # it would go past `_stream`, of whose parts LangChain makes the same
    metaclass: Any = type(base)
    return cast("type[BaseChatModel]", metaclass(base.__name__, (base,), members))


def _reduce(self: BaseChatModel) -> tuple[Any, ...]:
    """Pickle the model as it was before, and govern it again."""
    return governed, (plain_model(self), governed_limits(self))


@contextmanager
def _own_code_of(model: BaseChatModel) -> Iterator[None]:
    token = _inside.set(type(model))
    try:
        yield
    finally:
        _inside.reset(token)


def _is_inside(model: BaseChatModel) -> bool:
    return _inside.get() is type(model)


def _base(self: Any) -> Any:
    return getattr(type(self), GOVERNED)


async def _agenerate(
    self: Any,
    messages: list[BaseMessage],
    stop: list[str] | None = None,
    run_manager: Any = None,
    **options: Any,
) -> ChatResult:
    result: ChatResult
    if _is_inside(self):
        result = await _base(self)._agenerate(self, messages, stop=stop, run_manager=run_manager, **options)
        return result
    model, direct = await prepare(self)
    request = GovernedRequest(model, _base(self), direct, stop, run_manager, options)
    calling = await Calling.to(model, request, governed_limits(self), run_manager)
    with _own_code_of(self):
        result = await calling.send(messages)
    if is_whole(result):
        await calling.answers.answered()
    return result


async def _astream(
    self: Any,
    messages: list[BaseMessage],
    stop: list[str] | None = None,
    run_manager: Any = None,
    **options: Any,
) -> AsyncIterator[ChatGenerationChunk]:
    model = self if _is_inside(self) else (await prepare(self)).model

    def open_stream() -> AsyncIterator[ChatGenerationChunk]:
        parts = _base(self)._astream(model, messages, stop=stop, run_manager=run_manager, **options)
        return cast("AsyncIterator[ChatGenerationChunk]", parts)

    if _is_inside(self):
        async for part in open_stream():
            yield part
        return
    request = GovernedRequest(model, _base(self), None, stop, run_manager, options)
    calling = await Calling.to(model, request, governed_limits(self), run_manager)
    if calling.limits.lane == "batch":
        yield as_chunk(await _agenerate(self, messages, stop, run_manager, **options))
        return
    found = await find(calling, messages)
    if found is not None and found.answer is not None:
        yield as_chunk(found.answer)
        return
    whole = Whole(collects=found is not None)
    async with aclosing(stream(calling, messages, open_stream, partial(_own_code_of, self))) as parts:
        async for part in parts:
            whole.add(part)
            yield part
    calling.answers.note(calling, found, whole.result())
    await calling.answers.answered()


def _generate(
    self: Any,
    messages: list[BaseMessage],
    stop: list[str] | None = None,
    run_manager: Any = None,
    **options: Any,
) -> ChatResult:
    def make() -> ChatResult:
        with _own_code_of(self):
            result = _base(self)._generate(self, messages, stop=stop, run_manager=run_manager, **options)
        return cast("ChatResult", result)

    if _is_inside(self):
        return make()
    request = GovernedRequest(self, _base(self), None, stop, run_manager, options)
    calling = Calling.of(self, request, governed_limits(self), run_manager)
    if calling.limits.lane == "batch":
        return wait_in_thread(lambda: _agenerate(self, messages, stop, run_manager, **options))
    found = find_blocking(calling, messages)
    if found is not None and found.answer is not None:
        return cast("ChatResult", found.answer)
    result = blocking.send(calling, messages, make, result_usage)
    calling.answers.note(calling, found, result if is_whole(result) else None)
    calling.answers.answered_blocking()
    return result


def _stream(
    self: Any,
    messages: list[BaseMessage],
    stop: list[str] | None = None,
    run_manager: Any = None,
    **options: Any,
) -> Iterator[ChatGenerationChunk]:
    def open_stream() -> Iterator[ChatGenerationChunk]:
        parts = _base(self)._stream(self, messages, stop=stop, run_manager=run_manager, **options)
        return cast("Iterator[ChatGenerationChunk]", parts)

    if _is_inside(self):
        yield from open_stream()
        return
    request = GovernedRequest(self, _base(self), None, stop, run_manager, options)
    calling = Calling.of(self, request, governed_limits(self), run_manager)
    if calling.limits.lane == "batch":
        yield as_chunk(_generate(self, messages, stop, run_manager, **options))
        return
    found = find_blocking(calling, messages)
    if found is not None and found.answer is not None:
        yield as_chunk(found.answer)
        return
    whole = Whole(collects=found is not None)
    for part in blocking.stream(calling, messages, open_stream, partial(_own_code_of, self)):
        whole.add(part)
        yield part
    calling.answers.note(calling, found, whole.result())
    calling.answers.answered_blocking()
