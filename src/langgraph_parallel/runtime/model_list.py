"""The models that an OpenAI-compatible endpoint lists."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel

from langgraph_parallel.errors import EndpointError

_WINDOWS = ("context_length", "context_window", "max_model_len", "max_context_length", "n_ctx")
"""Fields in which servers say how many tokens a prompt and its answer may have: OpenRouter, Groq, vLLM, LM
Studio, llama.cpp."""


class ListedModel(NamedTuple):
    """A model in the list of an endpoint."""

    id: str
    context_window: int | None
    """Tokens of a prompt and its answer; None if the list does not say."""


async def list_models(model: BaseChatModel, seconds: float) -> list[ListedModel]:
    """Ask the endpoint of a model for its list: `GET /models`.

    Args:
        model: a `ChatOpenAI` of the running event loop.
        seconds: to wait at most.

    Raises:
        EndpointError: it has no list, or not in a known form.
        TimeoutError: it does not answer in time.
        Exception: of the HTTP client.
    """
    client: Any = getattr(model, "root_async_client", None)
    http: Any = getattr(model, "http_async_client", None)
    if client is None or http is None:
        raise EndpointError("the endpoint does not speak OpenAI's protocol")
    headers = {name: value for name, value in client.default_headers.items() if isinstance(value, str)}
    url = f"{str(client.base_url).rstrip('/')}/models"
    try:
        async with asyncio.timeout(seconds):
            response = await http.get(url, headers=headers | dict(client.auth_headers))
    except TimeoutError:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if response.status_code != 200:
        raise EndpointError(f"it answers {response.status_code}")
    try:
        body = response.json()
    except ValueError:
        raise EndpointError("its answer is not JSON") from None
    return _read(body)


def _read(body: Any) -> list[ListedModel]:
    listed = body.get("data", body.get("models")) if isinstance(body, Mapping) else body
    if not isinstance(listed, list):
        raise EndpointError("its answer is not a list of models")
    found = [item if isinstance(item, Mapping) else {"id": item} for item in listed]
    names = [item.get("id") or item.get("name") for item in found]
    return [
        ListedModel(name, _window(item))
        for name, item in zip(names, found, strict=True)
        if isinstance(name, str)
    ]


def _window(item: Mapping[str, Any]) -> int | None:
    inner = item.get("meta")
    places = [item, inner] if isinstance(inner, Mapping) else [item]
    numbers = (place.get(field) for place in places for field in _WINDOWS)
    return next((n for n in numbers if isinstance(n, int) and not isinstance(n, bool) and n > 0), None)
