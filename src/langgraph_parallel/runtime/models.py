"""Models: from a string, an object or the environment to a chat model that can be called.

A string is `provider:model`. `openai:` goes through langchain-openai, and so to any OpenAI-compatible server
that `OPENAI_BASE_URL` names; other providers go through `langchain.chat_models.init_chat_model`, if langchain
and the provider's package are installed.

Their HTTP clients are in `runtime.transport`.
"""

import asyncio
import os
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables.fallbacks import RunnableWithFallbacks
from typing_extensions import TypeAliasType

from langgraph_parallel.errors import ModelError, NoModelError, UsageError
from langgraph_parallel.runtime.chained import all_of, first_of, is_model
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.loops import latest_of_loop
from langgraph_parallel.runtime.providers import check_provider
from langgraph_parallel.runtime.redact import in_words, redact
from langgraph_parallel.runtime.transport import adopted_fields, http_client, is_instance, is_openai

if TYPE_CHECKING:
    from langchain_openai.chat_models.base import BaseChatOpenAI

ModelLike = TypeAliasType("ModelLike", str | BaseChatModel | RunnableWithFallbacks[Any, Any])

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
built: dict[str, BaseChatModel] = {}
"""The models of other providers than OpenAI that runs have built, by their names."""
_ADDRESSES = ("base_url", "anthropic_api_url", "endpoint", "endpoint_url", "api_base", "server_url")
"""Fields in which models of other providers than OpenAI hold the address of their endpoint."""
ADD_MODEL = (
    "To add a model, set OPENAI_API_KEY (and OPENAI_BASE_URL for another OpenAI-compatible server), or name "
    "one: --model provider:model on the command line, create_review(model=...) in Python."
)
"""What the notice of a run without a model advises, where a person reads it."""
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


def fallbacks_from_environment() -> tuple[str, ...]:
    """Return the fallbacks that `LANGGRAPH_PARALLEL_FALLBACKS` names: `A, B`.

    Raises:
        ModelError: as `check_model`.
    """
    text = os.environ.get("LANGGRAPH_PARALLEL_FALLBACKS", "")
    named = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in named:
        check_model(name)
    return named


def read_fallbacks(fallbacks: object) -> tuple[str | BaseChatModel, ...] | None:
    """Return the models of a list, in their order; None stays None.

    Raises:
        UsageError: they are no list.
        ModelError: as `check_model`.
    """
    if fallbacks is None:
        return None
    if isinstance(fallbacks, str) or not isinstance(fallbacks, Sequence):
        raise UsageError(f"fallbacks is {fallbacks!r}; expected a list of models")
    for model in fallbacks:
        check_model(model)
    return tuple(one for model in fallbacks for one in all_of(model))


def check_model(model: object) -> None:
    """Check that a model is valid, without reading a key or building a client.

    Raises:
        ModelError: `model` is neither a chat model nor `provider:model`, or its provider is not known, or
            needs langchain, which is not installed.
    """
    if is_model(model):
        return
    if not isinstance(model, str):
        raise ModelError(f"{model!r} is not a model; expected 'provider:model' or a LangChain chat model")
    check_form(model)
    check_provider(model)


def check_form(model: str) -> str:
    """Return the provider of `provider:model`.

    Raises:
        ModelError: `model` has another form.
    """
    provider, colon, name = model.partition(":")
    if not (colon and provider.strip() and name.strip()) or model != model.strip():
        raise ModelError(f"{model!r} is not a model; expected provider:model, such as {DEFAULT_MODEL}")
    return provider


def nameable_model(model: ModelLike | None) -> str | BaseChatModel:
    """Return the model, or the environment's for None; does not require a key. Of a chain, it is the first.

    Raises:
        NoModelError: no model is named, here or in the environment.
        ModelError: as `check_model`.
    """
    chosen = model if model is not None else default_model()
    if chosen is None:
        raise NoModelError(_NO_MODEL)
    check_model(chosen)
    first: str | BaseChatModel = first_of(chosen)
    return first


