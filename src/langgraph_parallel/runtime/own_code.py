"""Which code is known to need nothing of LangGraph's: that of this package, and of LangChain's models."""

from collections.abc import Mapping
from functools import lru_cache
from numbers import Number
from types import FunctionType

from langchain_core.language_models import BaseChatModel

_PACKAGE = __name__.partition(".")[0]


@lru_cache(maxsize=256)
def is_own(kind: type) -> bool:
    """Return whether a class is of this package, with nothing that a caller has changed in it."""
    return kind.__module__.partition(".")[0] == _PACKAGE


def is_own_throughout(value: object) -> bool:
    """Return whether a rule, stop or normaliser, and all that it holds, is of this package."""
    if isinstance(value, FunctionType):
        held = [cell.cell_contents for cell in value.__closure__ or ()]
        return value.__module__.partition(".")[0] == _PACKAGE and all(map(is_own_throughout, held))
    if isinstance(value, Mapping):
        return all(map(is_own_throughout, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(is_own_throughout, value))
    if value is None or isinstance(value, str | Number):
        return True
    kind: type = type(value)
    return is_own(kind) and all(map(is_own_throughout, getattr(value, "__dict__", {}).values()))


@lru_cache(maxsize=256)
def _is_known(kind: type) -> bool:
    package = kind.__module__.partition(".")[0]
    is_langchain = package == "langchain" or package.startswith("langchain_")
    return is_langchain or package == _PACKAGE or bool(vars(kind).get("asks_no_person"))


def is_unwatched_model(model: object) -> bool:
    """Return whether a model has no callbacks of its own, and is no code of the caller's.

    A class of the caller's is taken for one that may ask a person or read LangGraph's runtime, unless it
    sets `asks_no_person` itself.

    Args:
        model: a name, a chat model, or None for the one that the environment names.
    """
    if model is None or isinstance(model, str):
        return True
    return isinstance(model, BaseChatModel) and _is_known(type(model)) and not model.callbacks
