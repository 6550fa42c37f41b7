"""Briefing: every citation is in a document, and whatever no document supports is left out by name."""

from typing import Any

import pytest

from langgraph_parallel import Limits, aestimate, create_briefing, errors
from langgraph_parallel.records import Briefing
from langgraph_parallel.reducers.text.extract import same_words
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply, Request

NORTH = "# North\n\nSales rose by 4% in spring.\nThe shop in Oslo was closed in May.\n"
SOUTH = "# South\n\nIn spring, sales fell by 2%.\nNew staff was hired.\n"
DOCUMENTS = {"north.md": NORTH, "south.md": SOUTH}


def digests(server: ModelServer, document: str, *points: tuple[str, str]) -> None:
    """Let the model read these points in a document."""
    answer = Reply(json={"points": [{"point": point, "quote": quote} for point, quote in points]})

    def is_digest(request: Request) -> bool:
        return "Read a part of one document" in request.prompt and f">\n{document}\n<" in request.prompt

    server.on(is_digest, answer)


def written(**fields: Any) -> Reply:
    """Return the answer of the writer."""
    return Reply(json={"summary": "Mixed.", "themes": [], "contradictions": [], **fields})


async def briefed(model: str, **documents: str) -> Briefing:
    """Return the briefing of documents."""
    out = await create_briefing(model=model).ainvoke({"documents": documents or DOCUMENTS})
    briefing = out["briefing"]
    assert isinstance(briefing, Briefing)
    return briefing


async def test_themes_and_contradictions_cite_documents(model: str, server: ModelServer) -> None:
    """Each citation has its line and its characters."""
    digests(
        server, "north.md", ("Sales rose.", "Sales  rose by 4%"), ("Oslo closed.", "shop in Oslo was closed")
    )
    digests(server, "south.md", ("Sales fell.", "sales fell by 2%"))
    server.on(
        "Write a briefing",
        written(
            themes=[{"title": "Sales", "text": "They differ.", "points": [1, 3, 99]}],
            contradictions=[
                {"about": "Spring", "explanation": "Up or down.", "first": 1, "second": 3},
                {"about": "Alone", "explanation": "Same document.", "first": 1, "second": 2},
            ],
        ),
    )
    graph = create_briefing(model=model)
    out = await graph.ainvoke({"documents": DOCUMENTS})
    briefing = out["briefing"]
    (theme,) = briefing.themes
    assert [(c.document, c.line, c.quote) for c in theme.citations] == [
        ("north.md", 3, "Sales rose by 4%"),
        ("south.md", 3, "sales fell by 2%"),
    ]
    assert all(DOCUMENTS[c.document][c.start : c.end] == c.quote for c in theme.citations)
    (conflict,) = briefing.contradictions
    assert (conflict.first.document, conflict.second.document) == ("north.md", "south.md")
    assert (briefing.unsupported, briefing.missing, briefing.uncited) == (["Alone"], [], [])
    assert "south.md, line 3" in out["markdown"]
    assert (len(server.requests), (await aestimate(graph, {"documents": DOCUMENTS})).calls) == (3, 3)


async def test_themes_that_no_document_supports_are_left_out_by_name(model: str, server: ModelServer) -> None:
    """An invented quote supports nothing; a quote that is nearly right is replaced by its sentence."""
    digests(server, "north.md", ("Profit doubled.", "profits have doubled everywhere"))
    digests(server, "south.md", ("Staff.", "New staff were hired"))
    themes = [
        {"title": "Profit", "text": "It doubled.", "points": [2]},
        {"title": "Staff", "text": "Hired.", "points": [1]},
    ]
    server.on("Write a briefing", written(themes=themes))
    briefing = await briefed(model)
    assert [theme.citations[0].quote for theme in briefing.themes] == ["New staff was hired."]
    assert (briefing.unsupported, briefing.uncited) == (["Profit"], ["north.md"])
    assert "Profit doubled" not in server.asked("Write a briefing")[0].prompt


