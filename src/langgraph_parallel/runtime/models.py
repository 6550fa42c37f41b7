"""Models: from a string, an object or the environment to something that can be called.

A string is `provider:model`. `openai:` goes through langchain-openai, and so to any OpenAI-compatible
server that `OPENAI_BASE_URL` names; other providers through `langchain.chat_models.init_chat_model`,
where langchain and the provider's package are installed.

There is one client for each endpoint and event loop, on aiohttp, which takes less than half of the time
of the SDK's default transport when many calls are in flight, and there is one retry layer, ours: the
SDK's own is switched off.
"""

import asyncio
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from langchain_core.language_models import BaseChatModel

from langgraph_parallel.errors import ModelError, NoModelError
from langgraph_parallel.runtime.limiter import current_limiter
from langgraph_parallel.runtime.loops import close_with_loop, loop_local_async
from langgraph_parallel.runtime.retry import reset_after

if TYPE_CHECKING:
    from langchain_openai.chat_models.base import BaseChatOpenAI

ModelLike = str | BaseChatModel

DEFAULT_MODEL = "openai:gpt-5-mini"
"""What is used when there is an OpenAI key and nobody names a model."""
_LONGEST_RESET = 60.0
_NO_MODEL = (
    "no model: pass model='provider:model' or a chat model, set LANGGRAPH_PARALLEL_MODEL, "
    f"or set OPENAI_API_KEY to use {DEFAULT_MODEL}"
)


def default_model() -> str | None:
    """The model that the environment names: `LANGGRAPH_PARALLEL_MODEL`, else as OpenAI does."""
    if named := os.environ.get("LANGGRAPH_PARALLEL_MODEL", "").strip():
        return named
    return DEFAULT_MODEL if _openai_configured() else None


def check_model(model: object) -> None:
    """Make sure that a model can mean something. Reads no key, makes no client.

    Raises:
        ModelError: it is neither a chat model nor `provider:model`, or its provider is not installed.
    """
    if isinstance(model, BaseChatModel):
        return
    if not isinstance(model, str):
        raise ModelError(f"{model!r} is not a model; pass 'provider:model' or a LangChain chat model")
    provider, colon, name = model.partition(":")
    if not (colon and provider.strip() and name.strip()) or model != model.strip():
        raise ModelError(f"{model!r} is not a model; write provider:model, such as {DEFAULT_MODEL}")
    if provider != "openai" and not find_spec("langchain"):
        raise ModelError(
            f"the provider of {model!r} needs langchain: "
            f"pip install langchain langchain-{provider}, or pass a chat model"
        )


def nameable_model(model: ModelLike | None) -> ModelLike:
    """Settle which model is meant; whether there is a key for it is another question.

    Raises:
        NoModelError: none is named and the environment has none.
        ModelError: as in `check_model`.
    """
    chosen = model if model is not None else default_model()
    if chosen is None:
        raise NoModelError(_NO_MODEL)
    check_model(chosen)
    return chosen


def require_model(model: ModelLike | None) -> ModelLike:
    """Settle which model to use, before any call.

    Raises:
        NoModelError: none is named and the environment has none, or it has no key for the one named.
        ModelError: as in `check_model`.
    """
    chosen = nameable_model(model)
    if isinstance(chosen, str) and chosen.startswith("openai:") and not _openai_configured():
        raise NoModelError(
            f"no key for {chosen}: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server without keys"
        )
    return chosen


def in_reach(model: ModelLike | None) -> bool:
    """Whether there is a model: one that is named, or that the environment names.

    Raises:
        NoModelError, ModelError: one is named, and cannot be had.
    """
    chosen = model if model is not None else default_model()
    if chosen is None:
        return False
    require_model(chosen)
    return True


