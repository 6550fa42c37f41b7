"""Answers: values that fit a JSON schema, and texts, drawn by the request alone."""

import json
import random
import re
from typing import Any

from benchmarks.billing.tokens import text_of

_WORDS = tuple(re.findall(r"\w+", "the that and of shop plan price people spring report year open more"))
_SYLLABLES = tuple(re.findall(r"\w+", "ba de fi go lu ma ne po ri sa te vu"))
_SENTENCE = re.compile(r"[A-Z][^.!?<>{}\n]{30,160}[.]")
_CHOICES = ("yes", "no")
_QUOTED = ("quote", "evidence", "span", "excerpt")
"""Parts of names of fields that hold words of the prompt."""


class Answers:
    """Answers to one request.

    Args:
        body: of the request.
        draw: a source of chance that depends on the request.
        words: of a text.
        disagreement: share of choices that are not the first one.
    """

    def __init__(self, body: dict[str, Any], draw: random.Random, words: int, disagreement: float) -> None:
        self._draw, self._words, self._disagreement = draw, words, disagreement
        text = "\n".join(text_of(message) for message in body["messages"])
        self._sentences = _SENTENCE.findall(text) or ["Nothing is said."]
        form = body.get("response_format") or {}
        self._schema: dict[str, Any] | None = (form.get("json_schema") or {}).get("schema")
        self._is_json = bool(form)

    def text(self) -> str:
        """Return the text of an answer."""
        if self._schema is not None:
            return json.dumps(self._value(self._schema, ""))
        return "{}" if self._is_json else self._prose()

    def _prose(self) -> str:
        words = [self._word() for _ in range(max(1, self._words))]
        return " ".join(words).capitalize() + "."

    def _word(self) -> str:
        # Of words that are made up there are so many that no two answers say the same.
        if self._draw.random() < 0.5:
            return str(self._draw.choice(_WORDS))
        return "".join(self._draw.choices(_SYLLABLES, k=3))

    def _value(self, schema: dict[str, Any], name: str) -> Any:
        if "$ref" in schema:
            return self._value(self._definition(schema["$ref"]), name)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(schema["enum"])
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self._value(next((one for one in choices if one.get("type") != "null"), choices[0]), name)
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        make = getattr(self, f"_{kind}", None)
        return None if make is None else make(schema, name)

    def _definition(self, reference: str) -> dict[str, Any]:
        assert self._schema is not None
        found: Any = self._schema
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return dict(found)

    def _choice(self, choices: list[Any]) -> Any:
        if len(choices) > 1 and self._draw.random() < self._disagreement:
            return self._draw.choice(choices[1:])
        return choices[0]

    def _object(self, schema: dict[str, Any], name: str) -> dict[str, Any]:
        return {key: self._value(value, key) for key, value in schema.get("properties", {}).items()}

    def _array(self, schema: dict[str, Any], name: str) -> list[Any]:
        least = schema.get("minItems", 0)
        number = max(least, min(2, schema.get("maxItems", 2)))
        return [self._value(schema.get("items", {"type": "string"}), name) for _ in range(number)]

    def _string(self, schema: dict[str, Any], name: str) -> str:
        if name == "choice":
            return str(self._choice(list(_CHOICES)))
        if any(part in name for part in _QUOTED):
            return str(self._draw.choice(self._sentences))
        return self._prose()

    def _integer(self, schema: dict[str, Any], name: str) -> int:
        return int(self._number(schema, name))

    def _number(self, schema: dict[str, Any], name: str) -> float:
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        high = schema.get("maximum", schema.get("exclusiveMaximum", low + 1))
        return float(min(high, low + 1) if high >= 1 else high)

    def _boolean(self, schema: dict[str, Any], name: str) -> bool:
        return bool(self._choice([False, True]))
