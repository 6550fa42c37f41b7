"""HTTP clients of models: one for each endpoint and event loop, on aiohttp, and without retries of an SDK.

That takes less than half the time of the SDKs' default transport when many calls are in flight, and their
default clients, which LangChain shares over event loops, break in the second loop. The only retry layer is
`runtime.retry`: that of an SDK would multiply with it, inside of one slot, unseen.
"""

import asyncio
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from langchain_core.language_models import BaseChatModel

from langgraph_parallel.runtime.limiter_registry import current_limiter
from langgraph_parallel.runtime.loops import close_with_loop, loop_local_async
from langgraph_parallel.runtime.rate_headers import hear
from langgraph_parallel.runtime.response import correct_status, is_readable, mask_error
from langgraph_parallel.runtime.unheld import keep_unheld
from langgraph_parallel.runtime.unmarked import without_mark
from langgraph_parallel.runtime.waits import reset_after

if TYPE_CHECKING:
    from langchain_openai.chat_models.base import BaseChatOpenAI

_LONGEST_RESET = 60.0
"""Seconds; a pause that only headers ask for is not longer, whatever they say."""


class Connection(NamedTuple):
    """What a model sends its requests with."""

    http: Any
    """Its HTTP client."""
    headers: Any
    base: str
    """Address of the endpoint, without a slash at its end."""
    extensions: Mapping[str, Any]
    """Its timeouts, in the form of httpx."""


async def http_client(endpoint: str) -> Any:
    """Return the HTTP client of an endpoint in the running event loop; it is closed with the loop."""
    return await loop_local_async(("client", endpoint), _open_client)


async def _open_client() -> Any:
    client = await asyncio.to_thread(_build_client)
    close_with_loop(client.aclose)
    for transport in (client._transport, *client._mounts.values()):
        if (get_session := getattr(transport, "get_client", None)) is not None:
            transport.client = get_session()
            keep_unheld(transport.client)
    return client


def _build_client() -> Any:
    from openai import DefaultAioHttpClient

    return DefaultAioHttpClient(event_hooks={"response": [_pause, _correct]})


def is_own_client(client: Any) -> bool:
    """Return whether an HTTP client is one of ours, and as we built it."""
    hooks = getattr(client, "event_hooks", None) or {}
    return hooks.get("response") == [_pause, _correct] and not hooks.get("request")


async def _correct(response: Any) -> None:
    """Let clients see what a response says, where its status says something else, and no secret in it."""
    if is_readable(response):
        await response.aread()
        correct_status(response)
    if response.status_code >= 400:
        await response.aread()
        mask_error(response)
    elif "event-stream" in str(response.headers.get("content-type", "")).lower():
        without_mark(response)


async def _pause(response: Any) -> None:
    pause_if_exhausted(response.headers)


def pause_if_exhausted(headers: Mapping[str, str]) -> None:
    """Pause the limiter if a response's headers say that nothing is left, and not when to come again.

    Args:
        headers: whose names are found in any case.
    """
    hear(headers)
    if "retry-after" in headers or "retry-after-ms" in headers:
        return  # said on purpose; the reset of a rate may be that of another one
    # A context variable, because the client is shared by all models of the endpoint, each with its own
    # limiter.
    limiter = current_limiter.get()
    if limiter is not None and (seconds := reset_after(headers)) is not None:
        limiter.exhausted(min(seconds, _LONGEST_RESET))


async def adopted_fields(model: BaseChatModel) -> dict[str, Any]:
    """Return the fields of a model that give it our transport in the running event loop, and no retries.

    A client that the caller chose is kept.
    """
    if is_openai(model):
        return await _adopted_openai(cast("BaseChatOpenAI", model))
    if is_instance(model, "langchain_anthropic.chat_models", "ChatAnthropic"):
        client = await http_client(str(getattr(model, "anthropic_api_url", None) or "anthropic"))
        sdk_client: Any = model._async_client  # type: ignore[attr-defined]  # a cached property of theirs
        return {
            "max_retries": 0,
            "_async_client": sdk_client.with_options(max_retries=0, http_client=client),
        }
    return without_retries(model)


async def _adopted_openai(model: "BaseChatOpenAI") -> dict[str, Any]:
    sdk_client = model.root_async_client
    if sdk_client is None:
        return {}
    client = model.http_async_client
    if client is None:
        client = await http_client(str(sdk_client.base_url))
    return _openai_fields(sdk_client, client)


@lru_cache(maxsize=1)
def _idle_client() -> Any:
    return _build_client()


def idle_fields(model: BaseChatModel) -> dict[str, Any]:
    """Return the fields of a model as `adopted_fields`, for one that is not asked, outside of event loops."""
    if not is_openai(model):
        return {}
    openai_model = cast("BaseChatOpenAI", model)
    if (sdk_client := openai_model.root_async_client) is None:
        return {}
    return _openai_fields(sdk_client, openai_model.http_async_client or _idle_client())


def _openai_fields(sdk_client: Any, client: Any) -> dict[str, Any]:
    adopted_client = sdk_client.with_options(max_retries=0, http_client=client)
    return {
        "max_retries": 0,
        "http_async_client": client,
        "root_async_client": adopted_client,
        "async_client": adopted_client.chat.completions,
    }


def without_retries(model: BaseChatModel) -> dict[str, Any]:
    """Return the fields of a model that make it retry nothing, as far as they are known."""
    if is_openai(model):
        openai_model = cast("BaseChatOpenAI", model)
        fields: dict[str, Any] = {"max_retries": 0}
        for root, client in (("root_client", "client"), ("root_async_client", "async_client")):
            if (sdk_client := getattr(openai_model, root)) is not None:
                fields[root] = sdk_client.with_options(max_retries=0)
                fields[client] = fields[root].chat.completions
        return fields
    if is_instance(model, "langchain_anthropic.chat_models", "ChatAnthropic"):
        clients: Any = model
        return {
            "max_retries": 0,
            "_client": clients._client.with_options(max_retries=0),
            "_async_client": clients._async_client.with_options(max_retries=0),
        }
    if "max_retries" not in type(model).model_fields:
        return {}
    # Google's client counts attempts, and not what comes after the first one.
    is_google = is_instance(model, "langchain_google_genai.chat_models", "ChatGoogleGenerativeAI")
    return {"max_retries": 1 if is_google else 0}


def is_openai(model: BaseChatModel) -> bool:
    """Return whether a model speaks OpenAI's protocol."""
    return is_instance(model, "langchain_openai.chat_models.base", "BaseChatOpenAI")


def is_instance(model: BaseChatModel, module: str, name: str) -> bool:
    """Return whether a model is of a class, without importing it."""
    # Imports take seconds, and a model of a class that is not imported cannot exist.
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(model, kind)
