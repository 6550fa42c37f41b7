"""The short way to an OpenAI-compatible endpoint, for calls that nobody listens to.

`ChatOpenAI` and the SDK prepare every request for everything that it might be: callbacks, streams, tools,
caches, uploads. Of a call that is none of it, most of the time goes into that. So its parameters and headers
are read once, when the model is bound, and each call is one POST on the same HTTP client, which has the
connections, the transport, the proxies and the hooks. Errors are the SDK's own. Whenever somebody listens (a
tracer, a stream of messages, a callback of the user), the long way is taken.
"""

import json
from collections.abc import Sequence
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManager
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.runnables import RunnableConfig

_ROLES: dict[type[BaseMessage], str] = {SystemMessage: "system", HumanMessage: "user", AIMessage: "assistant"}


class Direct:
    """A model, its parameters and its client, ready to be posted to."""

    def __init__(self, model: Any, options: dict[str, Any]) -> None:
        import httpx2
        from openai import NotGiven, Omit

        payload = model._get_request_payload([HumanMessage("")], **options)
        client = model.root_async_client
        self._model = model
        self._http = model.http_async_client
        self._parameters = {
            key: value
            for key, value in payload.items()
            if key != "messages" and not isinstance(value, NotGiven | Omit)
        }
        headers = {**client.default_headers, **client.auth_headers, "Content-Type": "application/json"}
        self._headers = httpx2.Headers({k: v for k, v in headers.items() if isinstance(v, str)})
        self._url = httpx2.URL(f"{str(client.base_url).rstrip('/')}/chat/completions")
        self._extensions = {"timeout": httpx2.Timeout(client.timeout).as_dict()}

    @classmethod
    def of(cls, model: BaseChatModel, options: dict[str, Any]) -> "Direct | None":
        """Prepare a model, if the short way says the same as the long one."""
        from langchain_openai import ChatOpenAI

        if type(model) is not ChatOpenAI or not _is_plain(model):
            return None
        direct = cls(model, options)
        return None if model._use_responses_api(direct._parameters) else direct

    def is_unheard(self, config: RunnableConfig) -> bool:
        """Whether nobody listens to this call, and no cache could answer it."""
        if get_llm_cache() is not None:
            return False
        manager = AsyncCallbackManager.configure(
            config.get("callbacks"), cast("Any", self._model.callbacks), self._model.verbose
        )
        return not manager.handlers

    async def ainvoke(self, messages: Sequence[BaseMessage]) -> AIMessage:
        """Make one request.

        Raises:
            Exception: what the SDK raises; a ValueError for a body that is no answer.
        """
        import httpx2
        from openai import APIConnectionError, APITimeoutError

        sent = [{"role": _ROLES[type(message)], "content": message.content} for message in messages]
        request = httpx2.Request(
            "POST",
            self._url,
            headers=httpx2.Headers(self._headers),
            content=json.dumps({**self._parameters, "messages": sent}).encode(),
            extensions=self._extensions,
        )
        try:
            response = await self._http.send(request)
        except httpx2.TimeoutException as error:
            raise APITimeoutError(request=request) from error
        except httpx2.TransportError as error:
            raise APIConnectionError(request=request) from error
        if response.status_code >= 300:
            raise _api_error(response)
        return _read(response.json())


def _api_error(response: Any) -> Exception:
    """The SDK's error for an answer that is none."""
    import openai

    kinds: dict[int, type[openai.APIStatusError]] = {
        400: openai.BadRequestError,
        401: openai.AuthenticationError,
        403: openai.PermissionDeniedError,
        404: openai.NotFoundError,
        409: openai.ConflictError,
        422: openai.UnprocessableEntityError,
        429: openai.RateLimitError,
    }
    status: int = response.status_code
    usual = openai.InternalServerError if status >= 500 else openai.APIStatusError
    try:
        body = response.json()
    except ValueError:
        body = response.text
    detail = body.get("error", body) if isinstance(body, dict) else body
    said = detail.get("message") if isinstance(detail, dict) else detail
    message = f"Error code: {status} - {said or detail}"
    return kinds.get(status, usual)(message, response=response, body=detail)


def _is_plain(model: Any) -> bool:
    """Whether a model's settings change nothing about a single plain request on a client that we can use."""
    if model.root_async_client is None or model.http_async_client is None:
        return False
    return not (
        callable(model.openai_api_key)
        or model.default_query
        or model.cache
        or model.rate_limiter
        or model.streaming
        or model.extra_body
        or model.disabled_params
        or (model.n or 1) > 1
        or model.custom_get_token_ids
    )


def _read(body: Any) -> AIMessage:
    try:
        message, counted = body["choices"][0]["message"], body.get("usage") or {}
        text, refusal = message.get("content") or "", message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ValueError("the endpoint's answer is not a chat completion") from None
    usage = UsageMetadata(
        input_tokens=counted.get("prompt_tokens") or 0,
        output_tokens=counted.get("completion_tokens") or 0,
        total_tokens=counted.get("total_tokens") or 0,
    )
    return AIMessage(
        content=text,
        additional_kwargs={"refusal": refusal} if refusal else {},
        usage_metadata=usage if counted else None,
    )
