"""Conversations as input: a chat history stands for the text that a graph works on."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, convert_to_messages

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.work.message_parts import MessagePart, read_parts, shown_text
from langgraph_parallel.prompts.boundary import fence
from langgraph_parallel.runtime.messages import FromMessages

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


def text_from_messages(key: str, noun: str) -> FromMessages:
    """Return how a graph reads one text from a conversation: its last message in what was said before.

    Args:
        key: of the graph's input.
        noun: what the last message is to the graph: its question, its task.
    """

    def read(messages: Sequence[BaseMessage]) -> dict[str, str]:
        return {key: _in_conversation(messages, _needed_text(messages[-1], key), noun)}

    return FromMessages([key], read, unread_media)


def last_text_from_messages(key: str) -> FromMessages:
    """Return how a graph reads one text from a conversation: the last message alone."""
    return FromMessages([key], lambda messages: {key: _needed_text(messages[-1], key)}, unread_media)


def question_from_messages() -> FromMessages:
    """Return how a vote reads its question from a conversation: with the pictures and files of the user."""

    def read(messages: Sequence[BaseMessage]) -> dict[str, Any]:
        asked = [one for one in messages if isinstance(one, HumanMessage)]
        blocks = [dict(part.block) for one in asked for part in read_parts(one) if part.block]
        last = read_parts(messages[-1])
        if not blocks or not any(part.block for part in last):
            _needed_text(messages[-1], "question")
        text = _in_conversation(messages, shown_text([p for p in last if not p.block]), "question")
        return {"question": [*([text] if text else []), *blocks] if blocks else text}

    return FromMessages(["question"], read, lambda m: [p.label for p in _no_texts(m) if p.block is None])


def documents_from_messages(key: str) -> FromMessages:
    """Return how a graph reads several texts from a conversation: those of the last message, by name."""

    def read(messages: Sequence[BaseMessage]) -> dict[str, Any]:
        _needed_text(messages[-1], key)
        texts: dict[str, str] = {}
        for number, part in enumerate((p for p in read_parts(messages[-1]) if p.text is not None), 1):
            name = part.name or f"text {number}"
            texts[_unused(name, texts)] = str(part.text)
        return {key: texts}

    return FromMessages(
        [key],
        read,
        unread_media,
        f"the input has no {key}; expected a list of texts, or a mapping of name to text",
    )


def unread_media(message: BaseMessage) -> list[str]:
    """Name what of a message is no text."""
    return [part.label for part in _no_texts(message)]


def _needed_text(message: BaseMessage, key: str) -> str:
    """Return the text of a message, in which what is no text is named.

    Raises:
        InputError: it has none.
    """
    parts = read_parts(message)
    if any(part.text is not None for part in parts):
        return shown_text(parts)
    others = f" (only {', '.join(part.label for part in parts)})" if parts else ""
    raise InputError(f"the last message of the user has no text{others}; write the {key} as text")


def _in_conversation(messages: Sequence[BaseMessage], text: str, noun: str) -> str:
    """Return what the user wants, after the conversation so far if there is one.

    What tools were asked, and what they said, is left out.
    """
    spoken = [one for one in messages[:-1] if isinstance(one, HumanMessage | AIMessage | SystemMessage)]
    lines = [f"{_ROLES.get(one.type, one.type)}: {said}" for one in spoken if (said := _said(one))]
    if not lines:
        return text
    _, fenced = fence({"conversation": "\n\n".join(lines)})
    return (
        f"{fenced['conversation']}\n\nThat is what was said so far. The {noun} is the last message of the "
        f"user, which follows it:\n\n{text or '(see what is attached)'}"
    )


def _said(message: BaseMessage) -> str:
    return shown_text(read_parts(message))


def _no_texts(message: BaseMessage) -> list[MessagePart]:
    return [part for part in read_parts(message) if part.text is None]


def _unused(name: str, names: Mapping[str, Any]) -> str:
    number, tried = 2, name
    while tried in names:
        tried, number = f"{name} ({number})", number + 1
    return tried


def _is_message(one: Any) -> bool:
    return isinstance(one, BaseMessage) or (isinstance(one, Mapping) and {"role", "content"} <= set(one))


def _text(message: BaseMessage) -> str:
    content = message.content if isinstance(message.content, list) else []
    others = [block.get("type") for block in content if isinstance(block, Mapping)]
    named = [f"[{kind}]" for kind in others if kind and kind != "text"]
    return "\n".join(part for part in (str(message.text), *named) if part)
