"""The direct path to an OpenAI-compatible endpoint.

`ChatOpenAI` and the SDK prepare every request for all that it might need: callbacks, streams, tools, caches,
uploads. A plain call spends most of its time on that. So its parameters and headers are read once, when the
model is bound, and each call is one POST on the same HTTP client, with its connections, transport, proxies
and hooks, or on the session below it (`runtime.short_post`). Errors are those of the SDK. If something
listens (a tracer, a callback of the user), it is told what `ChatOpenAI` tells (`runtime.reported`). If a
cache may answer, or a listener makes the answer a stream, the call goes through `ChatOpenAI`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from pydantic import ValidationError

from langgraph_parallel.errors import EndpointError
from langgraph_parallel.runtime.counted import completion_metadata
from langgraph_parallel.runtime.event_lines import BrokenStream, is_stream, parts_of, split_lines
from langgraph_parallel.runtime.parts import read_parts
from langgraph_parallel.runtime.reported import Reporter
from langgraph_parallel.runtime.response import NO_COMPLETION, correct_status, is_readable
from langgraph_parallel.runtime.sdk_errors import api_error
from langgraph_parallel.runtime.sender import PLAIN, Sending
from langgraph_parallel.runtime.short_post import ShortPost
from langgraph_parallel.runtime.transport import Connection

_APART = ("refusal", "reasoning_content", "reasoning", "tool_calls")
"""Fields of a message beside its text that say what the answer is."""
_ROLES: dict[type[BaseMessage], str] = {SystemMessage: "system", HumanMessage: "user", AIMessage: "assistant"}


class Direct:
    """A model with its parameters and its client, ready for POST requests.

    Args:
        model: a `ChatOpenAI`.
        options: what is bound to it, such as a temperature.
    """

    def __init__(self, model: Any, options: dict[str, Any]) -> None:
        import httpx2
        from openai import NotGiven, Omit

        # LangChain's own translation of the model's fields, asked once with an empty prompt: so parameters
        # are named and left out exactly as by `ChatOpenAI`, whatever the version.
        payload = model._get_request_payload([HumanMessage("")], **options)
        client = model.root_async_client
        self._reporter = Reporter(model, options)
        # The client with our transport and hooks; the SDK's wrapper around it takes most of the time.
        self._http = model.http_async_client
        payload |= payload.pop("extra_body", None) or {}
        self._parameters = {
            key: value
            for key, value in payload.items()
            if key != "messages" and not isinstance(value, NotGiven | Omit)
        }
        headers = {**client.default_headers, **client.auth_headers, "Content-Type": "application/json"}
        # The SDK lets the HTTP client add its own, where the two do not have the same.
        own = getattr(self._http, "headers", None) or {}
        sdk = httpx2.Headers({k: v for k, v in headers.items() if isinstance(v, str)})
        self._headers = httpx2.Headers({**{k: v for k, v in own.items() if k not in sdk}, **sdk})
        self._url = httpx2.URL(f"{str(client.base_url).rstrip('/')}/chat/completions")
        timeout = httpx2.Timeout(client.timeout).as_dict()
        self._extensions = {"timeout": timeout}
        self._short = ShortPost.of(self._http, self._url, self._headers, timeout)

    @classmethod
    def of(cls, model: BaseChatModel, options: dict[str, Any]) -> "Direct | None":
        """Prepare a model; None unless a request is the same on the short way as on the long one."""
        from langchain_openai import ChatOpenAI

        # Not isinstance: a subclass, such as the one for Azure, may change anything about a request.
        if type(model) is not ChatOpenAI or not is_plain(model):
            return None
        try:
            direct = cls(model, options)
        except (ImportError, AttributeError):  # a version of LangChain with other parts
            return None
        return None if model._use_responses_api(direct._parameters) else direct

    @property
    def connection(self) -> Connection:
        """What its requests are sent with, for other requests to the same endpoint."""
        base = str(self._url).removesuffix("/chat/completions")
        return Connection(self._http, self._headers, base, self._extensions)

    async def ainvoke(
        self, messages: Sequence[BaseMessage], config: RunnableConfig, sending: Sending = PLAIN
    ) -> AIMessage | None:
        """Make one request, and tell those who listen; return None if the call has to take the long way.

        Raises:
            EndpointError: the body of the answer is not a chat completion.
            Exception: the SDK's error; LangChain's if something listens, or that of a handler.
        """
        # Asked for each call: a cache or a tracer may be switched on at any time.
        body = self.body(messages)
        if body is None or get_llm_cache() is not None:
            return None
        body |= sending.fields()
        if not self._reporter.is_heard(config):
            if sending.on_first is not None:
                return parse_completion((await self._streamed(body, sending.on_first))[0])
            content = _encoded(body)
            del body  # thousands of calls may wait for their answers here
            return parse_completion(_decoded(await self._response(content)))
        config = ensure_config(config)
        if (listeners := self._reporter.exact_listeners(config)) is None:
            return None
        async with self._reporter.telling(messages, [(listeners, config)]) as (report,):
            told, response = await self.respond(body, sending.on_first)
            answer = parse_completion(told)
        await report.end(told, response)
        return answer

    def body(self, messages: Sequence[BaseMessage]) -> dict[str, Any] | None:
        """Return the request as JSON; None for contents other than text, which LangChain translates."""
        if not all(isinstance(message.content, str) for message in messages):
            return None
        return {**self._parameters, "messages": _as_sent(messages)}

    async def complete(self, messages: Sequence[BaseMessage], more: Mapping[str, Any]) -> Any:
        """Make one request with further parameters, and return the body of its answer.

        Raises:
            Exception: the SDK's error.
        """
        return await self.post({**self._parameters, **more, "messages": _as_sent(messages)})

    @property
    def reporter(self) -> Reporter:
        """What tells callbacks of its calls."""
        return self._reporter

    async def respond(
        self, body: Mapping[str, Any], on_first: Callable[[], None] | None = None
    ) -> tuple[Any, Any]:
        """Make one request as `post`; return the body of its answer, and the response of HTTP."""
        if on_first is not None:
            return await self._streamed(body, on_first)
        response = await self._response(_encoded(body), whole=True)
        return response.json(), response

    async def post(self, body: Mapping[str, Any], on_first: Callable[[], None] | None = None) -> Any:
        """Make one request, and return the body of its answer.

        Args:
            body: of the request.
            on_first: called when the first token has come, where the request has it streamed.

        Raises:
            Exception: the SDK's error.
        """
        if on_first is not None:
            return (await self._streamed(body, on_first))[0]
        return _decoded(await self._response(_encoded(body)))

    async def _response(self, content: bytes, *, whole: bool = False) -> Any:
        """Make one request, and return its answer: a response of HTTP, or just the bytes of a completion."""
        # The errors that the SDK raises, so that retries and callers need not know which way was taken.
        try:
            response = None
            if self._short is not None and not self._short.is_redirected:
                response = await self._short.send(content, whole=whole)
            if response is None:
                response = await self._http.send(self._request(content))
        except Exception as error:
            if (known := self._connection_error(error, content)) is None:
                raise
            raise known from error
        if isinstance(response, bytes):
            return response
        if is_readable(response):
            correct_status(response)
        if response.status_code >= 300:
            raise api_error(response)
        return response

    async def _streamed(self, body: Mapping[str, Any], on_first: Callable[[], None]) -> tuple[Any, Any]:
        """Make one request whose answer comes in parts; return it as if it came whole, and the response."""
        content = _encoded(body)
        try:
            response = await self._http.send(self._request(content), stream=True)
            try:
                if response.status_code < 300 and is_stream(response.headers.get("content-type", "")):
                    return await read_parts(split_lines(parts_of(response)), on_first), response
                await response.aread()
            finally:
                await response.aclose()
        except BrokenStream as broken:
            import openai

            raise openai.APIConnectionError(message=str(broken), request=self._request(content)) from broken
        except Exception as error:
            if (known := self._connection_error(error, content)) is None:
                raise
            raise known from error
        if is_readable(response):
            correct_status(response)
        if response.status_code >= 300:
            raise api_error(response)
        return response.json(), response  # the server does not stream

    def _request(self, content: bytes) -> Any:
        import httpx2

        return httpx2.Request(
            "POST",
            self._url,
            headers=httpx2.Headers(self._headers),  # a copy: the client adds to them
            content=content,
            extensions=self._extensions,
        )

    def _connection_error(self, error: Exception, content: bytes) -> Exception | None:
        """Return the SDK's error for one of the HTTP client; None if it has none."""
        import httpx2
        from openai import APIConnectionError, APITimeoutError

        if isinstance(error, httpx2.TimeoutException):
            return APITimeoutError(request=self._request(content))
        if isinstance(error, httpx2.TransportError):
            return APIConnectionError(request=self._request(content))
        return None


