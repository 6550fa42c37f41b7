"""The pages of the patterns: the figures of what they cost."""

from collections.abc import Callable
from typing import Any

import pytest

import langgraph_parallel as parallel
from langgraph_parallel import Ask, split, synthesize
from langgraph_parallel.testing import FakeModel
from tests.support.pattern_pages import part

MODEL = FakeModel()
BOOK = {"content": "# a\n\nx\n\n# b\n\ny\n\n# c\n\nz\n"}
MEAN, JOIN = Ask("{content}", model=MODEL), Ask("{results}", model=MODEL)
COSTS: list[tuple[str, str, Callable[[], Any], dict[str, Any], int]] = [
    (
        "sectioning",
        "4 calls",
        lambda: parallel.create_sectioning(
            planner=split.by_heading(), worker=MEAN, synthesizer=synthesize.by_model(MODEL)
        ),
        BOOK,
        4,
    ),
    (
        "review",
        "one file, two aspects and two voters are 4 calls",
        lambda: parallel.create_review(model=MODEL, aspects=["security", "style"], voters=2),
        {"files": {"a.py": "x = 1\n"}},
        4,
    ),
    *(
        (
            "map_reduce",
            words,
            lambda: parallel.create_map_reduce(worker=MEAN, synthesizer=JOIN),
            {"items": ["x"] * items},
            calls,
        )
        for items, calls, words in (
            (8, 9, "9 calls for\n8 items"),
            (9, 12, "12 for 9"),
            (64, 73, "73 for 64"),
        )
    ),
    (
        "briefing",
        "two short documents are 3 calls",
        lambda: parallel.create_briefing(model=MODEL),
        {"documents": ["Sales rose.", "Sales fell."]},
        3,
    ),
    (
        "research",
        "that is 43",
        lambda: parallel.create_research(model=MODEL),
        {"question": "Why?", "files": ["x"]},
        43,
    ),
    (
        "market_study",
        "three sections, two regions and seven forecasters are 18 calls",
        lambda: parallel.create_market_study(model=MODEL),
        {"subject": "bikes", "regions": ["Norway", "Spain"]},
        18,
    ),
    (
        "moderation",
        "six with all that ship",
        lambda: parallel.create_moderation(model=MODEL),
        {"text": "x"},
        6,
    ),
    (
        "guarded",
        "One call for the answer, and one for each check",
        lambda: parallel.create_guarded(model=MODEL, checks={"a": "x", "b": "y"}),
        {"message": "x"},
        3,
    ),
    *(
        (
            "feedback",
            words,
            lambda: parallel.create_feedback(model=MODEL),
            {"texts": ["x"] * texts},
            calls,
        )
        for texts, calls, words in (
            (20, 4, "four calls for up to 20"),
            (21, 8, "eight for 21"),
            (100, 20, "20 for 100"),
        )
    ),
    (
        "labeling",
        "Five items and three voters are at most 15 calls",
        lambda: parallel.create_labeling(labels=["a", "b"], model=MODEL),
        {"items": ["x"] * 5},
        15,
    ),
    (
        "best_of",
        "9 for three, 16 for four",
        lambda: parallel.create_best_of(model=MODEL, drafters=4),
        {"task": "x"},
        16,
    ),
    (
        "best_of",
        "| rubric | 2n |",
        lambda: parallel.create_best_of(model=MODEL, drafters=4, method="rubric", rubric={"a": "x"}),
        {"task": "x"},
        8,
    ),
    (
        "brainstorm",
        "five or ten with the personas that ship",
        lambda: parallel.create_brainstorm(model=MODEL, vote=True),
        {"topic": "x"},
        10,
    ),
    (
        "debate",
        "nine calls with three of each",
        lambda: parallel.create_debate(model=MODEL),
        {"question": "x"},
        9,
    ),
    ("voting", "one call for each voter", lambda: parallel.create_voting(model=MODEL), {"question": "x"}, 3),
]
"""Pattern, words of its page, a graph and an input, and the calls that are then estimated."""


@pytest.mark.parametrize(("name", "words", "build", "given", "calls"), COSTS)
async def test_what_its_page_says_of_costs_is_what_is_estimated(
    name: str, words: str, build: Callable[[], Any], given: dict[str, Any], calls: int
) -> None:
    """The figures of the page are those of graphs with the defaults that it speaks of."""
    assert words in part(name, "What it costs")
    assert (await parallel.aestimate(build(), given)).calls == calls
