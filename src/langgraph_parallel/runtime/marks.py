"""What a model's requests have to do with its provider's cache, and marks of what is to be kept.

Anthropic keeps what is marked, and bills it at 1.25; the others keep what they see.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from langgraph_parallel.answers.schema import json_schema
from langgraph_parallel.runtime.dialect import CACHE_KEY, Dialect
from langgraph_parallel.runtime.form import Form
from langgraph_parallel.runtime.models import model_name
from langgraph_parallel.runtime.sender import Caching, Sending
from langgraph_parallel.runtime.transport import is_instance, is_openai

_MINIMA = (
    (re.compile(r"haiku-4|opus-4-[5-9]|opus-[5-9]|haiku-[5-9]"), 4096),
    (re.compile(r"haiku"), 2048),
)
"""Least tokens that Anthropic keeps, by model, where it is not 1,024."""
_MARK = {"type": "ephemeral"}


def caching_of(model: BaseChatModel, schema: type[BaseModel] | None, dialect: Dialect) -> Caching:
    """Return what requests to a model have to do with its provider's cache.

    Args:
        model: that is asked.
        schema: of its answers; None for text.
        dialect: of its endpoint.
    """
    preface = ""
    if schema is not None and dialect.format != "text":
        preface = f"{dialect.format} {json.dumps(json_schema(schema), sort_keys=True)}"
    if is_instance(model, "langchain_anthropic.chat_models", "ChatAnthropic"):
        name = model_name(model).lower()
        minimum = next((least for pattern, least in _MINIMA if pattern.search(name)), 1024)
        return Caching(preface, marked=True, minimum=minimum)
    return Caching(preface, keyed=is_openai(model) and CACHE_KEY not in dialect.without)


def tells_of_cache(answer: AIMessage) -> bool:
    """Return whether an answer says how many tokens came from a cache, none included."""
    counted: Mapping[str, Any] = answer.usage_metadata or {}
    return "cache_read" in (counted.get("input_token_details") or {})


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
