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
    """A voter that knows what it thinks of each text."""
    return lambda question: says.get(question)


VOTERS: Any = {
    "ann": voter(great="praise", awful="complaint", well="praise"),
    "ben": voter(great="praise", awful="complaint", well="complaint"),
    "cas": voter(great="praise", awful="praise", well="???"),
}


async def test_every_item_has_its_label_and_the_contested_ones_are_queued() -> None:
    """The worst first; the counts are of labels; agreement is over all items."""
    graph = create_labeling(labels=LABELS, voters=VOTERS, stop="all_votes", contested=0.7)
    out = await graph.ainvoke({"items": ITEMS})
    assert [(one.item, one.label, str(one.support)) for one in out["labels"]] == [
        ("one", "praise", "3/3"),
        ("two", "complaint", "2/3"),
        ("three", "praise", "1/2"),
    ]
    assert [one.item for one in out["queue"]] == ["three", "two"]
    assert out["labels"][2].votes == {"ann": "praise", "ben": "complaint", "cas": None}
    assert out["counts"] == {"praise": 2, "complaint": 1}
    assert (out["agreement"].questions, out["agreement"].observed) == (3, pytest.approx(4 / 9))


async def test_nobody_is_asked_who_is_not_needed() -> None:
    """Two of three agree on the first and second item; the report says what was saved."""
    out = await create_labeling(labels=LABELS, voters=VOTERS).ainvoke({"items": ITEMS})
    assert out["run_report"].calls_saved == 2
    assert [one.label for one in out["labels"]] == ["praise", "complaint", "praise"]


async def test_an_item_whose_vote_fails_is_in_the_queue() -> None:
    """It has no label, and takes nobody along."""

    def fails(question: str) -> str:
        if question == "awful":
            raise ValueError("no")
        return "praise"

    out = await create_labeling(labels=LABELS, voters={"a": fails}).ainvoke({"items": ITEMS})
    assert [(one.label, one.status) for one in out["labels"]] == [
        ("praise", "decided"),
        (None, "failed"),
        ("praise", "decided"),
    ]
    assert [one.item for one in out["queue"]] == ["two"]


async def test_models_get_the_guidelines_and_the_item_as_data(model: str, server: ModelServer) -> None:
    """Each as an annotator of its own."""
    server.always(Reply(json={"rationale": "", "choice": "praise", "confidence": 1}))
    graph = create_labeling(labels=LABELS, guidelines="Irony is a {complaint}.", model=model)
    out = await graph.ainvoke({"items": ["great", "oh, great"]})
    assert [one.item for one in out["labels"]] == ["item 1", "item 2"]
    system, human = (message["content"] for message in server.requests[0].body["messages"])
    assert human.index("Irony is a {complaint}.") < human.index("<data-")
    assert "You are annotator 1." in system
    assert (len(server.requests), (await aestimate(graph, {"items": ["a"]})).calls) == (4, 3)


async def test_five_hundred_items_are_labelled_at_once() -> None:
    """In one fan-out of votes; the second run on a thread starts from nothing."""
    graph = create_labeling(labels=["even", "odd"], voters={"a": lambda q: ["even", "odd"][int(q) % 2]})
    out = await graph.ainvoke({"items": [str(i) for i in range(500)]})
    assert out["counts"] == {"even": 250, "odd": 250}


async def test_no_items_give_no_labels() -> None:
    """And no agreement."""
    out = await create_labeling(labels=LABELS, voters=VOTERS).ainvoke({"items": []})
    assert (out["labels"], out["queue"], out["agreement"].observed) == ([], [], None)


async def test_labels_are_exported() -> None:
    """As CSV and as JSON lines."""
    out = await create_labeling(labels=LABELS, voters=VOTERS).ainvoke({"items": ITEMS})
    rows = list(csv.DictReader(io.StringIO(labels_csv(out["labels"]))))
    assert (rows[0]["item"], rows[0]["label"], rows[0]["support"]) == ("one", "praise", "2/2")
    assert json.loads(labels_jsonl(out["labels"]).splitlines()[2])["votes"]["ben"] == "complaint"


def test_tables_do_no_harm_where_they_are_opened() -> None:
    """No formula in a spreadsheet, no markup in a page."""
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
    shown = as_markdown([row])
    assert "<img" not in shown
    assert shown.splitlines()[2].count(" | ") == 4
    assert (as_markdown([]), as_csv([])) == ("", "\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": []}, "choices"),
        ({"labels": LABELS, "contested": 2}, "contested is 2"),
        ({"labels": LABELS, "voters": {"a": len}, "model": "openai:m"}, "nobody to go to"),
        ({"labels": LABELS, "voters": 0}, "voters is 0"),
    ],
    ids=readable,
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    """When the graph is made."""
    with pytest.raises(errors.UsageError, match=message):
        create_labeling(**arguments)


async def test_wrong_input_is_refused() -> None:
    """Before anybody is asked."""
    for wrong in ({}, {"items": "text"}, {"items": [1]}):
        with pytest.raises(errors.InputError, match="there are no items"):
            await create_labeling(labels=LABELS, voters=VOTERS).ainvoke(wrong)
