"""Conversations as input: a chat history stands for the text that a graph works on."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, convert_to_messages

_ROLES: Mapping[str, str] = {"human": "user", "ai": "assistant"}
"""What a reader calls the types of LangChain's messages."""


def read_conversation(value: object) -> list[BaseMessage] | None:
    """Return the messages of a conversation; None if the value is none.

    Args:
        value: a message, a list of messages as objects or as `{"role": ..., "content": ...}`, or a state
            `{"messages": [...]}`.
    """
    if isinstance(value, BaseMessage):
        return [value]
    if isinstance(value, Mapping) and set(value) == {"messages"}:
        value = value["messages"]
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        return None
    if not all(_is_message(one) for one in value):
        return None
    return convert_to_messages(list(value))


def transcribe(messages: Sequence[BaseMessage]) -> str:
    """Return a conversation as one text: a single message as it is, several with who says what.

    Pictures and files are named, not shown.
    """
    if len(messages) == 1:
        return _text(messages[0])
    return "\n\n".join(f"{_ROLES.get(m.type, m.type)}: {_text(m)}" for m in messages)


def _is_message(one: Any) -> bool:
    return isinstance(one, BaseMessage) or (isinstance(one, Mapping) and {"role", "content"} <= set(one))


def _text(message: BaseMessage) -> str:
    content = message.content if isinstance(message.content, list) else []
    others = [block.get("type") for block in content if isinstance(block, Mapping)]
    named = [f"[{kind}]" for kind in others if kind and kind != "text"]
    return "\n".join(part for part in (str(message.text), *named) if part)
