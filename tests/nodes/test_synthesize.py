"""Synthesizers: nothing is counted twice, conflicts are listed, and missing sections are named."""

from typing import Any

import pytest
from pydantic import BaseModel

from langgraph_parallel import (
    Section,
    create_map_reduce,
    create_scatter_gather,
    create_sectioning,
    split,
    synthesize,
)
from langgraph_parallel.errors import UsageError
from tests.support.server import ModelServer, Reply

TEXT = "# Water\n\nx\n\n# Iron\n\ny\n\n# Wood\n\nz\n"


async def synthesized(synthesizer: Any, **results: Any) -> dict[str, Any]:
    """Run a graph whose sections return these results by title; a section with an exception fails."""

    def work(section: Section) -> Any:
        if isinstance(results[section.title], Exception):
            raise results[section.title]
        return results[section.title]

    graph = create_sectioning(planner=split.by_heading(), worker=work, synthesizer=synthesizer)
    out: dict[str, Any] = await graph.ainvoke({"content": TEXT})
    return out


async def test_conflicting_values_are_listed_with_their_sources() -> None:
    """Equal values and lists are merged, and failed sections are named."""
    out = await synthesized(
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


async def test_rows_with_equal_keys_are_one_row_and_count_once() -> None:
    """The row lists all its sources, and a sum over the table counts it once."""
    out = await synthesized(
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
    ("synthesizer", "result", "message"),
    [
        (synthesize.merge_fields(schema=Element), {"name": "x"}, "Element: melts: Field required"),
        (synthesize.merge_fields(), "text", "returned str; expected an object"),
        (synthesize.merge_tables("name"), [{"melts": 1}], "returned a row without name"),
        (synthesize.merge_tables("name", schema=Element), [{"name": "x", "melts": "hot"}], "Element: melts"),
    ],
)
async def test_a_failed_merge_gives_no_result(synthesizer: Any, result: Any, message: str) -> None:
    """The report has the cause, and the branches are kept."""
    out = await synthesized(synthesizer, Water=result, Iron=result, Wood=result)
    assert out["result"] is None
    assert message in out["run_report"].failures["synthesize"]
    assert len(out["branches"]) == 3


async def test_results_that_look_like_outputs_of_a_graph_are_rendered_in_full() -> None:
    """Only a nested graph's verdict, result or markdown stands for its whole value."""
    for value in ({"verdict": {"guilty": True}, "why": "w"}, {"result": "r", "price": 5}, {"markdown": "m"}):
        out = await synthesized(synthesize.concatenate(), Water=value, Iron=value, Wood=value)
        assert all(str(part) in out["result"] for part in value)
    tree = create_map_reduce(worker=str, synthesizer=str)
    assert (await tree.ainvoke({"items": [{"verdict": {"support": "x"}}]}))["result"]


async def test_fields_with_the_name_of_a_remark_are_renamed() -> None:
    """`source`, `sources` and `missing` of a worker become `own_...`."""

    async def joined(synthesizer: Any, **sources: Any) -> Any:
        graph = create_scatter_gather(sources=sources, synthesizer=synthesizer)
        return (await graph.ainvoke({"request": "?"}))["result"]

    best = await joined(synthesize.best_by("price"), a=lambda r: {"price": 1, "source": "X"})
    assert (best["source"], best["own_source"]) == ("a", "X")
    table = await joined(synthesize.merge_tables("n"), a=lambda r: [{"n": 1, "sources": ["o"]}])
    assert table["rows"] == [{"n": 1, "own_sources": ["o"], "sources": ["a"]}]

    def fails(request: str) -> str:
        raise ValueError("no")

    merged = await joined(synthesize.merge_fields(), a=lambda r: {"missing": ["tooth"]}, b=fails)
    assert merged == {"own_missing": ["tooth"], "missing": ["b"]}


async def test_rankings_of_sections_with_the_same_title_are_all_fused() -> None:
    """Such sections are told apart by their ids."""
    graph = create_sectioning(
        planner=lambda c: [Section(id=i, title="A", content=i) for i in ("one", "two")],
        worker=lambda s: [s.content],
        synthesizer=synthesize.rank(),
    )
    entries = (await graph.ainvoke({"content": ""}))["result"]
    assert {entry["item"] for entry in entries} == {"one", "two"}


def test_a_negative_constant_of_the_rank_fusion_is_rejected() -> None:
    """The error names the allowed values."""
    with pytest.raises(UsageError, match="k is -1; expected an integer of at least 0"):
        synthesize.rank(k=-1)


async def test_a_text_names_what_is_missing_and_what_it_does_not_refer_to(
    model: str, server: ModelServer
) -> None:
    """A missing section that the model leaves out is named below; uncited results are listed."""
    server.on("Write one coherent answer", Reply(text="Water boils at one hundred degrees."))
    out = await synthesized(
        synthesize.by_model(model),
        Water="Water boils at 100 degrees.",
        Iron="Blacksmiths forge horseshoes from the glowing metal.",
        Wood=ValueError("gone"),
    )
    assert out["result"] == "Water boils at one hundred degrees.\n\nMissing: Wood."
    assert (out["uncited"], out["missing"]) == (["Iron"], ["Wood"])