async def test_documents_that_fail_or_are_empty_are_missing(model: str, server: ModelServer) -> None:
    """The writer is told, and the briefing lists them."""
    digests(server, "south.md", ("Sales fell.", "sales fell by 2%"))
    server.on(lambda r: ">\nnorth.md\n<" in r.prompt, Reply(status=418))
    server.on("Write a briefing", written())
    briefing = await briefed(model, **DOCUMENTS, **{"void.md": " \n"})
    assert (briefing.documents, briefing.missing) == (["south.md"], ["north.md", "void.md (empty)"])
    assert "north.md, void.md (empty)" in server.asked("Write a briefing")[0].prompt


async def test_many_points_are_condensed_until_they_fit(model: str, server: ModelServer) -> None:
    """They are condensed level by level, within the ceiling, and keep their citations."""
    documents = {
        f"d{i:02}": f"Fact number {i} is that the value is {i * 7} in this year.\n" for i in range(40)
    }
    for name, text in documents.items():
        digests(server, name, (text.strip(), text.strip()))
    halves = [
        {"point": f"Some of it {i}, " + "at some length " * 5, "of": [2 * i + 1, 2 * i + 2]}
        for i in range(40)
    ]
    server.on("Make fewer of them", Reply(json={"points": halves}))
    server.on("Write a briefing", written(themes=[{"title": "All", "text": "t", "points": [1]}]))
    graph = create_briefing(model=model, limits=Limits(section_tokens=220))
    out = await graph.ainvoke({"documents": documents})
    (theme,) = out["briefing"].themes
    assert [c.document for c in theme.citations] == ["d00", "d01", "d02", "d03", "d04"]
    assert max(section.round for section in out["sections"]) >= 2
    assert all(len(request.prompt) < 3 * 220 + 2500 for request in server.asked("Make fewer of them"))


async def test_a_document_longer_than_any_prompt_is_read_in_parts(model: str, server: ModelServer) -> None:
    """Citations have the lines and characters of the whole document."""
    text = "filler line of words\n" * 900 + "The vault is empty.\n" + "more filler of words\n" * 900
    server.on("The vault is empty.", Reply(json={"points": [{"point": "Empty.", "quote": "vault is empty"}]}))
    server.on("Write a briefing", written(themes=[{"title": "Vault", "text": "Empty.", "points": [1]}]))
    briefing = await briefed(model, **{"log.txt": text})
    (citation,) = briefing.themes[0].citations
    assert (citation.line, text[citation.start : citation.end]) == (901, "vault is empty")
    assert len(server.requests) > 3


async def test_the_digest_of_a_long_document_has_few_points(model: str, server: ModelServer) -> None:
    """Its points are condensed by themselves, before those of all documents, and keep their citations."""
    text = "".join(
        f"Fact {i} is that the value was {i * 7} then.\n" + "filler of words\n" * 60 for i in range(9)
    )

    def is_part(number: int) -> Any:
        return lambda request: "Read a part" in request.prompt and f"Fact {number} is" in request.prompt

    for i in range(9):
        point = {"point": f"Value {i * 7}.", "quote": f"the value was {i * 7} then"}
        server.on(is_part(i), Reply(json={"points": [point]}))
    pairs = [{"point": f"Pair {i}.", "of": [2 * i + 1, 2 * i + 2]} for i in range(9)]
    server.on("Make fewer of them", Reply(json={"points": pairs}))
    server.on("Write a briefing", written())
    graph = create_briefing(model=model, max_points=3, limits=Limits(section_tokens=400))
    briefing = (await graph.ainvoke({"documents": {"long.txt": text}}))["briefing"]
    (digest,) = briefing.digests
    assert 1 <= len(digest.points) <= 3
    assert [text[c.start : c.end] for c in digest.citations] == [c.quote for c in digest.citations]
    assert server.asked("Make fewer of them")


async def test_after_condensing_fails_the_rest_is_left_out_by_name(model: str, server: ModelServer) -> None:
    """The briefing uses as many points as fit, and no further round is started."""
    documents = {f"d{i}": f"The value of place {i} was {i * 7} in this year." for i in range(30)}
    for name, text in documents.items():
        digests(server, name, (text, text))
    server.on("Make fewer of them", Reply(status=418))
    server.on("Write a briefing", written())
    graph = create_briefing(model=model, limits=Limits(section_tokens=220))
    out = await graph.ainvoke({"documents": documents})
    assert max(section.round for section in out["sections"]) == 1
    assert "d29 (left out: no room in the prompt)" in out["briefing"].missing
    assert len(server.asked("Write a briefing")[0].prompt) < 4000


