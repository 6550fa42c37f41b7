"""Joins of sections: nothing is counted twice, no conflict is hidden, and gaps are named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from langgraph_parallel import Section, create_sectioning, split, synthesize
from langgraph_parallel.reducers.joins.merge import merge_objects, merge_rows
from langgraph_parallel.reducers.text.sentences import sentences, unreferenced
from tests.support.server import ModelServer, Reply

TEXT = "# Water\n\nx\n\n# Iron\n\ny\n\n# Wood\n\nz\n"


async def joined(synthesizer: Any, **results: Any) -> dict[str, Any]:
    """What a synthesizer makes of these results of sections; an exception is a section that fails."""

    def work(section: Section) -> Any:
        if isinstance(results[section.title], Exception):
            raise results[section.title]
        return results[section.title]

    graph = create_sectioning(planner=split.by_heading(), worker=work, synthesizer=synthesizer)
    out: dict[str, Any] = await graph.ainvoke({"content": TEXT})
    return out


async def test_conflicting_values_are_listed_with_their_sources() -> None:
    """Beside what all agree on; what is missing is named."""
    out = await joined(
        synthesize.merge_fields({"price": sum}),
        Water={"colour": "clear", "safe": True, "uses": ["drink"], "price": 1, "note": None},
        Iron={"colour": "grey", "safe": True, "uses": ["tools", "drink"], "price": 2},
        Wood=ValueError("gone"),
    )
    assert out["result"] == {
        "colour": ["clear", "grey"],
        "safe": True,
        "uses": ["drink", "tools"],
        "price": 3,
        "note": None,
        "contradictions": [
            {
                "field": "colour",
                "values": [
                    {"value": "clear", "sources": ["Water"]},
                    {"value": "grey", "sources": ["Iron"]},
                ],
            }
        ],
        "missing": ["Wood"],
    }
    assert out["missing"] == ["Wood"]


class Element(BaseModel):
    """A row."""

    name: str
    melts: float


async def test_rows_of_one_thing_are_one_row_and_counted_once() -> None:
    """With every source of it; a sum over the table counts it once."""
    out = await joined(
        synthesize.merge_tables("name", schema=Element),
        Water=[{"name": "Iron", "melts": 1538}, {"name": "Gold", "melts": 1064}],
        Iron={"name": "iron ", "melts": 1538},
        Wood=[],
    )
    assert out["result"] == {
        "rows": [
            {"name": "Iron", "melts": 1538, "sources": ["Water", "Iron"]},
            {"name": "Gold", "melts": 1064, "sources": ["Water"]},
        ]
    }
    assert sum(row["melts"] for row in out["result"]["rows"]) == 2602


@pytest.mark.parametrize(
    ("synthesizer", "given", "message"),
    [
        (synthesize.merge_fields(schema=Element), {"name": "x"}, "is no Element: melts: Field required"),
        (synthesize.merge_fields(), "text", "gave str, not an object"),
        (synthesize.merge_tables("name"), [{"melts": 1}], "gave a row without name"),
        (synthesize.merge_tables("name", schema=Element), [{"name": "x", "melts": "hot"}], "is no Element"),
    ],
)
async def test_a_merge_that_does_not_fit_is_no_result(synthesizer: Any, given: Any, message: str) -> None:
    """The report says why, and the sections come back."""
    out = await joined(synthesizer, Water=given, Iron=given, Wood=given)
    assert out["result"] is None
    assert message in out["report"].failures["synthesize"]
    assert len(out["branches"]) == 3


async def test_a_text_names_what_is_missing_and_what_it_does_not_refer_to(
    model: str, server: ModelServer
) -> None:
    """A gap that the model forgets is put below; a result that no sentence refers to is listed."""
    server.on("Write one coherent answer", Reply(text="Water boils at one hundred degrees."))
    out = await joined(
        synthesize.by_model(model),
        Water="Water boils at 100 degrees.",
        Iron="Blacksmiths forge horseshoes from the glowing metal.",
        Wood=ValueError("gone"),
    )
    assert out["result"] == "Water boils at one hundred degrees.\n\nMissing: Wood."
    assert (out["unreferenced"], out["missing"]) == (["Iron"], ["Wood"])


named = st.lists(
    st.tuples(st.sampled_from("abc"), st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2), max_size=3)),
    max_size=5,
)


@given(named)
def test_merging_twice_is_merging_once(given: Any) -> None:
    """What is said again by the same source changes nothing, and nothing is mutated."""
    before = repr(given)
    assert merge_objects([*given, *given]) == merge_objects(given)
    rows = [(source, {"key": "k", **row}) for source, row in given]
    assert merge_rows([*rows, *rows], ["key"]) == merge_rows(rows, ["key"])
    assert repr(given) == before


@given(st.text(max_size=200))
def test_sentences_are_places_of_the_text(text: str) -> None:
    """In order, without overlap, and nothing but white space between them."""
    found = sentences(text)
    place = 0
    for sentence in found:
        assert text[sentence.start : sentence.end] == sentence.text
        assert sentence.start >= place
        place = sentence.end


def test_sentences_of_several_scripts() -> None:
    """Full stops of all widths, lists and abbreviations."""
    found = [s.text for s in sentences("\u96e8\u3060\u3002\u6674\u308c\uff01 Mr. Low left. - one\n- two")]
    assert found == ["\u96e8\u3060\u3002", "\u6674\u308c\uff01", "Mr. Low left.", "- one", "- two"]
    assert sentences("") == []


def test_a_result_is_referred_to_by_its_title_or_by_what_it_says() -> None:
    """An empty result asks for nothing."""
    results = [("Ice", "It melts in spring."), ("Fire", "Flames need oxygen."), ("Air", "")]
    assert unreferenced(results, "About ice. Oxygen feeds flames.") == []
    assert unreferenced(results, "Nothing else.") == ["Ice", "Fire"]
    assert unreferenced([], "x") == []