def require_model(model: ModelLike | None) -> str | BaseChatModel:
    """Return the model to call, or the environment's for None.

    Raises:
        NoModelError: no model is named, here or in the environment, or there is no key for it.
        ModelError: as `check_model`.
    """
    chosen = nameable_model(model)
    if isinstance(chosen, str) and chosen.startswith("openai:"):
        _check_base_url()
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
        return (await latest_of_loop("adopted", id(chosen), lambda: _adopt(chosen)))[1]
    endpoint, secret = os.environ.get("OPENAI_BASE_URL"), os.environ.get("OPENAI_API_KEY")
    return await latest_of_loop("model", (chosen, endpoint, secret), lambda: _build(chosen, endpoint))


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
    limits: Limits | None = getattr(type(first_of(model)), GOVERNED_LIMITS, None)
    return limits


def model_name(model: ModelLike) -> str:
    """Return the name to show for a model: never its address or a key."""
    if isinstance(model, str):
        return model.partition(":")[2] or model
    model = first_of(model)
    named = (getattr(model, field, None) for field in ("model_name", "model", "deployment_name"))
    return str(next(filter(None, named), type(model).__name__))


def get_endpoint(model: BaseChatModel) -> str:
    """Return what identifies an endpoint: its address, else the class of the model."""
    if is_openai(model):
        client = cast("BaseChatOpenAI", model).root_async_client
        return str(client.base_url) if client is not None else "openai"
    addresses = (getattr(model, field, None) for field in _ADDRESSES)
    return str(next(filter(None, addresses), type(model).__name__))


def is_self_hosted(model: BaseChatModel) -> bool:
    """Return whether a model is on a server that speaks OpenAI's chat completions, and is not OpenAI's."""
    if not is_instance(model, "langchain_openai.chat_models.base", "ChatOpenAI"):
        return False
    if cast("BaseChatOpenAI", model)._use_responses_api({}):
        return False
    return not (urlsplit(get_endpoint(model)).hostname or "").endswith("openai.com")


def _check_base_url() -> None:
    """Check the address that the environment names.

    Raises:
        ModelError: it is not one of HTTP, or holds a user, which no request can have besides its key.
    """
    url = os.environ.get("OPENAI_BASE_URL", "").strip()
    if not url:
        return
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not close, or a port out of range
        is_address = False
    if not is_address:
        raise ModelError(f"OPENAI_BASE_URL is {redact(url)!r}; expected http://host/v1 or https://host/v1")
    if parts.username or parts.password:
        raise ModelError("OPENAI_BASE_URL has a user before its host; a key goes into OPENAI_API_KEY")


def _openai_configured() -> bool:
    return bool(os.environ.get("OPENAI_API_KEY", "").strip() or os.environ.get("OPENAI_BASE_URL", "").strip())


async def _build(model: str, endpoint: str | None) -> BaseChatModel:
    """Build a model in a thread: imports and TLS set-up would block the event loop."""
    if not model.startswith("openai:"):
        made = built[model] = await asyncio.to_thread(_build_other, model)
        return made.model_copy(update=await adopted_fields(made))
    client = await http_client(endpoint or "openai")
    return await asyncio.to_thread(build_openai, model.partition(":")[2], client)


def build_openai(name: str, client: Any = None) -> BaseChatModel:
    """Build a model of OpenAI's, or of a server like it; its own client for None."""
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
        return cast("BaseChatModel", init_chat_model(model))
    except Exception as error:  # each provider has errors of its own for a missing key or package
        raise ModelError(f"cannot use the model {model!r}: {in_words(error)}") from error


async def _adopt(model: BaseChatModel) -> tuple[BaseChatModel, BaseChatModel]:
    """Return a model of the caller, and a copy of it with our transport and without the SDK's retries.

    The original is returned too, to keep it alive: its id is the cache key.
    """
    plain = plain_model(model)
    fields = await adopted_fields(plain)
    return model, plain.model_copy(update=fields) if fields else plain