async def test_if_the_writer_fails_the_points_are_kept(model: str, server: ModelServer) -> None:
    """The points are in the branches, and the run report has the cause."""
    digests(server, "north.md", ("Sales rose.", "Sales rose by 4%"))
    server.on("Write a briefing", Reply(status=418))
    out = await create_briefing(model=model).ainvoke({"documents": {"north.md": NORTH}})
    assert (out["briefing"], out["markdown"]) == (None, None)
    assert out["branches"]["north.md/1"].value["points"][0]["point"] == "Sales rose."
    assert "418" in out["run_report"].failures["write"]


async def test_documents_without_points_need_no_writer(model: str, server: ModelServer) -> None:
    """The summary says so, and the writer is not asked."""
    server.on("Read a part", Reply(json={"points": []}))
    briefing = await briefed(model, a="La la la.")
    assert (briefing.summary, briefing.uncited) == ("The documents contain nothing to report.", ["a"])
    assert len(server.requests) == 1


async def test_without_a_model_sentences_are_selected_and_nothing_is_rewritten() -> None:
    """Themes are shared words; each sentence is in its document, in any language."""
    documents = {
        "a": "The bridge over the river was closed for repairs. Cars wait for hours at the bridge.",
        "b": "Repairs of the old bridge cost two million. The town pays half of the repairs.",
        "c": "\u6a4b\u306e\u4fee\u7406\u306f\u4e8c\u5e74\u304b\u304b\u308a\u307e\u3059\u3002",
        "d": "",
    }
    out = await create_briefing(offline=True).ainvoke({"documents": documents})
    briefing = out["briefing"]
    assert {theme.title.lower() for theme in briefing.themes} & {"bridge", "repairs"}
    cited = [c for theme in briefing.themes for c in theme.citations]
    assert all(documents[c.document][c.start : c.end] == c.quote for c in cited)
    assert ("no language model" in briefing.notice, briefing.missing) == (True, ["d (empty)"])
    assert (await aestimate(create_briefing(), {"documents": documents})).calls == 0


MILL = """\
---
title: Mill
---

[![build](https://mill.org/badge.svg)](https://mill.org) <!-- The mill is a secret mill. -->

# Mill

The [water mill](https://mill.org/wheel) grinds **barley** for nine bakeries. See [the docs][docs] for more.
You can start it like this:

```python
import mill  # The mill is code of a mill.
```

| The mill of the west is a cell. | The mill of the east is a cell. |
|---|---|
| The mill of the north is a cell. | 1 |

[docs]: https://mill.org/docs
"""
BAKERY = """\
Bakery
======

A bakery buys :term:`barley` from the water mill. It has ``nine`` ovens,
two mixers, a counter and a shop.
"""


async def test_without_a_model_only_prose_is_selected_from_markup() -> None:
    """Code, cells, comments, badges, settings and definitions are no sentences; links are shown as text."""
    documents = {"mill.md": MILL, "bakery.rst": BAKERY, "code.md": "```\nimport mill\n```\n"}
    out = await create_briefing(offline=True).ainvoke({"documents": documents})
    briefing = out["briefing"]
    points = {digest.document: digest.points for digest in briefing.digests}
    assert points == {
        "mill.md": ["The water mill grinds barley for nine bakeries."],
        "bakery.rst": [
            "A bakery buys barley from the water mill.",
            "It has `nine` ovens, two mixers, a counter and a shop.",
        ],
    }
    assert [theme.title for theme in briefing.themes] == ["water mill"]
    cited = [c for theme in briefing.themes for c in theme.citations]
    assert all(documents[c.document][c.start : c.end] == c.quote for c in cited)
    assert ("mill.md", 9) in {(c.document, c.line) for c in cited}
    assert (briefing.documents, briefing.missing) == (
        ["mill.md", "bakery.rst"],
        ["code.md (no sentences)"],
    )
    assert out["missing"] == briefing.missing
    assert "The water mill grinds barley" in out["markdown"]
    assert "mill.org" not in out["markdown"]


