"""Marks in a prompt of what the provider's cache is to keep, and what LangChain is told for its sake.

Anthropic keeps what is marked, and bills it at 1.25; the others keep what they see.
"""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from langgraph_parallel.runtime.dialect import CACHE_KEY
from langgraph_parallel.runtime.form import Form
from langgraph_parallel.runtime.sender import Sending

_MARK = {"type": "ephemeral"}


def told(form: Form, messages: Sequence[BaseMessage], sending: Sending) -> tuple[Form, Sequence[BaseMessage]]:
    """Return a form and a prompt with what LangChain is told for the sake of the cache.

    Args:
        form: of the request.
        messages: the prompt.
        sending: how it is sent.
    """
    if sending.cache_key:
        keyed = form.runnable.bind(**{CACHE_KEY: sending.cache_key})
        form = form._replace(runnable=keyed, messages=keyed)
    return form, mark(messages, sending.marks) if sending.marks else messages


def mark(messages: Sequence[BaseMessage], sizes: Sequence[int]) -> list[BaseMessage]:
    """Return a prompt with marks behind the prefixes that are to be kept.

    Args:
        messages: a system message and a message, and what follows them; any others are left as they are.
        sizes: bytes of the prefixes, ascending.
    """
    if not sizes or not _is_rendered(messages):
        return list(messages)
    system, human, *rest = messages
    # The prefixes were measured over the system message, a byte between the two, and the message.
    text = str(human.content).encode(errors="surrogatepass")
    before = len(str(system.content).encode(errors="surrogatepass")) + 1
    blocks: list[str | dict[str, Any]] = []
    begin = 0
    for size in sizes:
        end = size - before
        blocks.append({"type": "text", "text": _decoded(text[begin:end]), "cache_control": _MARK})
        begin = end
    if begin < len(text):
        blocks.append({"type": "text", "text": _decoded(text[begin:])})
    return [system, HumanMessage(blocks), *rest]


def _is_rendered(messages: Sequence[BaseMessage]) -> bool:
    return (
        len(messages) > 1
        and isinstance(messages[0], SystemMessage)
        and isinstance(messages[1], HumanMessage)
        and all(isinstance(message.content, str) for message in messages[:2])
    )


def _decoded(text: bytes) -> str:
    return text.decode(errors="surrogatepass")
