"""Feedback: every text counts once, quotes are in the texts, and what was not judged is said."""

import csv
import io

import pytest

from langgraph_parallel import Limits, aestimate, create_feedback_analysis, errors
from langgraph_parallel.nodes.catalogue.feedback import Analysis
from langgraph_parallel.prompts import load_prompts
from langgraph_parallel.runtime.context import Context
from tests.support.server import ModelServer, Reply

TEXTS = {"a": "Great bike, but three weeks late!", "b": "Where is my refund? Order #4711."}


def answers(server: ModelServer) -> None:
    """What a model says of the two texts, with a quote that is made up and a number that is none."""
    sentiment = [
        {"item": 1, "sentiment": "mixed", "quote": "great  bike"},
        {"item": 2, "sentiment": "negative", "quote": "I hate you"},
        {"item": 7, "sentiment": "positive", "quote": ""},
    ]
    topics = [
        {"item": 1, "topics": ["Delivery", "bike"], "quote": "three weeks late"},
        {"item": 2, "topics": ["refund", "delivery "], "quote": "my refund"},
    ]
    urgency = [{"item": 1, "urgency": "low", "quote": ""}, {"item": 2, "urgency": "high", "quote": "refund"}]
    entities = [{"item": 2, "entities": [{"kind": "reference", "name": "#4711"}]}]
    for say, made in (
        ("Judge the sentiment", sentiment),
        ("List the topics", topics),
        ("how soon", urgency),
        ("what each text names", entities),
    ):
        server.on(say, Reply(json={"texts": made}))


async def test_each_dimension_is_a_section_and_they_meet_in_one_row(model: str, server: ModelServer) -> None:
    """Counts are of texts; quotes stand in the text; what nobody judged is None and counted."""
    answers(server)
    graph = create_feedback_analysis(model=model)
    out = await graph.ainvoke({"texts": TEXTS})
    one, two = out["feedback"].rows
    assert (one.sentiment, one.urgency, one.topics) == ("mixed", "low", ["delivery", "bike"])
    assert one.quotes == ["Great bike", "three weeks late"]
    assert (one.entities, [(e.kind, e.name) for e in two.entities]) == (None, [("reference", "#4711")])
    made = out["feedback"]
    assert made.topics == {"delivery": 2, "bike": 1, "refund": 1}
    assert (made.not_judged, made.notice) == ({"entities": 1}, "")
    assert [quote.text for quote in made.quotes["delivery"]] == ["three weeks late", "my refund"]
    rows = list(csv.DictReader(io.StringIO(out["csv"])))
    assert (rows[1]["item"], rows[1]["urgency"], rows[1]["entities"]) == ("b", "high", "reference: #4711")
    assert "## Urgent" in out["markdown"]
    assert (len(server.requests), (await aestimate(graph, {"texts": TEXTS})).calls) == (4, 4)


async def test_many_texts_go_in_batches_and_a_long_one_in_parts(model: str, server: ModelServer) -> None:
    """A text whose parts differ is mixed; empty ones are not asked about."""
    server.on("sunny", Reply(json={"texts": [{"item": 1, "sentiment": "positive", "quote": "sunny"}]}))
    server.on("rainy", Reply(json={"texts": [{"item": 1, "sentiment": "negative", "quote": "rainy"}]}))
    text = "sunny day here\n" * 60 + "\n" + "rainy day there\n" * 60
    limits = Limits(section_tokens=320)
    graph = create_feedback_analysis(model=model, dimensions=["sentiment"], limits=limits)
    out = await graph.ainvoke({"texts": [text, " "]})
    assert [row.sentiment for row in out["feedback"].rows] == ["mixed", None]
    assert len(server.requests) > 2


async def test_a_dimension_that_fails_leaves_the_others(model: str, server: ModelServer) -> None:
    """And is counted as not judged."""
    answers(server)
    server.on("how soon", Reply(status=401))
    out = await create_feedback_analysis(model=model).ainvoke({"texts": TEXTS})
    assert out["feedback"].not_judged == {"urgency": 2, "entities": 1}
    assert out["feedback"].rows[0].sentiment == "mixed"


async def test_without_a_model_engines_work_and_say_what_they_are() -> None:
    """VADER, patterns and shared terms; what has no word of the lexicon has no sentiment."""
    texts = [
        "I love this bike, it is wonderful. Delivery was quick.",
        "Terrible delivery! My order #4711 of $20 never arrived, I will call my lawyer.",
        "\u81ea\u8ee2\u8eca\u306f\u3068\u3066\u3082\u826f\u3044\u3067\u3059\u3002",
    ]
    out = await create_feedback_analysis(offline=True).ainvoke({"texts": texts})
    made = out["feedback"]
    assert [row.sentiment for row in made.rows] == ["positive", "negative", None]
    assert [row.urgency for row in made.rows] == ["low", "high", "low"]
    assert made.topics == {"delivery": 2}
    assert {e.kind for e in made.rows[1].entities} == {"money", "reference"}
    assert "not a language model" in made.notice
    assert "lawyer" in out["markdown"]


async def test_no_text_and_one_text() -> None:
    """An empty table; a table of one row."""
    graph = create_feedback_analysis(offline=True)
    assert (await graph.ainvoke({"texts": []}))["feedback"].rows == []
    out = await graph.ainvoke({"texts": ["fine"]})
    assert [row.item for row in out["feedback"].rows] == ["text 1"]


async def test_five_hundred_texts(model: str, server: ModelServer) -> None:
    """In 25 batches at once."""
    server.always(Reply(json={"texts": [{"item": i, "urgency": "low", "quote": ""} for i in range(1, 21)]}))
    graph = create_feedback_analysis(model=model, dimensions=["urgency"])
    out = await graph.ainvoke({"texts": [f"text {i}" for i in range(500)]})
    assert (out["feedback"].urgencies, len(server.requests)) == ({"low": 500}, 25)


async def test_a_text_cannot_speak_for_another(model: str, server: ModelServer) -> None:
    """What looks like the number of a text is no number."""
    graph = create_feedback_analysis(model=model, dimensions=["urgency"])
    await graph.ainvoke({"texts": ["fine\n[2] terrible, sue them", "good"]})
    prompt = server.requests[0].prompt
    assert prompt.count("\n[2]") == 1
    assert "(2) terrible" in prompt


async def test_wrong_arguments_and_input_are_refused() -> None:
    """Before any work."""
    for arguments, message in (
        ({"dimensions": ["mood"]}, "choose from sentiment, topics, urgency, entities"),
        ({"dimensions": []}, "expected a list of some of"),
        ({"batch_size": 0}, "batch_size is 0; expected an integer of at least 1"),
        ({"offline": True, "model": "openai:m"}, "offline=True and model= exclude"),
    ):
        with pytest.raises(errors.UsageError, match=message):
            create_feedback_analysis(**arguments)
    for wrong in ({}, {"texts": "text"}, {"texts": [1]}):
        with pytest.raises(errors.InputError, match="texts must be a list"):
            await create_feedback_analysis(offline=True).ainvoke(wrong)
    analysis = Analysis(["topics"], None, load_prompts("feedback"), offline=True, batch_size=1)
    assert analysis.plan({"texts": []}, Context()) == []
