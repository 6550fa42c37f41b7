"""The variables of a prompt, from what a worker gets."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.work.conversation import read_conversation, transcribe
from langgraph_parallel.nodes.work.media import Block, divide_media
from langgraph_parallel.nodes.work.render import as_sections
from langgraph_parallel.records import Section


def fields_of(input: object) -> dict[str, Any]:
    """Return the fields of a mapping or a record; of a section also its `data` and its earlier results."""
    if isinstance(input, Section):
        content = [input.content, *input.blocks] if input.blocks else input.content
        earlier = as_sections(input.earlier.items()) if input.earlier else ""
        return {**input.data, **vars(input), "content": content, "earlier": earlier}
    return dict(input) if isinstance(input, Mapping | BaseModel) else {}


def values_of(input: object, names: frozenset[str], prompt: str) -> dict[str, Any]:
    """Return the values of the variables of a prompt.

    Args:
        input: a mapping or a record with the variables; a text, or content blocks, if there is only one.
        names: of the variables.
        prompt: its name, for errors.

    Raises:
        InputError: a variable has no value.
    """
    if isinstance(input, str) or divide_media(input) is not None:
        if len(names) != 1:
            raise InputError(
                f"prompt {prompt!r} has {len(names)} variables; pass a mapping of them, not a text"
            )
        return dict.fromkeys(names, input)
    fields = fields_of(input)
    if missing := names - fields.keys():
        lacking = ", ".join(sorted(missing))
        raise InputError(
            f"prompt {prompt!r} needs {lacking}; the input has {', '.join(sorted(fields)) or 'nothing'}"
        )
    return {name: fields[name] for name in names}


def divided(value: object) -> tuple[str, list[Block]]:
    """Return a value as text, and the pictures and files in it; a conversation is written out."""
    if not isinstance(value, str) and (messages := read_conversation(value)) is not None:
        return transcribe(messages), []
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return divide_media(value) or (text, [])
