"""JSON schemas that strict structured output accepts."""

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel

_NAMED = frozenset({"properties", "$defs"})
"""Keywords whose keys are names, not keywords: a field may be called `default`."""
_TYPED = frozenset({"type", "$ref", "anyOf", "allOf", "oneOf", "enum", "const"})
"""Keywords of which a value's schema needs one in strict mode."""
_REFUSED = frozenset({"default", "maxLength", "minLength"})
"""Keywords that strict mode refuses."""


def json_schema(schema: type[BaseModel], *, bounded: bool = False) -> dict[str, Any]:
    """Return the JSON schema of a pydantic model that strict structured output accepts.

    Objects with known fields are closed, and all their fields are required. Defaults are left out, because
    strict mode refuses them.

    Args:
        schema: of the answer.
        bounded: whether to keep the lengths of texts, which OpenAI refuses: with a grammar by them, a model
            that repeats itself is led on to the next field.
    """
    plain: dict[str, Any] = _close_objects(schema.model_json_schema(), {"default"} if bounded else _REFUSED)
    return {"title": schema.__name__, "description": (schema.__doc__ or schema.__name__).strip()} | plain


def _close_objects(schema: Any, left_out: Collection[str]) -> Any:
    """Return a schema in which objects are closed, fields required, and defaults left out, at every depth."""
    if isinstance(schema, list):
        return [_close_objects(item, left_out) for item in schema]
    if not isinstance(schema, dict):
        return schema
    node = {
        key: {name: _close_objects(field, left_out) for name, field in value.items()}
        if key in _NAMED
        else _close_objects(value, left_out)
        for key, value in schema.items()
        if key not in left_out
    }
    if "properties" in node:
        node |= {"additionalProperties": False, "required": list(node["properties"])}
    return node


def is_strict(schema: dict[str, Any]) -> bool:
    """Return whether strict mode accepts a schema: every object closed, every value of a known type."""
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return False
    fields = [field for key in _NAMED for field in schema.get(key, {}).values()]
    items = [schema["items"]] if isinstance(schema.get("items"), dict) else []
    alternatives = [
        alternative
        for key in ("anyOf", "allOf", "oneOf", "prefixItems")
        for alternative in schema.get(key, [])
    ]
    parts = [*fields, *items, *alternatives]
    return all(_TYPED & part.keys() and is_strict(part) for part in parts)
