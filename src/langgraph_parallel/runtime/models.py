"""Models: from a string, an object or the environment to a chat model that can be called.

A string is `provider:model`. `openai:` goes through langchain-openai, and so to any OpenAI-compatible server
that `OPENAI_BASE_URL` names; other providers go through `langchain.chat_models.init_chat_model`, if langchain
and the provider's package are installed.

Each endpoint and event loop has one HTTP client, on aiohttp, which takes less than half the time of the SDK's
default transport when many calls are in flight. The only retry layer is `runtime.retry`: the SDK's own is
switched off.
"""

import asyncio
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from typing_extensions import TypeAliasType

from langgraph_parallel.errors import ModelError, NoModelError
from langgraph_parallel.runtime.limiter_registry import current_limiter
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.loops import close_with_loop, loop_local_async
from langgraph_parallel.runtime.response import correct_status, is_readable
from langgraph_parallel.runtime.waits import reset_after

if TYPE_CHECKING:
    from langchain_openai.chat_models.base import BaseChatOpenAI

ModelLike = TypeAliasType("ModelLike", str | BaseChatModel)

DEFAULT_MODEL = "openai:gpt-5-mini"
"""The model if an OpenAI key is set and no model is named."""
GOVERNED = "__governed_base__"
"""Attribute of the class of a governed model: the class that it had before."""
GOVERNED_LIMITS = "__governed_limits__"
"""Another one: the limits of its calls."""
GOVERNED_CLIENTS = "__governed_clients__"
"""Key in the attributes of a governed model: what it needs in each event loop."""
GOVERNED_TAG = "langgraph-parallel:governed"
"""Tag of the calls of governed models, in traces too: nothing else has to govern them."""
_LONGEST_RESET = 60.0
"""Seconds; a pause that only headers ask for is not longer, whatever they say."""
_NO_MODEL = (
    "no model: pass model='provider:model' or a chat model, set LANGGRAPH_PARALLEL_MODEL, "
    f"or set OPENAI_API_KEY to use {DEFAULT_MODEL}"
)


def default_model() -> str | None:
    """Return the model that the environment names; None if it names none.

    `LANGGRAPH_PARALLEL_MODEL` comes first, then `DEFAULT_MODEL` if OpenAI is configured.
    """
    if named := os.environ.get("LANGGRAPH_PARALLEL_MODEL", "").strip():
        return named
    return DEFAULT_MODEL if _openai_configured() else None


def check_model(model: object) -> None:
    """Check that a model is valid, without reading a key or building a client.

    Raises:
        ModelError: `model` is neither a chat model nor `provider:model`, or its provider is not installed.
    """
    if isinstance(model, BaseChatModel):
        return
    if not isinstance(model, str):
        raise ModelError(f"{model!r} is not a model; expected 'provider:model' or a LangChain chat model")
    provider, colon, name = model.partition(":")
    if not (colon and provider.strip() and name.strip()) or model != model.strip():
        raise ModelError(f"{model!r} is not a model; expected provider:model, such as {DEFAULT_MODEL}")
    if provider != "openai" and not find_spec("langchain"):
        raise ModelError(
            f"the provider of {model!r} needs langchain: "
            f"pip install langchain langchain-{provider}, or pass a chat model"
        )


def nameable_model(model: ModelLike | None) -> ModelLike:
    """Return the model, or the environment's for None; does not require a key.

    Raises:
        NoModelError: no model is named, here or in the environment.
        ModelError: as `check_model`.
    """
    chosen = model if model is not None else default_model()
    if chosen is None:
        raise NoModelError(_NO_MODEL)
    check_model(chosen)
    return chosen


def require_model(model: ModelLike | None) -> ModelLike:
    """Return the model to call, or the environment's for None.

    Raises:
        NoModelError: no model is named, here or in the environment, or there is no key for it.
        ModelError: as `check_model`.
    """
    chosen = nameable_model(model)
    if isinstance(chosen, str) and chosen.startswith("openai:") and not _openai_configured():
        raise NoModelError(
            f"no key for {chosen}: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server without keys"
        )
    return chosen


def in_reach(model: ModelLike | None) -> bool:
    """Return whether a model is named, here or in the environment.

    Raises:
        NoModelError, ModelError: as `require_model`, if a model is named.
    """
    chosen = model if model is not None else default_model()
    if chosen is None:
        return False
    require_model(chosen)
    return True


async def get_model(model: ModelLike | None) -> BaseChatModel:
    """Return a chat model that can be called in the running event loop, and is shared in it.

    Raises:
        ModelError: as `require_model`, or the provider's package refuses the model.
    """
    chosen = require_model(model)
    if isinstance(chosen, BaseChatModel):
        return (await loop_local_async(("adopted", id(chosen)), lambda: _adopt(chosen)))[1]
    endpoint, secret = os.environ.get("OPENAI_BASE_URL"), os.environ.get("OPENAI_API_KEY")
    return await loop_local_async(("model", chosen, endpoint, secret), lambda: _build(chosen, endpoint))


def plain_model(model: BaseChatModel) -> BaseChatModel:
    """Return a governed model as it was before (`runtime.governed`); any other model itself."""
    base = getattr(type(model), GOVERNED, None)
    if base is None:
        return model
    tags = [tag for tag in model.tags or [] if tag != GOVERNED_TAG]
    plain = model.model_copy(update={"tags": tags or None})
    object.__setattr__(plain, "__class__", base)
    plain.__dict__.pop(GOVERNED_CLIENTS, None)
    return plain


