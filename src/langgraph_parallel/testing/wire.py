"""Answers in the wire format of OpenAI's chat completions."""

import json
from collections.abc import Collection, Iterator, Sequence
from itertools import count
from typing import Any

from langgraph_parallel.testing.replies import Reply


def completion(body: dict[str, Any], reply: Reply) -> dict[str, Any]:
    """Return the body of an answer to a request: with as many choices as it asks for."""
    samples = list(reply.samples or [reply])
    asked = body.get("n") or 1
    replies = samples[:asked] if reply.samples else [reply] * asked
    return {
        "id": "chatcmpl-test",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {"index": index, "message": _message(body, said), "finish_reason": said.finish}
            for index, said in enumerate(replies)
        ],
        "usage": _usage(reply, replies),
    }


def _usage(reply: Reply, replies: Sequence[Reply]) -> Any:
    """Return the tokens of an answer: its prompt once, and all its samples; another form as it is."""
    usage: Any = reply.usage
    if isinstance(usage, tuple):
        read = usage[0]
        written = sum(said.usage[1] for said in replies if isinstance(said.usage, tuple))
        usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    if usage and reply.cached is not None:
        usage = {**usage, "prompt_tokens_details": {"cached_tokens": reply.cached}}
    return usage


def _message(body: dict[str, Any], reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": reply.refusal}
    tools = body.get("tools")
    if reply.refusal is None and tools and reply.text is None:
        function = tools[0]["function"]
        arguments = reply.json if reply.json is not None else smallest(function["parameters"])
        call = {"name": function["name"], "arguments": json.dumps(arguments)}
        message["tool_calls"] = [{"id": _new_id(body), "type": "function", "function": call}]
    elif reply.refusal is None:
        message["content"] = _text(body, reply)
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    return message


def deltas(choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parts in which a choice is streamed."""
    message = choice["message"]
    for name in ("reasoning_content", "refusal", "content"):
        text = message.get(name) or ""
        for begin in range(0, len(text), 8):
            delta = {"role": "assistant", name: text[begin : begin + 8]}
            yield {"index": choice["index"], "delta": delta, "finish_reason": None}
    for number, call in enumerate(message.get("tool_calls") or []):
        delta = {"tool_calls": [{**call, "index": number}]}
        yield {"index": choice["index"], "delta": delta, "finish_reason": None}


def _new_id(body: dict[str, Any]) -> str:
    """Return an id for a tool call that the conversation in a request does not have yet."""
    calls = (call for message in body.get("messages") or () for call in message.get("tool_calls") or ())
    return next(free_ids({call.get("id") for call in calls}))


def free_ids(taken: Collection[str | None]) -> Iterator[str]:
    """Yield ids of tool calls that a conversation does not have yet."""
    return (id for number in count(1) if (id := f"call_{number}") not in taken)


def _text(body: dict[str, Any], reply: Reply) -> str:
    if reply.text is not None:
        return reply.text
    if reply.json is not None:
        return json.dumps(reply.json)
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    return json.dumps(smallest(schema)) if schema else "ok"


def smallest(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:
    """Return the smallest value that fits a JSON schema."""
    root = root or schema
    if "$ref" in schema:
        return smallest(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if "anyOf" in schema:
        return smallest(schema["anyOf"][0], root)
    kind = schema.get("type")
    if kind == "object":
        return {name: smallest(field, root) for name, field in schema.get("properties", {}).items()}
    return {"array": [], "string": "ok", "integer": 1, "number": 1.0, "boolean": True, "null": None}[
        str(kind)
    ]
