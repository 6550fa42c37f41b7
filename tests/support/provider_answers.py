"""What a provider answers on command, and what a request asks for."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.provider_errors import Failure
from tests.support.server import smallest

End = Literal["stop", "length", "filter", "refusal", "prompt_blocked", "window"]
"""Why an answer ends: it is complete; cut at the limit of tokens; cut by a filter of the output; declined by
the model; not begun, because of the prompt; cut at the end of the context window."""
Part = tuple[str, dict[str, Any]]
"""Name and data of a server-sent event; the name is empty where the provider names none."""


@dataclass(frozen=True)
class Answer:
    """The server's reaction to a request."""

    text: str | None = None
    """None for the smallest object that fits the schema of the request, or `ok` without one."""
    json: Any = None
    """Answer as JSON, in the way that the request asks for."""
    thinking: str = ""
    """What the model thought, where the provider shows it."""
    end: End = "stop"
    refusal: str = "I cannot help with that."
    """What a model says that declines."""
    usage: tuple[int, int] | None = (10, 5)
    """Tokens in and out; thinking takes 3 more, and 4 of the prompt come from a cache."""
    failure: Failure | None = None
    status: int | None = None
    """Another status for the failure than its own."""
    retry_after: float | None = None
    """Seconds, in a header, or in the body of Gemini's error."""
    late: bool = False
    """Fail in the middle of a stream, after some text; in a whole answer of the Responses API, say so."""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


THOUGHT = 3
"""Tokens that thinking takes."""
CACHED = 4
"""Tokens of a prompt that come from a cache."""


def asked_schema(body: dict[str, Any]) -> dict[str, Any] | None:
    """Return the JSON schema that a request asks for, in any provider's way; not that of a tool."""
    gemini = body.get("generationConfig") or {}
    said = (
        (body.get("response_format") or {}).get("json_schema")
        or (body.get("text") or {}).get("format")
        or (body.get("output_config") or {}).get("format")
        or {"schema": gemini.get("responseJsonSchema") or gemini.get("responseSchema")}
    )
    schema: dict[str, Any] | None = said.get("schema")
    return schema


def asked_tool(body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return the name and the schema of the first tool of a request."""
    for tool in body.get("tools") or []:
        said = tool.get("function") or (tool.get("functionDeclarations") or [tool])[0]
        schema = said.get("parameters") or said.get("input_schema") or said.get("parametersJsonSchema") or {}
        return said["name"], _lower_types(schema)
    return None


def _lower_types(schema: Any) -> Any:
    """Return a schema of Gemini's with the names of types as in JSON schema."""
    if isinstance(schema, list):
        return [_lower_types(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.lower() if key == "type" and isinstance(value, str) else _lower_types(value)
        for key, value in schema.items()
    }


def said(body: dict[str, Any], answer: Answer) -> tuple[str, tuple[str, Any] | None]:
    """Return the text of an answer, and the name and arguments of its tool call."""
    if answer.end in {"refusal", "prompt_blocked"}:
        return "", None
    tool = asked_tool(body)
    if tool is not None and answer.text is None:
        return "", (tool[0], smallest(tool[1]) if answer.json is None else answer.json)
    if answer.text is not None:
        return answer.text, None
    schema = asked_schema(body)
    given = answer.json if answer.json is not None else smallest(_lower_types(schema)) if schema else None
    return ("ok" if given is None else json.dumps(given)), None


def pieces(text: str) -> list[str]:
    """Return a text in parts, as a stream has them."""
    return [text[i : i + 8] for i in range(0, len(text), 8)]
