"""Excerpts: a plan is stored without the texts of the input, and comes back as it was."""

import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.channels.base import BaseChannel

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.excerpts import (
    hold_sources,
    planned,
    stored_plan,
    texts_of,
    with_texts,
    without_texts,
)
from langgraph_parallel.runtime.stored_once import latest, merged_branches, stored_once

LONG = "A line of a text that is long enough to be looked for in the input of a graph: {}.\n"
TEXTS = st.integers(0, 50).map(LONG.format)
INPUTS = st.recursive(
    TEXTS | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def plans(draw: st.DrawFn) -> tuple[dict[str, Any], list[Section]]:
    """Inputs, and sections that repeat parts of them, or do not."""
    of = {"content": draw(INPUTS), "other": "".join(draw(st.lists(TEXTS, max_size=6)))}

    def text() -> str:
        whole = draw(st.sampled_from([str(of["other"]), str(of["content"])]) | TEXTS)
        start = draw(st.integers(0, max(len(whole) - 1, 0)))
        return whole[start : start + draw(st.integers(0, 300))]

    count = draw(st.integers(0, 6))
    return of, [
        Section(
            id=str(i), title="t", content=text(), instructions=text(), data={"a": [text(), {"b": text()}, 1]}
        )
        for i in range(count)
    ]


@given(plans())
def test_a_plan_comes_back_as_it_was(plan: tuple[dict[str, Any], list[Section]]) -> None:
    """Whatever it repeats of the input, and it does not change the sections that it is given."""
    of, sections = plan
    before = [section.model_copy(deep=True) for section in sections]
    held = hold_sources(of)
    update = stored_plan(sections, of)
    assert planned(None, [update]) == sections == before
    assert len(held) == len({source.digest for source in held})


@given(plans(), st.integers(0, 6))
def test_rounds_add_to_what_is_planned(plan: tuple[dict[str, Any], list[Section]], cut: int) -> None:
    """In one batch of updates or in several: the same sections, in the order in which they were planned."""
    of, sections = plan
    held = hold_sources(of)
    updates = [stored_plan(sections[:cut], of), stored_plan(sections[cut:], of, more=True)]
    assert planned(None, updates) == planned(planned(None, updates[:1]), updates[1:]) == sections
    assert planned(sections, [stored_plan(sections[:1], of)]) == sections[:1]
    assert planned([], [sections]) == sections  # written by hand
    del held


def test_a_long_text_of_the_input_is_left_out() -> None:
    """What is stored is short, in content, instructions and data, and of records that are nested."""
    document = "".join(LONG.format(i) for i in range(99))
    parts = [document[:5000], document[5000:]]
    sections = [
        Section(id=str(i), title="t", content=part, data={"whole": document}) for i, part in enumerate(parts)
    ]
    assert len(str(stored_plan(sections, {"content": document}))) < 1000
    assert len(str(stored_plan(sections, {"other": "x"}))) > 3 * len(document)
    many = {str(i): LONG.format(i) * 9 for i in range(40)}
    cut = [Section(id=key, title="t", content=text[5:500]) for key, text in many.items()]
    assert len(str(stored_plan(cut, many))) < 40 * 250


def test_an_input_that_is_gone_is_an_error_that_says_so() -> None:
    """No section ever comes back with another text, or without one."""
    of = {"content": LONG.format("gone")}
    update = stored_plan([Section(id="a", title="t", content=of["content"])], of)
    gc.collect()
    with pytest.raises(UsageError, match="is not there"):
        planned(None, [update])


def test_the_input_of_a_nested_graph_is_stored_without_what_is_stored_around_it() -> None:
    """Only texts that the enclosing graph holds are left out, at any depth of any value."""
    text = LONG.format(1)
    section = Section(id="a", title="t", content=text)
    digests, held = texts_of([section]), hold_sources([section])
    for value in (text, {"q": [text, "short"]}, [section], section):
        thin = without_texts(value, digests)
        assert text not in str(thin)
        assert with_texts(thin) == value
    assert without_texts("short", digests) == "short"
    assert without_texts({"q": LONG.format(2)}, digests) == {"q": LONG.format(2)}
    del held


def channel(kind: Any, merge: Any = latest) -> BaseChannel[Any, Any, Any]:
    """Return the channel of an annotation."""
    (made,) = stored_once(kind, merge).__metadata__
    assert isinstance(made, BaseChannel)
    return made


def test_a_channel_has_no_value_before_it_is_written() -> None:
    """Also after it was loaded; one that merges starts with nothing in it."""
    for kind in (list[str], int, Any):
        empty = channel(kind).from_checkpoint(None)
        assert not empty.is_available()
        assert empty.update([1, 2])
        assert (empty.get(), empty.copy().get()) == (2, 2)
    merging = channel(dict[str, Any], merged_branches).from_checkpoint(None)
    assert merging.get() == {}
