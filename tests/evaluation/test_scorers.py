"""Scorers: what counts as right, and what is refused."""

import re
from typing import Any

import pytest
from pydantic import BaseModel

from langgraph_parallel.errors import UsageError
from langgraph_parallel.evaluation import Score, Scorer, sets
from langgraph_parallel.evaluation.items import Item
from langgraph_parallel.evaluation.scoring.choose import as_scorer


class Place(BaseModel):
    """Where something was found, and what."""

    path: str
    line: int
    title: str = "SQL injection"


async def score(scorer: Any, answer: Any, expected: Any) -> Score:
    """Return the score of an answer."""
    chosen = as_scorer(scorer)
    assert isinstance(chosen, Scorer)
    return await chosen.score(answer, Item("q1", {"text": "a"}, expected))


@pytest.mark.parametrize(
    ("scorer", "answer", "expected", "value"),
    [
        ("exact", " The Moon. ", "the moon", 1),
        ("exact", "moon", "the moon", 0),
        ("exact", None, "yes", 0),
        ("exact", True, True, 1),
        ("exact", "4", 4, 1),
        ("exact", True, "True", 1),
        ("exact", "5", 4, 0),
        ({"kind": "exact", "normalise": "number"}, "$1,200", 1200, 1),
        ("numeric", "The answer is 12.", 12, 1),
        ("numeric", "12.4", "12", 0),
        ({"kind": "numeric", "tolerance": 0.5}, "12.4", "12", 1),
        ({"kind": "numeric", "relative": 0.1}, 109, 100, 1),
        ("numeric", "none", 12, 0),
    ],
    ids=[
        "spelling",
        "other",
        "no answer",
        "truth value",
        "text and number",
        "truth value and text",
        "other number",
        "as number",
        "in words",
        "off",
        "near",
        "near by share",
        "no number",
    ],
)
async def test_answers_are_right_or_wrong(scorer: Any, answer: Any, expected: Any, value: int) -> None:
    """By the normalisers of votes."""
    assert (await score(scorer, answer, expected)).value == value


async def test_lists_are_scored_by_what_they_share() -> None:
    """Precision, recall and F1 come together, and the one that was named counts."""
    found = await score("recall", ["A", "b", "x", "y"], ["a", "b", "c"])
    assert found.value == found.parts["recall"] == pytest.approx(2 / 3)
    assert found.parts == {"precision": 0.5, "recall": pytest.approx(2 / 3), "f1": pytest.approx(4 / 7)}
    assert (await score("f1", '["a"]', ["a"])).value == 1
    assert (await score("f1", "a\nb\n", ["a", "b"])).value == 1
    assert (await score("f1", [], [])).value == 1
    assert (await score("f1", [], ["a"])).parts == {"precision": 0, "recall": 0, "f1": 0}
    assert (await score("f1", ["a", "a"], ["a"])).value == pytest.approx(2 / 3)


async def test_findings_are_told_apart_by_the_fields_that_are_named() -> None:
    """Records and mappings with the same path and line are the same finding."""
    wanted = [{"path": "a.py", "line": 3}, {"path": "b.py", "line": 9}]
    found = await score(sets("recall", key="path, line"), [Place(path="A.py", line=3)], wanted)
    assert found.value == 0.5
    with pytest.raises(UsageError, match="'text' has no field 'path'"):
        await score(sets(key="path"), ["text"], wanted)


async def test_a_function_takes_what_it_names() -> None:
    """The answer alone, with what is expected, or with the whole item; async too."""

    async def later(answer: str, expected: str, item: dict[str, str]) -> float:
        return 0.5 * (answer == expected) + 0.5 * (item["text"] == "a")

    assert (await score(len, "", "yes")).value == 0
    assert (await score(lambda answer, expected: answer == expected, "yes", "yes")).value == 1
    assert (await score(later, "no", "yes")).value == 0.5


@pytest.mark.parametrize(
    ("scorer", "said"),
    [
        (lambda answer: 7, "returned 7.0 for item 'q1'; expected between 0 and 1"),
        (lambda answer: "good", "returned str for item 'q1'"),
        (
            lambda answer: 1 / 0,
            "raised ZeroDivisionError: division by zero, for the answer to item 'q1'; answers",
        ),
    ],
    ids=["out of range", "no number", "error"],
)
async def test_a_function_that_gives_no_score_is_named(scorer: Any, said: str) -> None:
    """The message has the item, and says that answers are kept or what is expected."""
    with pytest.raises(UsageError, match=re.escape(said)):
        await score(scorer, "a", "b")


@pytest.mark.parametrize(
    ("scorer", "said"),
    [
        ("exactly", "scorer is 'exactly'; choose one of exact, numeric"),
        (
            {"kind": "exact", "normalize": "text"},
            "scorer exact: got an unexpected keyword",
        ),
        ({"kind": "exact", "normalise": "letters"}, "'letters' is not a normaliser"),
        ({"kind": "numeric", "tolerance": -1}, "must not be negative"),
        ({"kind": "rubric", "criteria": {}}, "criteria is empty"),
        ("no_such_module_here:score", "no_such_module_here"),
        (3, "scorer is 3; expected one of exact"),
    ],
    ids=["name", "setting", "normaliser", "tolerance", "criteria", "module", "type"],
)
def test_scorers_that_do_not_exist_are_refused(scorer: Any, said: str) -> None:
    """Before anything is asked."""
    with pytest.raises(UsageError, match=re.escape(said)):
        as_scorer(scorer)
