"""Models with fallbacks of LangChain's: `llm.with_fallbacks([other])`, read as what they are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables.fallbacks import RunnableWithFallbacks


@dataclass(frozen=True)
class Chained:
    """The models of a chain, in the order in which they are asked."""

    models: Sequence[BaseChatModel]
    handled: tuple[type[BaseException], ...]
    """What the next one is asked after."""


def read_chain(given: object) -> Chained | None:
    """Return the chat models that a model with fallbacks consists of; None if it is anything else.

    A chain whose parts are no chat models, such as models with a schema bound to them, or that adds an error
    to its input (`exception_key`), is a Runnable like any other.
    """
    if not isinstance(given, RunnableWithFallbacks) or given.exception_key is not None:
        return None
    models: list[BaseChatModel] = []
    for part in given.runnables:
        if isinstance(part, BaseChatModel):
            models.append(part)
        elif (inner := read_chain(part)) is not None and inner.handled == given.exceptions_to_handle:
            models += inner.models
        else:
            return None
    return Chained(models, given.exceptions_to_handle)


def is_model(given: object) -> TypeGuard[BaseChatModel | RunnableWithFallbacks[Any, Any]]:
    """Return whether something is a chat model, or one with fallbacks that are chat models."""
    return isinstance(given, BaseChatModel) or read_chain(given) is not None


def all_of(model: Any) -> Sequence[Any]:
    """Return the models of a chain; anything else itself, alone."""
    chain = None if isinstance(model, str | BaseChatModel) else read_chain(model)
    return [model] if chain is None else chain.models


def first_of(model: Any) -> Any:
    """Return the model that a chain asks first; anything else itself."""
    return all_of(model)[0]