async def test_without_a_model_a_long_document_has_more_points_up_to_the_maximum() -> None:
    """It is one section, however long it is."""
    words = [f"{a}{b}{c}" for a in "klmnprst" for b in "aeiou" for c in "dfgmnrst"]
    text = " ".join(
        f"The {words[i % 320]} of {words[(i * 7 + 1) % 320]} is a {words[(i * 11 + 3) % 320]} here."
        for i in range(450)
    )
    for most, expected in ((8, 7), (2, 2)):
        out = await create_briefing(offline=True, max_points=most).ainvoke({"documents": {"long": text}})
        assert len(out["briefing"].digests[0].points) == expected
        assert len(out["sections"]) == 1


async def test_documents_without_prose_have_an_empty_briefing() -> None:
    """It says so, and names them."""
    out = await create_briefing(offline=True).ainvoke({"documents": {"a.md": "# Title\n", "b": " "}})
    briefing = out["briefing"]
    assert briefing.summary == "The documents contain no sentences."
    assert (briefing.documents, briefing.missing) == ([], ["b (empty)", "a.md (no sentences)"])


async def test_parts_of_a_document_start_at_its_headings(model: str, server: ModelServer) -> None:
    """Code that fits into a prompt is not cut, and the model gets documents as they are."""
    part = "## Step {0}\n\n" + "word " * 60 + "\n\n```sh\n" + "run\n\n" * 20 + "```\n\n"
    text = "".join(part.format(i) for i in range(6))
    server.on("Read a part", Reply(json={"points": []}))
    graph = create_briefing(model=model, limits=Limits(section_tokens=300))
    out = await graph.ainvoke({"documents": {"a.md": text}})
    contents = [section.content for section in out["sections"]]
    assert "".join(contents) == text
    assert len(contents) > 2
    assert all(content.startswith("## Step") and content.count("```") % 2 == 0 for content in contents)


async def test_a_quote_with_markup_is_shown_without_it(model: str, server: ModelServer) -> None:
    """The citation has the quote as it is in the document, too."""
    digests(server, "mill.md", ("It grinds.", "The [water mill](https://mill.org/wheel) grinds **barley**"))
    server.on("Write a briefing", written(themes=[{"title": "Mill", "text": "It grinds.", "points": [1]}]))
    briefing = await briefed(model, **{"mill.md": MILL})
    (citation,) = briefing.themes[0].citations
    assert citation.quote == "The [water mill](https://mill.org/wheel) grinds **barley**"
    assert citation.shown == "The water mill grinds barley"


async def test_five_hundred_documents() -> None:
    """All are read in one fan-out, and none is left out."""
    documents = {f"d{i}": f"The pump of station {i} was replaced in March by the town." for i in range(500)}
    briefing = (await create_briefing(offline=True).ainvoke({"documents": documents}))["briefing"]
    assert (len(briefing.documents), len(briefing.digests), briefing.missing) == (500, 500, [])


def test_the_words_of_a_quote_must_be_in_one_sentence() -> None:
    """Words of two sentences do not make a statement."""
    assert same_words("cats bark", "Cats purr when cats sleep. Dogs bark.") is None
    assert same_words("dogs are barking", "Cats purr. Dogs bark.") is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_points": 0}, "max_points is 0"),
        ({"max_points": 2.5}, "max_points is 2.5"),
        ({"offline": True, "model": "openai:m"}, "offline=True and model= exclude each other"),
        ({"prompts": {"digst": ""}}, "choose from briefing, condense, digest"),
        ({"prompts": {"digest": None}}, "pass a text, a Path, or a Prompt"),
    ],
    ids=readable,
)
def test_invalid_arguments_are_rejected(arguments: dict[str, Any], message: str) -> None:
    """The error is raised when the graph is built."""
    with pytest.raises(errors.UsageError, match=message):
        create_briefing(**arguments)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "expected a list of texts, or a mapping of name to text"),
        ({"documents": {}}, "documents is empty"),
        ({"documents": "text"}, "expected a list of texts, or a mapping of name to text"),
        ({"documents": {"a": 1}}, "expected a list of texts, or a mapping of name to text"),
        ({"documents": {1: "a"}}, "expected a list of texts, or a mapping of name to text"),
    ],
    ids=readable,
)
async def test_invalid_input_is_rejected(given: Any, message: str) -> None:
    """The error is raised before any work."""
    with pytest.raises(errors.InputError, match=message):
        await create_briefing(offline=True).ainvoke(given)
