"""Bound models: a model with everything that the calls of one worker share, in the dialect of its endpoint.

The SDK's own parsing of pydantic schemas costs more than the rest of the call. So a schema is bound as plain
JSON schema, once, and `answers` reads the text.
"""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import replace
from functools import cached_property
from typing import Any

from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel

from langgraph_parallel.answers.message import read_message
from langgraph_parallel.answers.schema import json_schema
from langgraph_parallel.answers.thinking import ThinkingFilter, without_tokens
from langgraph_parallel.errors import EndpointError
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.counted import counts_reasoning
from langgraph_parallel.runtime.dialect import FORMAT, STREAM, Dialect, get_dialect
from langgraph_parallel.runtime.direct import Direct, parse_completion
from langgraph_parallel.runtime.form import (
    Form,
    as_message,
    fields_of,
    form_of_others,
    refusable,
    response_format,
    without,
)
from langgraph_parallel.runtime.lessons import learn_answer, learn_failure
from langgraph_parallel.runtime.marks import told
from langgraph_parallel.runtime.models import get_endpoint, is_self_hosted, model_name
from langgraph_parallel.runtime.prefix_observed import Observed, observed
from langgraph_parallel.runtime.prefix_terms import caching_of, tells_of_cache
from langgraph_parallel.runtime.question_identity import describe_messages, describe_model
from langgraph_parallel.runtime.recording import read_usage
from langgraph_parallel.runtime.retry import AskAgain
from langgraph_parallel.runtime.sender import PLAIN, PrefixCaching, Sending
from langgraph_parallel.runtime.stream_usage import tell_usage
from langgraph_parallel.runtime.streamed import (
    Listener,
    check_end,
    ensure_counted,
    learn_stream,
    must_end,
    stream_answer,
)
from langgraph_parallel.runtime.transport import is_openai

stream_listener: ContextVar[Listener | None] = ContextVar("stream_listener", default=None)
"""Gets an answer's text in parts as they arrive, and None when an answer begins. If it is set, calls
stream."""
_MAY_THINK = ("deepseek", "magistral", "qwq", "r1", "reason", "think")
"""Parts of the names of models that may close their thinking without having opened it."""