async def get_model(model: ModelLike | None) -> BaseChatModel:
    """Get a chat model that is ready to be called in the running event loop, and shared in it.

    Raises:
        ModelError: as in `require_model`, or the provider's own reason.
    """
    chosen = require_model(model)
    if isinstance(chosen, BaseChatModel):
        return (await loop_local_async(("adopted", id(chosen)), lambda: _adopt(chosen)))[1]
    endpoint, secret = os.environ.get("OPENAI_BASE_URL"), os.environ.get("OPENAI_API_KEY")
    return await loop_local_async(("model", chosen, endpoint, secret), lambda: _make(chosen, endpoint))


def model_name(model: ModelLike) -> str:
    """The name to show for a model: never its address, never a key."""
    if isinstance(model, str):
        return model.partition(":")[2] or model
    return str(getattr(model, "model_name", None) or getattr(model, "model", None) or type(model).__name__)


def get_endpoint(model: BaseChatModel) -> str:
    """What tells one endpoint from another: the address of an OpenAI-compatible one, else the provider."""
    if is_openai(model):
        client = cast("BaseChatOpenAI", model).root_async_client
        return str(client.base_url) if client is not None else "openai"
    return str(getattr(model, "base_url", None) or type(model).__name__)


def is_openai(model: BaseChatModel) -> bool:
    """Whether a model speaks OpenAI's protocol. Does not import langchain-openai to find out."""
    module = sys.modules.get("langchain_openai.chat_models.base")
    return module is not None and isinstance(model, module.BaseChatOpenAI)


def _openai_configured() -> bool:
    return bool(os.environ.get("OPENAI_API_KEY", "").strip() or os.environ.get("OPENAI_BASE_URL", "").strip())


async def _make(model: str, endpoint: str | None) -> BaseChatModel:
    """Make a model away from the event loop: imports and TLS set-up take their time."""
    if not model.startswith("openai:"):
        return await asyncio.to_thread(_other, model)
    client = await loop_local_async(("client", endpoint or "openai"), _make_client)
    return await asyncio.to_thread(_openai, model.partition(":")[2], client)


async def _make_client() -> Any:
    """One HTTP client for all models of an endpoint; it is closed with the loop."""
    client = await asyncio.to_thread(_http_client)
    close_with_loop(client.aclose)
    return client


def _http_client() -> Any:
    from openai import DefaultAioHttpClient

    return DefaultAioHttpClient(event_hooks={"response": [_heed]})


async def _heed(response: Any) -> None:
    """Pause where an answer's headers say that nothing is left."""
    limiter = current_limiter.get()
    if limiter is not None and (seconds := reset_after(response.headers)) is not None:
        limiter.exhausted(min(seconds, _LONGEST_RESET))


def _openai(name: str, client: Any) -> BaseChatModel:
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    key = os.environ.get("OPENAI_API_KEY", "").strip() or "no-key-needed"
    return ChatOpenAI(
        model=name,
        api_key=SecretStr(key),
        base_url=os.environ.get("OPENAI_BASE_URL") or None,
        http_async_client=client,
        max_retries=0,
    )


def _other(model: str) -> BaseChatModel:
    init_chat_model = import_module("langchain.chat_models").init_chat_model

    try:
        return cast("BaseChatModel", init_chat_model(model, max_retries=0))
    except (ImportError, ValueError) as error:
        raise ModelError(f"cannot use the model {model!r}: {error}") from error


async def _adopt(model: BaseChatModel) -> tuple[BaseChatModel, BaseChatModel]:
    """A model that the caller made, and the same one with our transport and without the SDK's retries.

    Its own retries would multiply with ours, and its default client, which LangChain shares over event
    loops, breaks in the second of them. A client that the caller chose is kept.
    """
    if not is_openai(model):
        return model, model
    openai_model = cast("BaseChatOpenAI", model)
    own = openai_model.root_async_client
    if own is None:
        return model, model
    shared = openai_model.http_async_client
    if shared is None:
        shared = await loop_local_async(("client", str(own.base_url)), _make_client)
    client = own.with_options(max_retries=0, http_client=shared)
    fields = {
        "max_retries": 0,
        "http_async_client": shared,
        "root_async_client": client,
        "async_client": client.chat.completions,
    }
    return model, openai_model.model_copy(update=fields)
