"""Labeling: a vote for each item, agreement over all, and a queue for people."""

import csv
import io
import json
from typing import Any

import pytest

from langgraph_parallel import aestimate, create_labeling, errors
from langgraph_parallel.report.labeling import labels_csv, labels_jsonl
from langgraph_parallel.report.tables import as_csv, as_markdown
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply

LABELS = ["praise", "complaint"]
ITEMS = {"one": "great", "two": "awful", "three": "well"}


def voter(**says: str) -> Any:
    """Return a voter that gives these labels to these texts."""
    return lambda question: says.get(question)


VOTERS: Any = {
    "ann": voter(great="praise", awful="complaint", well="praise"),
    "ben": voter(great="praise", awful="complaint", well="complaint"),
    "cas": voter(great="praise", awful="praise", well="???"),
}


async def test_each_item_has_a_label_and_the_contested_ones_are_queued() -> None:
    """The queue starts with the least supported label; the agreement is over all items."""
    graph = create_labeling(labels=LABELS, voters=VOTERS, stop="all_votes", min_support=0.7)
    out = await graph.ainvoke({"items": ITEMS})
    assert [(label.item, label.label, str(label.support)) for label in out["labels"]] == [
        ("one", "praise", "3/3"),
        ("two", "complaint", "2/3"),
        ("three", "praise", "1/2"),
    ]
    assert [label.item for label in out["queue"]] == ["three", "two"]
    assert out["labels"][2].votes == {"ann": "praise", "ben": "complaint", "cas": None}
    assert out["counts"] == {"praise": 2, "complaint": 1}
    assert (out["agreement"].questions, out["agreement"].observed) == (3, pytest.approx(4 / 9))


async def test_no_voter_is_asked_that_is_not_needed() -> None:
    """Two of three voters agree on the first and second item; the run report counts the saved calls."""
    out = await create_labeling(labels=LABELS, voters=VOTERS).ainvoke({"items": ITEMS})
    assert out["run_report"].calls_saved == 2
    assert [label.label for label in out["labels"]] == ["praise", "complaint", "praise"]


async def test_an_item_whose_vote_fails_is_in_the_queue() -> None:
    """It has no label, and does not affect other items."""

    def fails(question: str) -> str:
        if question == "awful":
            raise ValueError("no")
        return "praise"

    out = await create_labeling(labels=LABELS, voters={"a": fails}).ainvoke({"items": ITEMS})
    assert [(label.label, label.status) for label in out["labels"]] == [
        ("praise", "decided"),
        (None, "failed"),
        ("praise", "decided"),
    ]
    assert [label.item for label in out["queue"]] == ["two"]


async def test_models_get_the_guidelines_and_the_item_as_data(model: str, server: ModelServer) -> None:
    """Each voter is told its number as an annotator."""
    server.always(Reply(json={"rationale": "", "choice": "praise", "confidence": 1}))
    graph = create_labeling(labels=LABELS, guidelines="Irony is a {complaint}.", model=model)
    out = await graph.ainvoke({"items": ["great", "oh, great"]})
    assert [label.item for label in out["labels"]] == ["item 1", "item 2"]
    system, human = (message["content"] for message in server.requests[0].body["messages"])
    assert human.index("Irony is a {complaint}.") < human.index("<data-")
    assert human.endswith("You are annotator 1.")
    assert "annotator" not in system
    assert (len(server.requests), (await aestimate(graph, {"items": ["a"]})).calls) == (4, 3)


async def test_five_hundred_items_are_labelled_at_once() -> None:
    """All votes are in one fan-out."""
    graph = create_labeling(labels=["even", "odd"], voters={"a": lambda q: ["even", "odd"][int(q) % 2]})
    out = await graph.ainvoke({"items": [str(i) for i in range(500)]})
    assert out["counts"] == {"even": 250, "odd": 250}


async def test_no_items_give_no_labels() -> None:
    """There is no agreement either."""
    out = await create_labeling(labels=LABELS, voters=VOTERS).ainvoke({"items": []})
    assert (out["labels"], out["queue"], out["agreement"].observed) == ([], [], None)


async def test_labels_are_exported() -> None:
    """They can be exported as CSV and as JSON lines."""
    out = await create_labeling(labels=LABELS, voters=VOTERS).ainvoke({"items": ITEMS})
    rows = list(csv.DictReader(io.StringIO(labels_csv(out["labels"]))))
    assert (rows[0]["item"], rows[0]["label"], rows[0]["support"]) == ("one", "praise", "2/2")
    assert json.loads(labels_jsonl(out["labels"]).splitlines()[2])["votes"]["ben"] == "complaint"


def test_exported_tables_are_safe_to_open() -> None:
    """They contain no formula for a spreadsheet, and no markup for a page."""
    row: Any = {
        "a": "=cmd()",
        "b": ["-x", "y"],
        "c": -5,
        "d": '<img src=x onerror="1"> | *b*\nnext',
        "e": None,
    }
    assert next(csv.DictReader(io.StringIO(as_csv([row])))) == {
        "a": "'=cmd()",
        "b": "'-x; y",
        "c": "-5",
        "d": row["d"],
        "e": "",
    }
    assert as_csv([{"a": "\n=1+1"}]) == 'a\n"\'\n=1+1"\n'
    shown = as_markdown([row])
    assert "<img" not in shown
    assert shown.splitlines()[2].count(" | ") == 4
    assert (as_markdown([]), as_csv([])) == ("", "\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": []}, r"labels is empty; pass at least one valid answer"),
        ({"labels": "ab"}, "labels is 'ab'; expected a list"),
        ({"labels": [1, 2]}, r"labels\[0\] is 1; expected a string"),
        ({"labels": LABELS, "prompts": ["x"]}, "prompts is .*; expected a mapping"),
        ({"labels": LABELS, "min_support": 2}, "min_support is 2"),
        ({"labels": LABELS, "voters": {"a": len}, "model": "openai:m"}, "voters are workers with models of"),
        ({"labels": LABELS, "voters": 0}, "voters is 0"),
        ({"labels": ["a", "b"], "rule": "borda"}, "an item has one label"),
    ],
    ids=readable,
)
def test_invalid_arguments_are_rejected(arguments: dict[str, Any], message: str) -> None:
    """The error is raised when the graph is built."""
    with pytest.raises(errors.UsageError, match=message):
        create_labeling(**arguments)


@pytest.mark.parametrize("given", [{}, {"items": "text"}, {"items": [1]}], ids=readable)
async def test_invalid_input_is_rejected(given: Any) -> None:
    """The error is raised before any voter is asked."""
    with pytest.raises(errors.InputError, match="expected a list of texts, or a mapping of name to text"):
        await create_labeling(labels=LABELS, voters=VOTERS).ainvoke(given)
