"""The model that a name stands for, as runs would build it: what estimates know of its endpoint.

No key is needed, and nothing is sent.
"""

import contextlib
import os
from functools import lru_cache

from langchain_core.language_models import BaseChatModel

from langgraph_parallel.runtime.models import build_openai, built, plain_model
from langgraph_parallel.runtime.transport import idle_fields

_ADDRESSES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
"""Variables that say where a model of OpenAI's is."""


def known_model(model: str | BaseChatModel) -> BaseChatModel | None:
    """Return the model that a run would ask; None if no run has built it, and building it may need a key.

    Args:
        model: an object, or a name.
    """
    if isinstance(model, BaseChatModel):
        return _idle(plain_model(model))
    provider, _, name = model.partition(":")
    if provider != "openai":
        return built.get(model)
    return _named(name, tuple(os.environ.get(variable, "") for variable in _ADDRESSES))


@lru_cache(maxsize=64)
def _named(name: str, addresses: tuple[str, ...]) -> BaseChatModel | None:
    with contextlib.suppress(Exception):  # of its package, such as for an address that is none
        return _idle(build_openai(name))
    return None


def _idle(model: BaseChatModel) -> BaseChatModel:
    fields = idle_fields(model)
    return model.model_copy(update=fields) if fields else model