def governed_limits(model: object) -> Limits | None:
    """Return the limits that a governed model was given; None for any other."""
    limits: Limits | None = getattr(type(model), GOVERNED_LIMITS, None)
    return limits


def without_retries(model: BaseChatModel) -> dict[str, Any]:
    """Return the fields of a model that make it retry nothing, as far as they are known."""
    if not is_openai(model):
        return {}
    openai_model = cast("BaseChatOpenAI", model)
    fields: dict[str, Any] = {"max_retries": 0}
    for root, client in (("root_client", "client"), ("root_async_client", "async_client")):
        if (sdk_client := getattr(openai_model, root)) is not None:
            fields[root] = sdk_client.with_options(max_retries=0)
            fields[client] = fields[root].chat.completions
    return fields


def model_name(model: ModelLike) -> str:
    """Return the name to show for a model: never its address or a key."""
    if isinstance(model, str):
        return model.partition(":")[2] or model
    return str(getattr(model, "model_name", None) or getattr(model, "model", None) or type(model).__name__)


def get_endpoint(model: BaseChatModel) -> str:
    """Return what identifies an endpoint: its address, else the class of the model."""
    if is_openai(model):
        client = cast("BaseChatOpenAI", model).root_async_client
        return str(client.base_url) if client is not None else "openai"
    return str(getattr(model, "base_url", None) or type(model).__name__)


def is_self_hosted(model: BaseChatModel) -> bool:
    """Return whether a model is on a server that speaks OpenAI's protocol, and is not OpenAI's or Azure's."""
    if not is_openai(model):
        return False
    host = urlsplit(get_endpoint(model)).hostname or ""
    return not host.endswith(("openai.com", "azure.com"))


def is_openai(model: BaseChatModel) -> bool:
    """Return whether a model speaks OpenAI's protocol."""
    # Not imported for this: it takes a second, and a model of a class that is not imported cannot exist.
    module = sys.modules.get("langchain_openai.chat_models.base")
    return module is not None and isinstance(model, module.BaseChatOpenAI)


def _openai_configured() -> bool:
    return bool(os.environ.get("OPENAI_API_KEY", "").strip() or os.environ.get("OPENAI_BASE_URL", "").strip())


async def _build(model: str, endpoint: str | None) -> BaseChatModel:
    """Build a model in a thread: imports and TLS set-up would block the event loop."""
    if not model.startswith("openai:"):
        return await asyncio.to_thread(_build_other, model)
    client = await loop_local_async(("client", endpoint or "openai"), _open_client)
    return await asyncio.to_thread(_build_openai, model.partition(":")[2], client)


async def _open_client() -> Any:
    """Open an HTTP client for all models of an endpoint; it is closed with the loop."""
    client = await asyncio.to_thread(_build_client)
    close_with_loop(client.aclose)
    return client


def _build_client() -> Any:
    from openai import DefaultAioHttpClient

    return DefaultAioHttpClient(event_hooks={"response": [_pause_if_exhausted, _correct]})


async def _correct(response: Any) -> None:
    """Let clients see what a response says, where its status says something else."""
    if is_readable(response):
        await response.aread()
        correct_status(response)


async def _pause_if_exhausted(response: Any) -> None:
    """Pause the limiter if a response's headers say that nothing is left."""
    # A context variable, because the client is shared by all models of the endpoint, each with its own
    # limiter.
    limiter = current_limiter.get()
    if limiter is not None and (seconds := reset_after(response.headers)) is not None:
        limiter.exhausted(min(seconds, _LONGEST_RESET))


def _build_openai(name: str, client: Any) -> BaseChatModel:
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


def _build_other(model: str) -> BaseChatModel:
    init_chat_model = import_module("langchain.chat_models").init_chat_model
    try:
        return cast("BaseChatModel", init_chat_model(model, max_retries=0))
    except (ImportError, ValueError) as error:
        raise ModelError(f"cannot use the model {model!r}: {error}") from error


async def _adopt(model: BaseChatModel) -> tuple[BaseChatModel, BaseChatModel]:
    """Return a model of the caller, and a copy of it with our transport and without the SDK's retries.

    The original is returned too, to keep it alive: its id is the cache key.
    """
    plain = plain_model(model)
    fields = await adopted_fields(plain)
    return model, plain.model_copy(update=fields) if fields else plain


async def adopted_fields(model: BaseChatModel) -> dict[str, Any]:
    """Return the fields of a model that give it our transport in the running event loop, and no retries.

    The SDK's retries would multiply with ours, and its default client, which LangChain shares over event
    loops, breaks in the second loop. A client that the caller chose is kept.
    """
    if not is_openai(model):
        return {}
    openai_model = cast("BaseChatOpenAI", model)
    sdk_client = openai_model.root_async_client
    if sdk_client is None:
        return {}
    http_client = openai_model.http_async_client
    if http_client is None:
        http_client = await loop_local_async(("client", str(sdk_client.base_url)), _open_client)
    adopted_client = sdk_client.with_options(max_retries=0, http_client=http_client)
    return {
        "max_retries": 0,
        "http_async_client": http_client,
        "root_async_client": adopted_client,
        "async_client": adopted_client.chat.completions,
    }
