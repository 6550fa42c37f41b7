"""Mappings of columns to inputs, and of outputs to columns."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from langgraph_parallel.catalogue.spelling import COMMAND
from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs import studio
from langgraph_parallel.records import Label, Support, Verdict
from langgraph_parallel.scale.columns import Columns
from langgraph_parallel.scale.mapping.fitting import columns_used, fit
from langgraph_parallel.scale.mapping.problem import RowProblem
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Row

VERDICT = Verdict(rule="majority", status="decided", choice="yes", support=Support(k=2, n=3))
ROW = Row("r1", {"text": "a {note}", "n": "5", "note": None, "list": [1], "flag": "TRUE"})


def _input(inputs: dict[str, str], properties: dict[str, Any], required: list[str] | None = None) -> Any:
    schema = {"properties": properties, "required": [*inputs] if required is None else required}
    return Columns.compile(inputs, {}, schema).to_input(ROW)


@pytest.mark.parametrize(
    ("spec", "form", "value"),
    [
        ("text", {"type": "string"}, "a {note}"),
        ("Spam? {text} {{x}} {note}", {"type": "string"}, "Spam? a {note} {x} "),
        ("{list}", {"type": "string"}, "[1]"),
        ('="Is it?"', {"type": "string"}, "Is it?"),
        ("=[1, 2]", {"type": "array"}, [1, 2]),
        ("n", {"type": "integer"}, 5),
        ("flag", {"type": "boolean"}, True),
        ("n", {"type": "string"}, "5"),
        ("list", {"type": "string"}, "[1]"),
        ("text", {"type": "array"}, ["a {note}"]),
        ("text", {"type": "object"}, {"r1": "a {note}"}),
        ("text", {"anyOf": [{"type": "string"}, {"type": "array"}]}, "a {note}"),
        ("list", {}, [1]),
    ],
    ids=[
        "column",
        "template",
        "list in a template",
        "constant",
        "constant list",
        "number",
        "flag",
        "text of digits",
        "list as text",
        "text as list",
        "text by key",
        "text of several types",
        "any type",
    ],
)
def test_an_input_is_made_of_columns(spec: str, form: dict[str, Any], value: Any) -> None:
    """Columns, templates and constants, in a type that the key takes; braces in data are data."""
    assert _input({"key": spec}, {"key": form}) == {"key": value}


@given(st.text(), st.text().filter(str.strip))
def test_what_a_column_holds_is_never_a_template(before: str, text: str) -> None:
    """A template inserts it as it stands, whatever is in it."""
    literal = before.replace("{", "{{").replace("}", "}}")
    made = Columns.compile({"q": f"{literal}{{text}}!"}).to_input(Row("1", {"text": text, "text}": "no"}))
    assert made == {"q": f"{before}{text}!"}


@pytest.mark.parametrize("text", ["", "  \n", None], ids=["empty", "blank", "null"])
def test_a_template_without_any_text_of_the_row_fails(text: str | None) -> None:
    """Before its run, and so for nothing; one of several columns may be empty."""
    row = Row("1", {"text": text, "note": "n"})
    with pytest.raises(RowProblem, match="its 'text' has no text, and the template needs some"):
        Columns.compile({"q": "spam? {text}"}).to_input(row)
    assert Columns.compile({"q": "{note}: {text}"}).to_input(row)["q"].startswith("n: ")


def test_a_row_that_lacks_a_column_fails_with_what_it_has() -> None:
    """Before its run, and so for nothing; what may be left out is left out."""
    text = {"type": "string"}
    with pytest.raises(RowProblem, match="it has no column 'body' for q; it has text, n, note"):
        _input({"q": "body"}, {"q": text})
    with pytest.raises(RowProblem, match="its column 'note' is empty, and the input needs q"):
        _input({"q": "note"}, {"q": text})
    with pytest.raises(RowProblem, match="it has no column 'body'"):
        _input({"q": "{body}"}, {"q": text})
    with pytest.raises(RowProblem, match=r"n takes integer, not 'a \{note\}'"):
        _input({"n": "text"}, {"n": {"type": "integer"}})
    assert _input({"q": "text", "more": "note"}, {"q": text, "more": text}, ["q"]) == {"q": "a {note}"}
    with pytest.raises(RowProblem, match="is empty"):
        _input({"more": "note"}, {"more": text}, [])


OUTPUT = {"verdict": VERDICT, "tags": ["a", "b"], "by.dot": {"x": 1.5}, "none": None, "nan": float("nan")}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("verdict.choice", "yes"),
        ("verdict.support", {"k": 2, "n": 3}),
        ("verdict.support.share", 2 / 3),
        ("tags", ["a", "b"]),
        ("tags.1", "b"),
        ("tags.-1", "b"),
        ("tags.9", None),
        (r"by\.dot.x", 1.5),
        ("none.anything", None),
        ("nan", None),
    ],
)
def test_columns_are_read_along_paths(path: str, value: Any) -> None:
    """Through records, what is computed of them, lists by number and mappings; what is none stays none."""
    assert Columns.compile({}, {"c": path}).to_columns(OUTPUT) == {"c": value}


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("verdict.chioce", "verdict has rule, status, choice"),
        ("tags.first", "tags has 0, 1, ..."),
        ("nothing", "the output has verdict, tags, by.dot"),
        ("verdict.choice.x", "verdict.choice has nothing"),
    ],
)
def test_a_path_that_does_not_exist_says_what_there_is(path: str, error: str) -> None:
    """A row whose output lacks it fails."""
    with pytest.raises(RowProblem) as raised:
        Columns.compile({}, {"c": path}).to_columns(OUTPUT)
    assert error in str(raised.value)


def test_without_paths_all_of_an_output_is_columns() -> None:
    """A record by its fields, a mapping by its keys, but for those of the run; other values are `result`."""
    columns = Columns.compile().to_columns
    assert columns({"a": 1, "run_report": 2}) == {"a": 1}
    assert columns(Support(k=1, n=2)) == {"k": 1, "n": 2}
    assert columns("text") == {"result": "text"}


class Raw(BaseModel):
    """A record with bytes."""

    data: Any


@pytest.mark.parametrize(
    "data",
    [b"\xff\x00", bytearray(b"\xff\x00"), memoryview(b"\xff\x00")],
    ids=["bytes", "bytearray", "memoryview"],
)
@pytest.mark.parametrize(
    ("holding", "expected"),
    [
        (lambda data: data, "/wA="),
        (lambda data: {"a": (data, "b", date(2026, 5, 1))}, {"a": ["/wA=", "b", "2026-05-01"]}),
        (lambda data: [Raw(data=data)], [{"data": "/wA="}]),
        (lambda data: {bytes(data): 1}, {"/wA=": 1}),
    ],
    ids=["alone", "nested", "record", "name"],
)
def test_bytes_that_are_no_text_are_base64(data: Any, holding: Any, expected: Any) -> None:
    """As those of sources; a result that was paid for is not lost for them."""
    assert Columns.compile().to_columns({"x": holding(data)}) == {"x": expected}
    assert Columns.compile().to_columns({"x": holding(b"caf\xc3\xa9")}) != {"x": expected}


def test_bytes_that_are_text_are_that_text() -> None:
    """In UTF-8."""
    assert Columns.compile().to_columns({"x": ["é".encode()]}) == {"x": ["é"]}


class Listed:
    """An array, as numpy has them."""

    def tolist(self) -> list[float]:
        """Return it in types of Python."""
        return [0.5, float("nan")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(Listed(), [0.5, None]), ({"a": {1: 2}.values()}, {"a": [2]}), (range(2), [0, 1])],
    ids=["array", "values", "range"],
)
def test_values_that_are_like_lists_are_lists(value: Any, expected: Any) -> None:
    """They are never stored as what Python shows of them."""
    assert Columns.compile().to_columns({"x": value}) == {"x": expected}


class Odd:
    """Nothing that JSON knows."""


SELF: list[Any] = []
SELF.append(SELF)


@pytest.mark.parametrize(
    ("value", "outputs", "error"),
    [
        (
            {"a": 1, "x": Odd()},
            {},
            "its output column 'x' has a value of type Odd, which has no form in JSON; return",
        ),
        ({"a": 1, "x": {"deep": [Odd()]}}, {}, "'x' has a value of type Odd"),
        ({"a": Odd(), "x": 1}, {"y": "a"}, "'y' has a value of type Odd"),
        (Odd(), {}, "'result' has a value of type Odd"),
        (Raw(data=Odd()), {}, "'data' has a value of type Odd"),
        ({"x": [b"\xff", Odd()]}, {}, "'x' has a value of type Odd"),
        ({"x": SELF}, {}, "'x' has no form in JSON: Circular reference"),
        ({"x": iter([b"\xff"])}, {}, "return a list"),
    ],
    ids=["column", "nested", "path", "whole", "record", "beside bytes", "circle", "iterator"],
)
def test_a_value_without_a_form_in_json_fails_its_row(
    value: Any, outputs: dict[str, str], error: str
) -> None:
    """It is not stored as `<object at 0x7f...>`; the error names the column."""
    with pytest.raises(RowProblem) as raised:
        Columns.compile({}, outputs).to_columns(value)
    assert error in str(raised.value)


def _fit(graph: str, columns: list[str] | None, **mappings: Any) -> Program:
    return fit(Program(**mappings), getattr(studio, graph), columns, spelling=COMMAND)


@pytest.mark.parametrize(
    ("graph", "columns", "given", "inputs"),
    [
        ("voting", ["id", "review"], {}, {"question": "review"}),
        ("voting", ["question", "text"], {}, {"question": "question"}),
        ("voting", ["only"], {}, {"question": "only"}),
        ("voting", None, {}, {"question": "question"}),
        ("voting", ["a"], {"question": "Spam? {a}"}, {"question": "Spam? {a}"}),
        ("labeling", ["id", "Comment"], {}, {"items": "Comment"}),
        ("briefing", ["path", "text"], {}, {"documents": "text"}),
        ("market_study", ["subject", "regions"], {}, {"subject": "subject", "regions": "regions"}),
    ],
)
def test_columns_are_found_for_a_graph(
    graph: str, columns: list[str] | None, given: dict[str, str], inputs: dict[str, str]
) -> None:
    """By the names of its keys, or the one column of texts for the one key that it needs."""
    assert _fit(graph, columns, inputs=given).inputs == inputs


@pytest.mark.parametrize(
    ("graph", "columns", "mappings", "error"),
    [
        ("voting", ["a", "b"], {}, "map one with --input question=COLUMN; the columns are a, b"),
        ("voting", ["a"], {"inputs": {"question": "b"}}, "--input question=b: there is no column 'b'"),
        ("voting", ["a"], {"inputs": {"question": "x {b}"}}, "there is no column 'b'; the columns are a"),
        ("voting", ["a"], {"inputs": {"quest": "a"}}, "the input has no 'quest'; choose from question"),
        ("voting", ["text"], {"outputs": {"c": "verdict.chioce"}}, "did you mean 'choice'?"),
        ("voting", ["text"], {"outputs": {"c": "verdict..choice"}}, "has an empty part"),
        ("voting", ["text"], {"outputs": {"c": "ballots.0.nobody"}}, "ballots.0 has no 'nobody'"),
        ("voting", ["text"], {"outputs": {"c": "ballots.first"}}, "ballots has no 'first'"),
        ("labeling", ["text"], {"outputs": {"c": "labels.0.label"}}, "the output has no 'labels'"),
        ("review", ["a", "b"], {}, "the input needs files or diff"),
    ],
)
def test_mappings_are_checked_before_anything_is_paid(
    graph: str, columns: list[str], mappings: Any, error: str
) -> None:
    """Against the columns that are there, the input that a graph takes, and the types of its output."""
    with pytest.raises(UsageError) as raised:
        _fit(graph, columns, **mappings)
    assert error in str(raised.value)


@pytest.mark.parametrize("graph", [name for name in dir(studio) if hasattr(getattr(studio, name), "builder")])
def test_every_pattern_has_columns_that_its_output_has(graph: str) -> None:
    """The default columns of each exist in its types, and are few."""
    outputs = _fit(graph, None).outputs
    assert 0 < len(outputs) <= 6
    assert _fit(graph, None, outputs=dict(outputs)).outputs == outputs


def test_default_columns_of_votes_and_labels() -> None:
    """What most people want to know of them."""
    assert list(_fit("voting", ["text"]).outputs) == ["choice", "support", "decided"]
    outputs = _fit("labeling", ["text"]).outputs
    label = Label(item="x", label="spam", status="decided", support=Support(k=2, n=4), contested=True)
    assert Columns.compile({}, outputs).to_columns(label) == {
        "label": "spam",
        "support": 0.5,
        "contested": True,
    }


def test_names_in_errors_cannot_control_a_terminal() -> None:
    """They come from the header of a table that anyone may have written."""
    with pytest.raises(UsageError) as raised:
        _fit("voting", ["a\x1b[2J", "b" * 500])
    assert "\x1b" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_columns_that_are_used_are_known() -> None:
    """So that a source that can read few columns does."""
    assert columns_used(Program()) is None
    assert columns_used(Program(inputs={"a": "x", "b": "{y} {z}", "c": "=1"})) == ["x", "y", "z"]
