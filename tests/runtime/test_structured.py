"""Structured answers: the schema that goes out to a model, and the answer that comes back."""

import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field, SecretStr

from langgraph_parallel.answers.message import read_message
from langgraph_parallel.answers.read import read_record
from langgraph_parallel.answers.schema import json_schema
from langgraph_parallel.errors import InvalidAnswer, RefusedAnswer
from langgraph_parallel.runtime.structured import BoundModel


class Inner(BaseModel):
    """A place."""

    line: int = 1
    note: str | None = None


class Outer(BaseModel):
    """An answer."""

    title: str = Field(description="A few words.")
    kind: Literal["a", "b"] = "a"
    inner: Inner = Inner()
    many: list[Inner] = []


class Bare(BaseModel):  # noqa: D101 - a test is about its having no docstring
    name: str


class Empty(BaseModel):
    """Nothing at all."""


class FreeForm(BaseModel):
    """Free keys."""

    scores: dict[str, int]


class Awkward(BaseModel):
    """Fields named like keywords of JSON schema."""

    default: str
    properties: list[str]
    required: bool


def objects(node: Any) -> Iterator[dict[str, Any]]:
    """Yield all schemas of objects within a schema."""
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from objects(item)


def strict(schema: type[BaseModel]) -> bool:
    """Return whether OpenAI is asked to hold the model strictly to a schema."""
    bound = BoundModel(ChatOpenAI(model="gpt", api_key=SecretStr("none")), schema)
    is_strict: bool = bound.form.runnable.kwargs["response_format"]["json_schema"]["strict"]  # type: ignore[attr-defined]
    return is_strict


def message(text: str, **extra: Any) -> AIMessage:
    """Return an answer of a model."""
    return AIMessage(content=text, additional_kwargs=extra)


def read(answer: AIMessage, schema: type[BaseModel]) -> Any:
    """Return the record that an answer holds."""
    return read_record(read_message(answer), schema).record


def test_all_objects_are_closed_and_all_fields_required() -> None:
    """This holds at every depth: at the top, and in definitions."""
    schemas = list(objects(json_schema(Outer)))
    assert [node["required"] for node in schemas if node["title"] == "Inner"] == [["line", "note"]]
    assert [node["required"] for node in schemas if node["title"] == "Outer"] == [
        ["title", "kind", "inner", "many"]
    ]
    assert all(node["additionalProperties"] is False for node in schemas)


def test_there_are_no_defaults_in_a_schema() -> None:
    """Strict mode refuses them."""
    assert '"default"' not in json.dumps(json_schema(Outer))


def test_definitions_and_descriptions_are_kept() -> None:
    """The model reads what a field means, and a nested record is a definition."""
    schema = json_schema(Outer)
    assert schema["properties"]["title"]["description"] == "A few words."
    assert schema["properties"]["many"]["items"] == {"$ref": "#/$defs/Inner"}
    assert list(schema["$defs"]) == ["Inner"]
    assert (schema["title"], schema["description"]) == ("Outer", "An answer.")


def test_a_schema_without_a_docstring_has_a_description() -> None:
    """Its name is used instead."""
    assert json_schema(Bare)["description"] == "Bare"


def test_an_empty_object_is_closed() -> None:
    """It has no fields, and allows none."""
    assert json_schema(Empty)["additionalProperties"] is False


@pytest.mark.parametrize("field", ["default", "properties", "required"])
def test_a_field_may_be_named_like_a_keyword_of_json_schema(field: str) -> None:
    """Such fields are kept, and nothing is added to them."""
    schema = json_schema(Awkward)
    assert field in schema["properties"]
    assert sorted(schema["properties"]) == sorted(schema["required"]) == ["default", "properties", "required"]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [(Outer, True), (Empty, True), (Bare, True), (FreeForm, False)],
    ids=lambda v: str(v),
)
def test_only_schemas_that_are_closed_throughout_are_strict(schema: type[BaseModel], expected: bool) -> None:
    """A free-form dictionary cannot be closed, so the model is not held to it strictly."""
    assert strict(schema) is expected


def test_a_free_form_dictionary_stays_open() -> None:
    """Closing it would forbid every answer."""
    assert json_schema(FreeForm)["properties"]["scores"]["additionalProperties"] == {"type": "integer"}


@pytest.mark.parametrize(
    "text",
    ['{"name": "x"}', ' \n{"name": "x"}\n', '```json\n{"name": "x"}\n```', '```\n{"name":\n"x"}\n```\n'],
    ids=["plain", "spaces", "json-fence", "bare-fence"],
)
def test_an_answer_is_read_with_a_fence_and_without(text: str) -> None:
    """White space and one Markdown fence around the JSON do not matter."""
    assert read(message(text), Bare) == Bare(name="x")


def test_a_fence_within_a_value_is_a_part_of_it() -> None:
    """Only the fence around the answer is removed."""
    text = json.dumps({"name": "```py\nx\n```"})
    assert read(message(text), Bare).name == "```py\nx\n```"
    assert read(message(f"```json\n{text}\n```"), Bare).name == "```py\nx\n```"


def test_an_answer_in_blocks_is_read() -> None:
    """Some models answer with a list of content blocks."""
    answer = AIMessage(content=[{"type": "text", "text": '{"name": "x"}'}])
    assert read(answer, Bare) == Bare(name="x")


def test_a_refusal_is_raised_in_the_models_words() -> None:
    """A model that declines is not asked to repair its answer."""
    with pytest.raises(RefusedAnswer, match="I cannot help"):
        read(message("", refusal="I cannot help"), Bare)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('{"title": {}, "inner": {"line": 2}}', ["title"]),
        ('{"kind": "a"}', ["title"]),
        ("[]", ["answer"]),
        ("I think it is fine.", ["answer"]),
        ('{"title": "x"', ["answer"]),
    ],
    ids=["wrong", "missing", "no-object", "prose", "cut"],
)
def test_an_answer_that_does_not_fit_names_the_places(text: str, places: list[str]) -> None:
    """The message goes back to the model: it names the schema, and each place with its problem."""
    with pytest.raises(InvalidAnswer, match="does not fit Outer") as error:
        read(message(text), Outer)
    assert all(f"{place}: " in str(error.value) for place in places)
