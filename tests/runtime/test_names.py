"""Names of the caller's own for a graph's keys: what is refused, and which types exclude each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NewType, NotRequired, Optional, Protocol, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AnyMessage
from langgraph.graph.message import add_messages
from langgraph.types import Command
from pydantic import BaseModel
from typing_extensions import TypedDict

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Branch, Finding
from langgraph_parallel.runtime.names import Names, check_names
from langgraph_parallel.runtime.type_overlap import may_overlap, type_text


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        (
            {"fils": "x"},
            None,
            "inputs names 'fils', which the graph does not have; the graph's inputs are a, b",
        ),
        (None, {"a": "x"}, "outputs names 'a', which the graph does not have; the graph's outputs are c, d"),
        ({}, None, "inputs is empty; name at least one key, or leave it out; the graph's inputs are a, b"),
        ("a", None, "inputs is 'a'; expected names by the graph's keys: inputs={'a': 'your_key'}"),
        (["c"], None, "expected names by the graph's keys"),
        (
            None,
            {"c": "x", "d": "x"},
            "outputs gives 'c' and 'd' the same name 'x'; give each a name of its own",
        ),
        (None, {"c": 3}, "outputs['c'] is 3; expected the name of a key of yours"),
        (None, {"c": ""}, "outputs['c'] is ''"),
        ({None: "x"}, None, "inputs names None"),
    ],
)
def test_names_that_are_none_are_refused(inputs: Any, outputs: Any, said: str) -> None:
    """In one line that says which keys the graph has."""
    with pytest.raises(UsageError) as error:
        check_names(inputs, outputs, ["a", "b"], ["c", "d"])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


KEYS = ["a", "b", "both", "c", "d"]
_names = st.dictionaries(st.sampled_from(KEYS), st.text(min_size=1), min_size=1).filter(
    lambda named: len(set(named.values())) == len(named)
)


def _some(keys: Sequence[str]) -> st.SearchStrategy[dict[str, str] | None]:
    chosen = _names.map(lambda named: {key: name for key, name in named.items() if key in keys})
    return st.none() | chosen.filter(bool)


@given(_some(KEYS[:3]), _some(KEYS[2:]), st.dictionaries(st.sampled_from(KEYS), st.integers()))
def test_what_is_named_is_all_that_passes(
    inputs: dict[str, str] | None, outputs: dict[str, str] | None, values: dict[str, int]
) -> None:
    """Into the graph and out of it, whatever else there is; without names, everything passes as it is."""
    names = check_names(inputs, outputs, KEYS[:3], KEYS[2:])
    if names is None:
        assert inputs is outputs is None
        return
    entering, leaving = names.entering_keys, names.outputs
    outside = {name: values[key] for key, name in entering.items() if key in values}
    if inputs is not None:
        assert names.entering({**{f"{name}!": 0 for name in KEYS}, **outside}) == {
            key: value for key, value in values.items() if key in inputs
        }
    left = names.leaving(values)
    assert left == {leaving[key]: value for key, value in values.items() if key in leaving}
    assert names.shown(values) == {**outside, **left}
    assert set(names.updating(left)) == {key for key in values if key in leaving}


def test_an_update_of_the_state_is_by_the_callers_names() -> None:
    """As a mapping and as the pairs of a command; a name that there is not would be lost in silence."""
    names = Names({"text": "draft"}, {"result": "summary"}, ["text"])
    assert names.updating({"draft": 1, "summary": 2}) == {"text": 1, "result": 2}
    assert names.commanding(Command(update=[("summary", 2)])).update == [("result", 2)]
    with pytest.raises(
        UsageError, match="has 'result', and outside of the graph its keys are draft, summary"
    ):
        names.updating({"result": 2})


class _Record(BaseModel):
    pass


@dataclass
class _Data:
    pass


class _Typed(TypedDict):
    pass


class _Shape(Protocol):
    pass


_T = TypeVar("_T")
_Id = NewType("_Id", str)
ALIKE: list[tuple[Any, Any]] = [
    (list[Finding], list),
    (list[Finding], list[Finding] | None),
    (list[Finding], Optional[list[Any]]),  # noqa: UP045 - as others write it
    (list[Finding], Sequence[Finding]),
    (list[Finding], tuple[Finding, ...]),
    (list[Finding], list[dict[str, Any]]),
    (list[Finding], Annotated[NotRequired[list[Finding]], "reduced"]),
    (list[AnyMessage], list[AIMessage]),
    (dict[str, str], Mapping[str, object]),
    (dict[str, str], _Typed),
    (dict[str, str] | list[str], list[str]),
    (Finding, BaseModel),
    (Finding, dict),
    (_Data, _Typed),
    (_Data, _Shape),
    (int, float),
    (_Id, str),
    (Literal["a", "b"], str),
    (str, "Undefined"),
    (str, _T),
    (str, object),
    (str, Any),
    (Callable[[], int], Any),
    (None, str | None),
]
APART: list[tuple[Any, Any]] = [
    (list[Finding], str),
    (list[Finding], list[str]),
    (list[Finding], list[Branch]),
    (list[str], dict[str, str]),
    (list[str] | None, dict[str, str] | None),
    (dict[str, str], dict[str, int]),
    (Finding, Branch),
    (Finding, _Data),
    (Finding, str),
    (int, str),
    (bytes, str),
    (Literal["a"], int),
    (_Id, list[str]),
]


@pytest.mark.parametrize(("one", "other"), ALIKE, ids=map(str, range(len(ALIKE))))
def test_types_that_may_hold_the_same(one: Any, other: Any) -> None:
    """In doubt two types are taken for compatible, in both directions."""
    assert may_overlap(one, other)
    assert may_overlap(other, one)


@pytest.mark.parametrize(("one", "other"), APART, ids=map(str, range(len(APART))))
def test_types_that_cannot_hold_the_same(one: Any, other: Any) -> None:
    """No value is of both, in whatever form it is written."""
    assert not may_overlap(one, other)
    assert not may_overlap(other, one)


def test_types_are_shown_without_modules() -> None:
    """As a reader writes them."""
    assert (
        type_text(Annotated[list[Finding] | dict[str, Any] | None, "x"])
        == "list[Finding] | dict[str, Any] | None"
    )


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (list[AnyMessage], "list[AnyMessage]"),
        (Annotated[list[AnyMessage], add_messages], "list[AnyMessage]"),
        (dict[str, Annotated[list[Annotated[int, len]], id]], "dict[str, list[int]]"),
        (tuple[Annotated[_Id, len], ...], "tuple[str, ...]"),
        (Callable[[Annotated[Finding, print]], None], "Callable[[Finding], None]"),
        (Annotated[str, len] | None, "str | None"),
        (Literal["a", 1], "Literal['a', 1]"),
        (None, "None"),
        (list, "list"),
        (Any, "Any"),
    ],
)
def test_types_are_shown_without_what_is_annotated(annotation: Any, shown: str) -> None:
    """At any depth: the address of a function in an annotation would differ in each process."""
    assert type_text(annotation) == shown
