"""Answers as plain JSON, and back: no other object is ever made of what is stored."""

import json
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ValidationError

from langgraph_parallel.answers.message import read_message
from langgraph_parallel.errors import AnswerError


def dump_answer(answer: Any) -> str | None:
    """Return an answer as JSON; None for one that holds what JSON cannot.

    Args:
        answer: an `AIMessage`, or the `ChatResult` of a model.
    """
    if isinstance(answer, ChatResult):
        form: Any = {
            "generations": [_as_generation(generation) for generation in answer.generations],
            "llm_output": answer.llm_output,
        }
    else:
        form = {"message": _as_data(answer)}
    try:
        text = json.dumps(form, ensure_ascii=False, allow_nan=False)
        text.encode()  # SQLite takes no halves of characters
        return text if json.loads(text) == form and _is_equal(load_answer(text), answer) else None
    except (TypeError, ValueError, RecursionError):
        return None


def is_whole(result: ChatResult) -> bool:
    """Return whether a model has answered: not declined, nor was cut off or withheld, nor said nothing."""
    for generation in result.generations:
        answer = read_message(generation.message)
        try:
            answer.check()
        except AnswerError:
            return False
        if not (answer.text or answer.arguments):
            return False
    return bool(result.generations)


def load_answer(text: str) -> AIMessage | ChatResult | None:
    """Return the answer that JSON holds; None if it holds none."""
    try:
        form = json.loads(text)
        if "message" in form:
            return AIMessage(**form["message"])
        generations = [
            ChatGeneration(message=AIMessage(**one["message"]), generation_info=one["info"])
            for one in form["generations"]
        ]
        return ChatResult(generations=generations, llm_output=form["llm_output"])
    except (ValueError, TypeError, KeyError, RecursionError, ValidationError):
        return None


def _as_generation(generation: Any) -> Mapping[str, Any]:
    return {"message": _as_data(generation.message), "info": generation.generation_info}


def _as_data(message: Any) -> Mapping[str, Any]:
    fields: dict[str, Any] = dict(message)  # as they are: what is no JSON must not become a text
    return {name: fields[name] for name in _FIELDS if fields.get(name)} | {"content": message.content}


_FIELDS = (
    "additional_kwargs",
    "response_metadata",
    "tool_calls",
    "invalid_tool_calls",
    "usage_metadata",
    "name",
)
"""Beside the content. The id is that of the call, and each call has its own."""


def _is_equal(loaded: Any, answer: Any) -> bool:
    """Return whether an answer was loaded as it is: nothing of it is an object, or of a class of its own."""
    if isinstance(answer, ChatResult):
        return bool(
            isinstance(loaded, ChatResult)
            and loaded.llm_output == answer.llm_output
            and [one.generation_info for one in loaded.generations]
            == [one.generation_info for one in answer.generations]
            and all(
                _is_equal(mine.message, one.message)
                for mine, one in zip(loaded.generations, answer.generations, strict=True)
            )
        )
    are_plain = type(answer) is AIMessage and isinstance(loaded, AIMessage)
    return are_plain and _as_data(loaded) == _as_data(answer)
