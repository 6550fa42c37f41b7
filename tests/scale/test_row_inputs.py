"""What a function of a row takes and returns, as it is checked before any row is run."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.making import make_program
from tests.scale.working import run_rows

COLUMNS = ["id", "text"]


class Review(BaseModel):
    """A record that a function returns."""

    stars: int = 3
    words: list[str] = []


@dataclasses.dataclass
class Place:
    """A part of another record."""

    city: str = "Rome"


@dataclasses.dataclass
class Visit:
    """Another record, with a part."""

    place: Place = dataclasses.field(default_factory=Place)


def _review(text: str) -> Review | None:
    return Review()


def _visit(text: str) -> Visit:
    return Visit()


def _length(text: str) -> int:
    return len(text)


async def _counts(text: str) -> dict[str, int]:
    return {"n": len(text)}


def _scored(score: float) -> float:
    return score


def _titled(titel: str) -> str:
    return titel


def _translated(text: str, languge: str) -> str:
    return text


def _unread(r: "Nowhere") -> str:  # type: ignore[name-defined]  # noqa: F821
    return str(r)


def _any_row(row: Any) -> Any:
    return row


def _stored(text: str) -> Any:
    return {}


_stored.__annotations__["return"] = dataclasses.make_dataclass("Stored", [("status", str)])


@pytest.mark.parametrize(
    ("function", "inputs", "columns", "message"),
    [
        (lambda txet: 1, {}, COLUMNS, r"takes 'txet', and a row has id, text; .*did you mean 'text'\?"),
        (lambda r: 1, {}, COLUMNS, "or 'row' for the whole row"),
        (lambda text_of="": 1, {}, COLUMNS, "takes 'text_of'"),
        (len, {"length": "text"}, COLUMNS, "takes 'obj', and a row has length"),
        (lambda sentence: 1, {}, ["text"], "takes 'sentence', and a row has text"),
        (_scored, {}, COLUMNS, "the input needs score, and no column has that name"),
        (_scored, {}, ["text"], "the input needs score, and no column has that name"),
        (_titled, {}, ["title", "body"], r"needs titel, and no column .* inputs=\{'titel': 'title'\}"),
        (_translated, {}, ["text", "summary"], "the input needs languge, and no column has that name"),
        (lambda r: 1, {"r": "txt"}, COLUMNS, "there is no column 'txt'"),
        (_unread, {}, COLUMNS, "takes 'r', and a row has id, text"),
    ],
    ids=[
        "misspelt",
        "unlike",
        "optional",
        "by position",
        "one column",
        "a number",
        "a number and a text",
        "a text",
        "second",
        "mapped",
        "type that is not there",
    ],
)
def test_a_parameter_that_nothing_is_called_like_is_refused(
    function: Callable[..., Any], inputs: Mapping[str, str], columns: Sequence[str], message: str
) -> None:
    """It would get the whole row, or another column, and each call would be paid for nothing."""
    with pytest.raises(UsageError, match=message):
        make_program(function, inputs=inputs, columns=columns)


@pytest.mark.parametrize(
    "function",
    [
        lambda row: row,
        lambda _item: _item,
        lambda record: record,
        lambda _: _,
        lambda **columns: columns,
        _any_row,
    ],
    ids=["row", "underscore before", "record", "underscore", "named columns", "any type"],
)
async def test_names_of_a_row_get_all_of_it(function: Callable[..., Any]) -> None:
    """Those that say that they are a row, where no column has the same name."""
    row = {"id": "1", "text": "a"}
    result = (await run_rows(make_program(function, columns=COLUMNS), {"k": row}))["k"]
    assert result.output == row


async def test_the_only_column_is_that_of_the_only_text() -> None:
    """As the texts of a list or of a file have no other column."""
    program = make_program(_titled, columns=["text"])
    assert (await run_rows(program, {"k": {"text": "a"}}))["k"].output == {"result": "a"}


@pytest.mark.parametrize(
    ("function", "path", "message"),
    [
        (_length, "words", "the output has no 'words'; it has result"),
        (_review, "satrs", r"the output has no 'satrs'; it has stars, words; did you mean 'stars'\?"),
        (_review, "result", "the output has no 'result'; it has stars, words"),
        (_review, "stars.first", "stars has no 'first'"),
        (_visit, "place.town", "place has no 'town'; it has city"),
        (_counts, "n.first", "n has no 'first'"),
    ],
    ids=["a value", "record", "no value", "below a number", "nested", "mapping"],
)
def test_paths_that_a_result_cannot_have_are_refused(
    function: Callable[..., Any], path: str, message: str
) -> None:
    """By the type that a function is annotated to return."""
    with pytest.raises(UsageError, match=message):
        make_program(function, outputs={"column": path})


@pytest.mark.parametrize(
    ("function", "path", "value"),
    [
        (_length, "result", 4),
        (lambda text: [7, 8], "result.1", 8),
        (_review, "stars", 3),
        (_visit, "place.city", "Rome"),
        (_counts, "n", 4),
    ],
    ids=["a value", "a list", "record", "nested", "mapping"],
)
async def test_paths_of_a_result_are_read(function: Callable[..., Any], path: str, value: Any) -> None:
    """A value that is no record is called `result`; records may have records."""
    program = make_program(function, outputs={"column": path})
    result = (await run_rows(program, {"k": {"text": "four"}}))["k"]
    assert (result.error, result.output) == ("", {"column": value})


def test_a_field_with_the_name_of_a_column_of_sinks_is_refused() -> None:
    """Each of its rows would fail; the error says how to name the column."""
    with pytest.raises(UsageError, match=r"returns 'status', .* outputs=\{'output_status': 'status'\}"):
        make_program(_stored)
    assert make_program(_stored, outputs={"state": "status"}).outputs == {"state": "status"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": "text"}, "inputs is 'text'; expected a mapping of keys of the input to columns"),
        ({"inputs": ["text"]}, r"inputs is \['text'\]; expected a mapping"),
        ({"inputs": {"text": 3}}, r"inputs\['text'\] is 3; .*the same value for all rows is '=3'"),
        ({"inputs": {3: "text"}}, "inputs has the key 3, which is no text"),
        ({"outputs": "n"}, "outputs is 'n'; expected a mapping of columns to paths in the output"),
        ({"outputs": {"a": ["n"]}}, r"outputs\['a'\] is \['n'\]; expected"),
        ({"inputs": {"text": "Is {text spam?"}}, "a brace of it has no other one"),
        ({"inputs": {"text": "Is {text} or {id spam?"}}, "a brace of it has no other one"),
        ({"inputs": {"text": "Is text} spam?"}}, "a brace of it has no other one"),
    ],
    ids=[
        "a text",
        "a list",
        "a number",
        "a key",
        "a path alone",
        "a list of paths",
        "brace not closed",
        "second brace",
        "brace not opened",
    ],
)
def test_mappings_of_another_shape_are_told_the_right_one(options: Mapping[str, Any], message: str) -> None:
    """Before anything is run, and with what is likely meant."""
    with pytest.raises(UsageError, match=message):
        make_program(_length, columns=COLUMNS, **options)