class BoundModel:
    """A model with everything bound to it that its calls share.

    Args:
        model: a chat model, not governed.
        schema: of its answers; None for text.
        temperature: sampling temperature; None for the provider's default.
        ceiling: most tokens of an answer; sent while the model is not known to think.
    """

    reports = True
    """Whether its calls have to be reported to callbacks, which LangChain does for those of other senders."""

    def __init__(
        self,
        model: BaseChatModel,
        schema: type[BaseModel] | None = None,
        temperature: float | None = None,
        ceiling: int | None = None,
    ) -> None:
        self._model, self._schema = model, schema
        self._temperature, self._ceiling = temperature, ceiling
        self._speaks_openai = is_openai(model)
        name = model_name(model)
        self.dialect: Dialect = get_dialect(get_endpoint(model), name)
        self._may_think = any(part in name.lower() for part in _MAY_THINK)
        self._form: Form | None = None
        self._seen: Observed = observed(get_endpoint(model), name)
        self._caching: tuple[int, PrefixCaching] | None = None

    @property
    def schema(self) -> type[BaseModel] | None:
        """Of its answers; None for text."""
        return self._schema

    @property
    def form(self) -> Form:
        """The model, bound in the dialect as it is now."""
        if self._form is None or self._form.version != self.dialect.version:
            self._form = self._bind()
        return self._form

    async def ainvoke(
        self, messages: Sequence[BaseMessage], config: RunnableConfig, sending: Sending = PLAIN
    ) -> AIMessage:
        """Make one request.

        Raises:
            AskAgain: the endpoint does not take a part of the request, which is left out from now on.
            EndpointError: the answer cannot be read.
            Exception: the provider's error.
        """
        form, sending = self.form, self.taken(sending)
        try:
            message = None
            if form.direct is not None and stream_listener.get() is None:
                message = await form.direct.ainvoke(messages, config, sending)
            if message is None:
                message = await self._request(form, messages, config, sending)
        except Exception as error:
            is_streamed = sending.on_first is not None or (self._is_shown and form.streams)
            learn_stream(self.dialect, error, is_streamed=is_streamed)
            learn_failure(self.dialect, error, messages, self.sent(form, sending), form.version)
            raise
        ensure_counted(message, messages, sending, self.dialect)
        learn_answer(self.dialect, messages, message)
        return self._noted(message, form)

    @property
    def direct(self) -> Direct | None:
        """Its direct path to the endpoint; None if it has none."""
        return self.form.direct

    def learn_from(self, error: Exception, messages: Sequence[BaseMessage]) -> None:
        """Learn from the answer to a request that was sent in another way.

        Raises:
            AskAgain: the endpoint does not take a part of the request, which is left out from now on.
        """
        learn_failure(self.dialect, error, messages, self.form.sent, self.form.version)

    def body(self, messages: Sequence[BaseMessage]) -> dict[str, Any] | None:
        """Return the request as a chat completion's JSON; None where the model's own code must make it."""
        direct = self.form.direct
        return None if direct is None else direct.body(messages)

    def read(self, completion: Any) -> AIMessage:
        """Return the message that a chat completion holds.

        Raises:
            EndpointError: it is none.
            AskAgain: our own ceiling of tokens cut off its thinking.
        """
        return self._noted(parse_completion(completion), self.form)

    def prefix_caching(self) -> PrefixCaching:
        """Return what its requests have to do with the provider's cache."""
        if self._caching is None or self._caching[0] != self.dialect.version:
            self._caching = (self.dialect.version, caching_of(self._model, self._schema, self.dialect))
        return self._caching[1]

    def question(self, messages: Sequence[BaseMessage]) -> Any:
        """Return all on which an answer depends; None if it cannot be told from others."""
        return self._described and [*self._described, describe_messages(messages)]

    @cached_property
    def _described(self) -> list[Any] | None:
        schema = None if self._schema is None else [self._schema.__name__, json_schema(self._schema)]
        model = describe_model(self._model)
        return None if model is None else [model, schema, self._temperature, self._ceiling]

    def recalled(self, answer: AIMessage) -> None:
        """Show an answer that was kept to those who listen to answers as they arrive."""
        if (listener := stream_listener.get()) is not None:
            listener(None)
            listener(read_message(answer).text)

    def usage(self, answer: AIMessage) -> Usage:
        """Return the tokens of an answer."""
        return read_usage(answer)

    def remarks(self) -> Sequence[str]:
        """Return what the endpoint does not take of a request, so that it is left out."""
        return self.dialect.remarks()

    def sent(self, form: Form, sending: Sending) -> Sequence[str]:
        """Return the parameters of a request that the endpoint may refuse."""
        return (*form.sent, *sending.fields()) if self._speaks_openai else form.sent

    def _noted(self, message: AIMessage, form: Form) -> AIMessage:
        """Learn from an answer whether the model thinks.

        Raises:
            AskAgain: our own ceiling of tokens cut off its thinking.
        """
        if not self._seen.has_cache and tells_of_cache(message):
            self._seen.has_cache = True
        answer = read_message(message)
        if self._schema is None and answer.text:  # by a grammar, no model thinks
            self.dialect.answers_plainly = answer.text == without_tokens(message.text)
        thinks = bool(answer.thinking) or counts_reasoning(message)
        if thinks:
            self.dialect.note_thinking()
        if form.ceiling is not None and answer.finish == "length" and (thinks or not answer.text):
            self.dialect.note_thinking()
            raise AskAgain("the ceiling of tokens cut off the model's thinking", usage=read_usage(message))
        return message

    async def _request(
        self,
        form: Form,
        messages: Sequence[BaseMessage],
        config: RunnableConfig,
        sending: Sending = PLAIN,
    ) -> AIMessage:
        """Make one request by LangChain's own model."""
        listener = stream_listener.get()
        form, messages = told(form, messages, sending)
        try:
            if listener is not None and self._is_shown and form.streams:
                return await self._stream(form.runnable, messages, config, listener, sending.on_first)
            if sending.on_first is not None and listener is None and form.messages is not None:
                return await self._stream(form.messages, messages, config, None, sending.on_first)
            answer = await form.runnable.ainvoke(list(messages), config)
        except (AttributeError, IndexError, KeyError, TypeError) as error:  # of LangChain, which expects more
            raise EndpointError(f"the endpoint's answer cannot be read: {error}") from error
        except Exception as error:
            # OpenAI's SDK raises for an answer that was cut off or filtered; what it was is in the error.
            if (completion := getattr(error, "completion", None)) is None:
                raise
            return parse_completion(completion.model_dump())
        answer = as_message(answer)
        check_end(answer, self._model, self.dialect)
        if listener is not None:  # the answer could not be streamed
            listener(None)
            listener(read_message(answer).text)
        return answer

    @property
    def _is_shown(self) -> bool:
        """Whether somebody gets answers as they arrive."""
        return stream_listener.get() is not None and not self.dialect.streams.is_unreadable

    def taken(self, sending: Sending) -> Sending:
        """Return how a request is sent, without what the endpoint does not take."""
        if get_llm_cache() is not None or self._model.cache:
            return PLAIN  # a cache of LangChain's sees no streams, and tells requests apart by the rest
        if sending.on_first is not None and not self.dialect.may_stream:
            return replace(sending, on_first=None)
        return sending

    async def _stream(
        self,
        runnable: Runnable[Any, Any],
        messages: Sequence[BaseMessage],
        config: RunnableConfig,
        listener: Listener | None,
        on_first: Callable[[], None] | None,
    ) -> AIMessage:
        """Stream one answer, without its thinking to a listener, and return it as a whole."""
        # A server of one's own may return thinking that is closed only. Until it has answered plainly once,
        # an answer is shown when it is whole.
        unknown = is_self_hosted(self._model) and not self.dialect.answers_plainly
        shown = ThinkingFilter(hold=self._may_think or unknown)
        ends = must_end(self._model, self.dialect)
        answer = await stream_answer(runnable, messages, config, listener, shown, on_first, ends=ends)
        if listener is None and self._speaks_openai and not (answer.text or answer.tool_calls):
            # LangChain drops a refusal from a stream; whole, it tells.
            self.dialect.without.add(STREAM)
            raise AskAgain("the streamed answer is empty", usage=read_usage(answer))
        return answer

    def _bind(self) -> Form:
        """Bind the model by the means that it and its endpoint offer."""
        dialect, version = self.dialect, self.dialect.version
        model = without(self._model, dialect.dropped)
        options: dict[str, Any] = {}
        if self._temperature is not None and "temperature" not in dialect.dropped:
            options["temperature"] = self._temperature
        ceiling = self._ceiling if dialect.ceiling and not dialect.thinks else None
        if getattr(model, "max_tokens", None) is not None:
            ceiling = None  # the caller has set one
        if not self._speaks_openai:
            return form_of_others(model, self._schema, dialect, options)
        if self._schema is not None and dialect.format != "text":
            options[FORMAT] = response_format(self._schema, dialect, bounded=is_self_hosted(model))
        if ceiling is not None:
            options["extra_body"] = {dialect.ceiling: ceiling}  # LangChain would rename it
        direct = Direct.of(model, options)
        model = model.model_copy(update={"stream_usage": True})  # a stream is counted only on request
        tell_usage(model)
        sent = refusable(options | fields_of(model), dialect)
        bound = model.bind(**options) if options else model
        return Form(version, bound, direct, sent, ceiling, messages=bound)
