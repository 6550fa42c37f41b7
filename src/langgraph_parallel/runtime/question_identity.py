"""What tells one question from another: everything on which its answer depends, as plain data.

Independent of what an endpoint was found not to take, which differs from process to process.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage

from langgraph_parallel.runtime.account import account_digest, secrets_of
from langgraph_parallel.runtime.models import GOVERNED
from langgraph_parallel.runtime.transport import is_instance

_IN_MESSAGES = ("name", "tool_calls", "invalid_tool_calls", "tool_call_id", "status", "additional_kwargs")
"""Fields of a message beside its type and content that a model may see."""


def describe_model(model: BaseChatModel) -> dict[str, Any] | None:
    """Return what an answer of a model depends on, beside its prompt; None if that cannot be told.

    Args:
        model: with all of its settings.
    """
    account = account_digest(secrets_of(model))
    if account is None:
        return None
    kind = getattr(type(model), GOVERNED, type(model))
    described = {"class": f"{kind.__module__}.{kind.__qualname__}", "account": account}
    if is_instance(model, "langchain_openai.chat_models.base", "ChatOpenAI"):
        return {**described, "parameters": _openai_parameters(model)}
    text = model._get_llm_string()
    # The address of an object in memory: another process would never find the answer.
    return None if " at 0x" in text else {**described, "parameters": text}


def describe_messages(messages: Sequence[BaseMessage]) -> list[Any]:
    """Return what a model may see of messages: all but the ids and the statistics of earlier calls."""
    return [
        {"type": message.type, "content": message.content}
        | {name: value for name in _IN_MESSAGES if (value := getattr(message, name, None))}
        for message in messages
    ]


def digest_of(data: Any) -> str | None:
    """Return the digest of data; None if the data is not JSON."""
    try:
        text = json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def _openai_parameters(model: Any) -> Mapping[str, Any]:
    payload = model._get_request_payload([HumanMessage("")])
    asked = {name: value for name, value in payload.items() if name not in ("messages", "input", "stream")}
    return {
        **asked,
        "headers": dict(model.default_headers or {}),
        "query": dict(model.default_query or {}),
        "organization": model.openai_organization,
    }
