"""The fields of an answer in words, for the prompt.

A server that constrains what a model writes by a grammar shows the model nothing of the schema. So the
prompt says what each field is, and which values it may have.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from langgraph_parallel.answers.fit import plain_schema

Node = Mapping[str, Any]
_KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
}
_LEAST_CEILING, _GENEROUS = 1024, 4
_TEXT_TOKENS, _NAME_TOKENS, _ITEMS, _DEEPEST = 150, 15, 10, 6
"""Tokens of a text, and of a name or a choice; items of a list; depth down to which a schema is counted."""


def describe_fields(schema: type[BaseModel]) -> str:
    """Return a list of the fields, their types, choices and ranges, as Markdown.

    >>> from pydantic import Field
    >>> class Mood(BaseModel):
    ...     mood: str | None = Field(description="What the text is like.")
    >>> print(describe_fields(Mood))
    - `mood` (text, or null): What the text is like.
    """
    root = plain_schema(schema)
    return "\n".join(_lines(root, root, ""))


def _lines(node: Node, root: Node, indent: str) -> Iterator[str]:
    for name, field in node.get("properties", {}).items():
        kind, inner = _kind(field, root)
        about = f": {field['description']}" if field.get("description") else ""
        yield f"{indent}- `{name}` ({kind}){about}"
        if inner is not None:
            yield from _lines(inner, root, f"{indent}  ")


def _kind(node: Node, root: Node) -> tuple[str, Node | None]:
    """Return what a value is, in words, and the schema of the object that it is or consists of."""
    node = _referred(node, root)
    if "anyOf" in node:
        kinds = [_kind(part, root) for part in node["anyOf"] if part.get("type") != "null"]
        words = " or ".join(kind for kind, _ in kinds)
        inside = next((inner for _, inner in kinds if inner), None)
        return f"{words}, or null" if len(kinds) < len(node["anyOf"]) else words, inside
    if choices := node.get("enum", [node["const"]] if "const" in node else []):
        shown = ", ".join(json.dumps(choice, ensure_ascii=False) for choice in choices)
        return (f"one of {shown}" if len(choices) > 1 else shown), None
    if node.get("type") == "array":
        kind, inner = _kind(node.get("items", {}), root)
        return f"list; each item: {kind}", inner
    kind = _KINDS.get(str(node.get("type")), "any value")
    return kind + _range(node), node if "properties" in node else None


def _range(node: Node) -> str:
    least, most = node.get("minimum"), node.get("maximum")
    if least is not None and most is not None:
        return f" from {least:g} to {most:g}"
    if least is not None:
        return f" of at least {least:g}"
    return "" if most is None else f" of at most {most:g}"


def ceiling_of(schema: type[BaseModel] | None) -> int | None:
    """Return the most tokens that an answer can honestly take; None where the schema does not tell.

    A multiple of what its fields usually take, since an answer that is cut off is paid for in vain.
    """
    if schema is None:
        return None
    root = plain_schema(schema)
    return max(_LEAST_CEILING, _GENEROUS * _tokens(root, root, 0))


def _tokens(node: Node, root: Node, depth: int) -> int:
    """Return the tokens that a value usually takes at most."""
    node = _referred(node, root)
    if depth > _DEEPEST:
        return _TEXT_TOKENS
    if parts := node.get("anyOf"):
        return max(_tokens(part, root, depth + 1) for part in parts)
    if fields := node.get("properties"):
        return sum(_NAME_TOKENS + _tokens(field, root, depth + 1) for field in fields.values())
    if node.get("type") == "array":
        return _ITEMS * _tokens(node.get("items", {}), root, depth + 1)
    return _TEXT_TOKENS if node.get("type") in ("string", "object") and "enum" not in node else _NAME_TOKENS


def _referred(node: Node, root: Node) -> Node:
    while "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]]
    return node
