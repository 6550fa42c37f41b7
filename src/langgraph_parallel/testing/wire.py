"""Answers in the wire format of OpenAI's chat completions."""

import json
from typing import Any

from langgraph_parallel.testing.replies import Reply


def completion(body: dict[str, Any], reply: Reply) -> dict[str, Any]:
    """Return the body of an answer to a request."""
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": reply.refusal}
    tools = body.get("tools")
    if reply.refusal is None and tools and reply.text is None:
        function = tools[0]["function"]
        arguments = reply.json if reply.json is not None else smallest(function["parameters"])
        call = {"name": function["name"], "arguments": json.dumps(arguments)}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": call}]
    elif reply.refusal is None:
        message["content"] = _text(body, reply)
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    usage = reply.usage and {
        "prompt_tokens": reply.usage[0],
        "completion_tokens": reply.usage[1],
        "total_tokens": sum(reply.usage),
    }
    return {
        "id": "chatcmpl-test",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish}],
        "usage": usage,
    }


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
