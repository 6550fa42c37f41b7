"""Streams of chat completions, with all that the server says of its tokens.

LangChain keeps of it what OpenAI says; what other servers say in words of their own is in the parts of the
stream alone, which only the model's own code sees.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatGenerationChunk

from langgraph_parallel.runtime.counted import note_details

_CONVERT = "_convert_chunk_to_generation_chunk"


def tell_usage(model: BaseChatModel) -> None:
    """Let the streams of a model tell it.

    Args:
        model: a copy that nobody else has, since it is changed.
    """
    object.__setattr__(model, "__class__", _telling_class(type(model)))


def converting(base: Any) -> dict[str, Any]:
    """Return the member of a subclass whose streams tell it; nothing for one without such streams."""
    convert = getattr(base, _CONVERT, None)
    if convert is None:
        return {}

    def with_usage(self: Any, chunk: Mapping[str, Any], *more: Any) -> ChatGenerationChunk | None:
        part: ChatGenerationChunk | None = convert(self, chunk, *more)
        if part is not None and (counted := chunk.get("usage")):
            note_details(part.message, counted)
        return part

    return {_CONVERT: with_usage}


@lru_cache(maxsize=64)
def _telling_class(base: type[BaseChatModel]) -> type[BaseChatModel]:
    names = {name: getattr(base, name) for name in ("__module__", "__qualname__", "__doc__")}
    metaclass: Any = type(base)
    return cast("type[BaseChatModel]", metaclass(base.__name__, (base,), {**names, **converting(base)}))