def _encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _decoded(response: Any) -> Any:
    return json.loads(response) if isinstance(response, bytes) else response.json()


def _as_sent(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    return [{"role": _ROLES[type(message)], "content": message.content} for message in messages]


def is_plain(model: Any) -> bool:
    """Return whether a model's settings leave a plain request as it is, and its client can be used."""
    if model.root_async_client is None or model.http_async_client is None:
        return False
    http = model.http_async_client
    if len(getattr(http, "params", ())) or len(getattr(http, "cookies", ())):
        return False
    special = (
        callable(model.openai_api_key),  # a key that may differ from call to call
        model.default_query,
        model.cache,
        model.rate_limiter,
        model.streaming,
        model.extra_body,
        model.disabled_params,
        (model.n or 1) > 1,
        model.custom_get_token_ids,
    )
    return not any(special)


def parse_completion(body: Any) -> AIMessage:
    """Return the message of a chat completion.

    Raises:
        EndpointError: the body is none.
    """
    try:
        choice = body["choices"][0]
        message = choice["message"]
        return AIMessage(
            content=message.get("content") or "",
            additional_kwargs={key: message[key] for key in _APART if message.get(key)},
            response_metadata={"finish_reason": choice.get("finish_reason")},
            usage_metadata=completion_metadata(body.get("usage")),
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValidationError):
        raise EndpointError(NO_COMPLETION, body=body) from None
