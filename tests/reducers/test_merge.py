"""Merging of objects and rows is idempotent."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.reducers.joins.merge import merge_objects, merge_rows

sourced_objects = st.lists(
    st.tuples(st.sampled_from("abc"), st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2), max_size=3)),
    max_size=5,
)


@given(sourced_objects)
def test_merging_twice_is_merging_once(objects: Any) -> None:
    """Repeated objects of the same source change nothing, and no argument is mutated."""
    before = repr(objects)
    assert merge_objects([*objects, *objects]) == merge_objects(objects)
    rows = [(source, {"key": "k", **row}) for source, row in objects]
    assert merge_rows([*rows, *rows], ["key"]) == merge_rows(rows, ["key"])
    assert repr(objects) == before
