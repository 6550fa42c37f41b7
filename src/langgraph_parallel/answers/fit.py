"""Fit data of a model to a pydantic model, as far as that needs no guess.

Names of fields and choices are compared without case, punctuation and markup. What is optional and cannot be
read is left out, and so is a bad item of a list beside good ones; each is named.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from langgraph_parallel.reducers.votes.normalise import find_choice, number, text

Schema = TypeVar("Schema", bound=BaseModel)
Node = Mapping[str, Any]
"""A JSON schema, or a part of one."""
_SHOWN = 60
"""Characters of a value that a note quotes."""
_MOST_REMOVALS = 200


class Fitted(NamedTuple, Generic[Schema]):
    """A record, and what was left out to get it."""

    record: Schema
    notes: list[str]


@lru_cache(maxsize=256)  # schemas may be made for each run
def plain_schema(schema: type[BaseModel]) -> Node:
    """Return the JSON schema of a model's input: only fields without a default are required."""
    return schema.model_json_schema()


def fit(value: Any, schema: type[Schema], *, abstain: bool = False) -> Fitted[Schema]:
    """Return the record that a JSON value stands for.

    Args:
        value: an object, or the list of the only field that is required.
        schema: of the record.
        abstain: read a required field as null where it is unreadable and may be null.

    Raises:
        ValidationError: a required field, or every item of a list, cannot be read.
    """
    root = plain_schema(schema)
    data = _match(_unwrapped(value, root), root, root)
    notes: list[str] = []
    for _ in range(_MOST_REMOVALS):
        try:
            return Fitted(schema.model_validate_json(json.dumps(data)), notes)
        except ValidationError as error:
            problem = error.errors()[0]
            note = _remove(data, problem["loc"], root, abstain=abstain)
            if note is None:
                raise
            notes.append(f"{note}: {problem['msg']}")
    return Fitted(schema.model_validate_json(json.dumps(data)), notes)


def bare_choice(answer: str, schema: type[BaseModel]) -> dict[str, Any] | None:
    """Return an object for an answer that is exactly one of the choices, and nothing else.

    None unless a single field is required, and it is a choice.
    """
    root = plain_schema(schema)
    required: Sequence[str] = root.get("required", ())
    if len(required) != 1:
        return None
    choices = _choices_of(root["properties"][required[0]], root)
    choice = _named_choice(answer, choices) if choices else None
    return None if choice is None else {required[0]: choice}


def _unwrapped(value: Any, root: Node) -> Any:
    """Return the object in an envelope such as `{"answer": {...}}`, or around the list of the only field."""
    fields, required = root.get("properties", {}), root.get("required", ())
    if isinstance(value, list) and len(required) == 1 and _is_list(fields[required[0]], root):
        return {required[0]: value}
    if isinstance(value, dict) and len(value) == 1:
        (key, inner), names = next(iter(value.items())), {text(name) for name in fields}
        if text(key) not in names and isinstance(inner, dict):
            return inner
    return value


def _match(value: Any, node: Node, root: Node) -> Any:
    """Return a value in which names of fields and choices are spelled as in the schema."""
    node = _resolve(node, root)
    if isinstance(value, dict) and "properties" in node:
        return _match_fields(value, node["properties"], root)
    if isinstance(value, list) and "items" in node:
        return [_match(item, node["items"], root) for item in value]
    if choices := _choices_of(node, root):
        choice = _named_choice(value, choices)
        return value if choice is None else choice
    if isinstance(value, str) and node.get("type") in ("number", "integer"):
        exact = number(value)
        return value if exact is None else exact
    if node.get("type") == "string":
        return _as_string(value)
    return value


def _match_fields(value: Mapping[str, Any], fields: Mapping[str, Node], root: Node) -> dict[str, Any]:
    names = {text(name): name for name in fields}
    matched: dict[str, Any] = {}
    for key, item in value.items():
        name = key if key in fields else names.get(text(key), key)
        if name not in matched or name == key:
            matched[name] = _match(item, fields[name], root) if name in fields else item
    return matched


def _as_string(value: Any) -> Any:
    """Return a text for what stands where a text is due: a number, or several lines."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    return value


def _named_choice(value: Any, choices: Sequence[Any]) -> Any:
    """Return the choice that a value names; None if it names none, or more than one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    found = find_choice(value, choices)
    if found is None:  # "2" for the choice 2, and the other way round
        named = [choice for choice in choices if text(str(choice)) == text(str(value))]
        found = named[0] if len(named) == 1 else None
    return found


def _resolve(node: Node, root: Node) -> Node:
    """Return the schema that a reference, or the part that is not null, stands for."""
    while True:
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rpartition("/")[2]]
        elif len(parts := [part for part in node.get("anyOf", ()) if part.get("type") != "null"]) == 1:
            node = parts[0]
        else:
            return node


def _choices_of(node: Node, root: Node) -> list[Any]:
    node = _resolve(node, root)
    return list(node.get("enum", [node["const"]] if "const" in node else []))


def _is_list(node: Node, root: Node) -> bool:
    return bool(_resolve(node, root).get("type") == "array")


def _may_be_null(node: Node) -> bool:
    return any(part.get("type") == "null" for part in node.get("anyOf", ()))


def _remove(data: Any, place: Sequence[int | str], root: Node, *, abstain: bool) -> str | None:
    """Leave out the innermost part around an unreadable value that can be left out.

    Returns:
        What was left out; None if nothing could be.
    """
    steps: list[tuple[Any, int | str, Node]] = []
    node = root
    for key in place:
        node = _resolve(node, root)
        inside = isinstance(data, dict) and isinstance(key, str) and key in node.get("properties", {})
        if not inside and not (isinstance(data, list) and isinstance(key, int)):
            break
        steps.append((data, key, node))
        if isinstance(data, dict):
            node, data = node["properties"][key], data.get(str(key))
        else:
            node, data = node.get("items", {}), data[int(key)]
    for container, key, owner in reversed(steps):
        path = ".".join(str(step[1]) for step in steps[: [s[0] is container for s in steps].index(True) + 1])
        if isinstance(container, list) and len(container) > 1:
            return f"{path} was left out, {_shown(container.pop(int(key)))}"
        if isinstance(container, list):
            return None  # all of a list would be lost, and nothing looks like everything
        if key in container and key not in owner.get("required", ()):
            return f"{path} was left out, {_shown(container.pop(key))}"
        if abstain and container.get(key, "") is not None and _may_be_null(owner["properties"][key]):
            said, container[key] = container.get(key), None
            return f"{path} is read as null, {_shown(said)}"
    return None


def _shown(value: Any) -> str:
    said = json.dumps(value, ensure_ascii=False)
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}..."
