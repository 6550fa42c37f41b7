"""Whether JSON fits a JSON schema."""

from typing import Any

import pytest

from langgraph_parallel.answers.misfit import misfit

TREE: Any = {
    "$ref": "#/$defs/Node",
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {"below": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
            "additionalProperties": False,
        }
    },
}


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("x", None),
        ("x", {}),
        ("x", {"type": "a type of tomorrow"}),
        (1, {"enum": [1, 2]}),
        (3.0, {"type": "integer"}),
        (10**400, {"type": "integer"}),
        (None, {"type": ["string", "null"]}),
        (2, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ({"below": [{"below": []}]}, TREE),
        ({"a": 1, "b": "x"}, {"properties": {"a": {"type": "number"}}}),
    ],
)
def test_what_fits_is_taken(value: Any, schema: Any) -> None:
    """And so is what a schema says in words that are not read."""
    assert misfit(value, schema) is None


@pytest.mark.parametrize(
    ("value", "schema", "why"),
    [
        (True, {"enum": [1]}, "true is not one of 1"),
        ("x", {"const": "y"}, "'x' is not one of 'y'"),
        (None, {"enum": ["y", False]}, "null is not one of 'y', false"),
        (True, {"type": "integer"}, "true is not of the type integer"),
        (1.5, {"type": "integer"}, "1.5 is not of the type integer"),
        (float("nan"), {"type": "number"}, "nan is not of the type number"),
        ([], {"type": ["string", "null"]}, "[] is not of the type string or null"),
        (
            None,
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            "string or null is not of the type integer",
        ),
        ({"below": [{"above": 1}]}, TREE, "below[0].above is not expected"),
        ({}, {"required": ["a"]}, "a is missing"),
        (
            {"a": {"b": 1}},
            {"properties": {"a": {"properties": {"b": {"type": "string"}}}}},
            "a.b 1 is not of",
        ),
        ({"a": 1}, {"additionalProperties": {"enum": ["x"]}}, "a 1 is not one of 'x'"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(value: Any, schema: Any, why: str) -> None:
    """And with what is possible."""
    assert why in str(misfit(value, schema))
