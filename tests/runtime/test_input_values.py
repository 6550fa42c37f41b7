"""References to the values of an input: what they stand for, and which values have none."""

import gc
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.input_values import (
    Reference,
    find_value,
    hold_values,
    keep_values,
    refer,
    resolve,
)

LONG = "A text that is longer than a reference to it: {}. " + "and so on, " * 30
SERDE = JsonPlusSerializer()
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False)
VALUES = st.recursive(
    SCALARS | st.text(max_size=9) | st.integers(0, 9).map(LONG.format),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def stored(value: Any) -> Any:
    """Return a value as it is after LangGraph has stored it."""
    return SERDE.loads_typed(SERDE.dumps_typed(value))


@given(st.fixed_dictionaries({"a": VALUES, "b": VALUES}))
def test_values_come_back_as_they_were(of: dict[str, Any]) -> None:
    """Both to who has written the references and to who has loaded them with the input."""
    written = refer(of, of)
    assert {key: resolve(value) for key, value in written.items()} == of
    held = hold_values(stored(of))
    assert {key: resolve(value) for key, value in stored(written).items()} == of
    assert len(held) == sum(isinstance(value, Reference) for value in written.values())


@given(VALUES, VALUES)
def test_other_values_have_other_references(one: Any, other: Any) -> None:
    """Two are the same only if what is stored is the same."""
    first, second = (refer({"a": [value, LONG]}, ["a"])["a"] for value in (one, other))
    assert (first == second) == (repr(one) == repr(other))


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        "short",
        ["short"] * 9,
        "\ud83d" + LONG,
        {LONG},
        [datetime(2026, 1, 2, tzinfo=UTC), LONG],
        [Section(id="a", title="a", content=LONG)],
        type("Text", (str,), {})(LONG),
        [LONG, *range(60_000)],
    ],
    ids=["nothing", "number", "text", "texts", "half", "set", "time", "record", "subclass", "many"],
)
def test_a_value_that_may_change_or_is_cheap_has_no_reference(value: Any) -> None:
    """It is stored as it is."""
    assert refer({"a": value}, ["a"])["a"] is value
    assert hold_values({"a": value}) == []


def test_only_keys_whose_channels_resolve_references_get_them() -> None:
    """An input that is no mapping has no keys."""
    assert refer({"a": LONG, "b": LONG}, ["b"])["a"] is LONG
    assert isinstance(refer({"a": LONG, "b": LONG}, ["b"])["b"], Reference)
    assert refer([LONG], ["b"]) == [LONG]
    assert hold_values([LONG]) == []


def test_a_value_is_found_as_long_as_it_is_held() -> None:
    """After that the error says what to do."""
    reference = stored(refer({"a": [LONG]}, ["a"])["a"])
    held = hold_values({"a": [LONG]})
    assert resolve(reference) == [LONG]
    assert resolve(reference) is not find_value(reference)
    with keep_values():
        hold_values({"a": [LONG]})
        held.clear()
        gc.collect()
        assert resolve(reference) == [LONG]
    gc.collect()
    assert find_value(reference) is None
    with pytest.raises(UsageError, match="run the graph on it again"):
        resolve(reference)
