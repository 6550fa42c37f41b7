"""Briefing: every citation stands in a document, and what rests on nothing is left out by name."""

from typing import Any

import pytest

from langgraph_parallel import Limits, aestimate, create_briefing, errors
from langgraph_parallel.records import Briefing
from langgraph_parallel.reducers.text.extract import central, common_terms, same_words
from tests.support.server import ModelServer, Reply, Request

NORTH = "# North\n\nSales rose by 4% in spring.\nThe shop in Oslo was closed in May.\n"
SOUTH = "# South\n\nIn spring, sales fell by 2%.\nNew staff was hired.\n"
DOCUMENTS = {"north.md": NORTH, "south.md": SOUTH}


def digests(server: ModelServer, document: str, *points: tuple[str, str]) -> None:
    """What is taken from a document."""
    held = [{"point": point, "quote": quote} for point, quote in points]

    def is_digest(request: Request) -> bool:
        return "Read a part of one document" in request.prompt and f">\n{document}\n<" in request.prompt

    server.on(is_digest, Reply(json={"points": held}))


def written(**fields: Any) -> Reply:
    """What the writer answers."""
    return Reply(json={"summary": "Mixed.", "themes": [], "contradictions": [], **fields})


async def briefed(model: str, **documents: str) -> Briefing:
    """A briefing of these."""
    out = await create_briefing(model=model).ainvoke({"documents": documents or DOCUMENTS})
    made = out["briefing"]
    assert isinstance(made, Briefing)
    return made


async def test_themes_and_contradictions_rest_on_places_of_documents(model: str, server: ModelServer) -> None:
    """Each with its line and its characters; the documents are read at the same time."""
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
    made = out["briefing"]
    (theme,) = made.themes
    assert [(c.document, c.line, c.quote) for c in theme.citations] == [
        ("north.md", 3, "Sales rose by 4%"),
        ("south.md", 3, "sales fell by 2%"),
    ]
    assert all(DOCUMENTS[c.document][c.start : c.end] == c.quote for c in theme.citations)
    (conflict,) = made.conflicts
    assert (conflict.first.document, conflict.second.document) == ("north.md", "south.md")
    assert (made.unsupported, made.missing, made.uncited) == (["Alone"], [], [])
    assert "south.md, line 3" in out["markdown"]
    assert (len(server.requests), (await aestimate(graph, {"documents": DOCUMENTS})).calls) == (3, 3)


async def test_what_no_document_says_is_left_out_by_name(model: str, server: ModelServer) -> None:
    """A quote that is made up supports nothing; one that is nearly right is looked up."""
    digests(server, "north.md", ("Profit doubled.", "profits have doubled everywhere"))
    digests(server, "south.md", ("Staff.", "New staff were hired"))
    themes = [
        {"title": "Profit", "text": "It doubled.", "points": [2]},
        {"title": "Staff", "text": "Hired.", "points": [1]},
    ]
    server.on("Write a briefing", written(themes=themes))
    made = await briefed(model)
    assert [theme.citations[0].quote for theme in made.themes] == ["New staff was hired."]
    assert (made.unsupported, made.uncited) == (["Profit"], ["north.md"])
    assert "Profit doubled" not in server.asked("Write a briefing")[0].prompt


async def test_documents_that_fail_or_are_empty_are_missing(model: str, server: ModelServer) -> None:
    """The writer is told, and the briefing says so in any case."""
    digests(server, "south.md", ("Sales fell.", "sales fell by 2%"))
    server.on(lambda r: ">\nnorth.md\n<" in r.prompt, Reply(status=401))
    server.on("Write a briefing", written())
    made = await briefed(model, **DOCUMENTS, **{"void.md": " \n"})
    assert (made.documents, made.missing) == (["south.md"], ["north.md", "void.md (empty)"])
    assert "north.md, void.md (empty)" in server.asked("Write a briefing")[0].prompt


async def test_many_points_are_condensed_until_they_fit(model: str, server: ModelServer) -> None:
    """Level by level, within the ceiling; what they rest on goes along."""
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
    """Lines and characters are those of the whole document."""
    text = "filler line of words\n" * 900 + "The vault is empty.\n" + "more filler of words\n" * 900
    server.on("The vault is empty.", Reply(json={"points": [{"point": "Empty.", "quote": "vault is empty"}]}))
    server.on("Write a briefing", written(themes=[{"title": "Vault", "text": "Empty.", "points": [1]}]))
    made = await briefed(model, **{"log.txt": text})
    (citation,) = made.themes[0].citations
    assert (citation.line, text[citation.start : citation.end]) == (901, "vault is empty")
    assert len(server.requests) > 3


async def test_each_document_has_a_digest_of_a_few_points(model: str, server: ModelServer) -> None:
    """A long one is condensed by itself, before all are put together; its places go along."""
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
    made = (await graph.ainvoke({"documents": {"long.txt": text}}))["briefing"]
    (digest,) = made.digests
    assert 1 <= len(digest.points) <= 3
    assert [text[c.start : c.end] for c in digest.citations] == [c.quote for c in digest.citations]
    assert server.asked("Make fewer of them")


async def test_condensing_that_fails_ends_and_says_what_was_left_out(model: str, server: ModelServer) -> None:
    """As much as fits is written about; no round follows that could not do better."""
    documents = {f"d{i}": f"The value of place {i} was {i * 7} in this year." for i in range(30)}
    for name, text in documents.items():
        digests(server, name, (text, text))
    server.on("Make fewer of them", Reply(status=401))
    server.on("Write a briefing", written())
    graph = create_briefing(model=model, limits=Limits(section_tokens=220))
    out = await graph.ainvoke({"documents": documents})
    assert max(section.round for section in out["sections"]) == 1
    assert "d29 (too much to be written about)" in out["briefing"].missing
    assert len(server.asked("Write a briefing")[0].prompt) < 4000


async def test_a_writer_that_fails_loses_no_reading(model: str, server: ModelServer) -> None:
    """The points are in the branches, and the report says why there is no briefing."""
    digests(server, "north.md", ("Sales rose.", "Sales rose by 4%"))
    server.on("Write a briefing", Reply(status=401))
    out = await create_briefing(model=model).ainvoke({"documents": {"north.md": NORTH}})
    assert (out["briefing"], out["markdown"]) == (None, None)
    assert out["branches"]["north.md/1"].value["points"][0]["point"] == "Sales rose."
    assert "401" in out["run_report"].failures["write"]


async def test_documents_with_nothing_to_say_need_no_writer(model: str, server: ModelServer) -> None:
    """And say so."""
    server.on("Read a part", Reply(json={"points": []}))
    made = await briefed(model, a="La la la.")
    assert (made.summary, made.uncited) == ("The documents hold nothing to report.", ["a"])
    assert len(server.requests) == 1


async def test_without_a_model_sentences_are_selected_and_nothing_is_rewritten() -> None:
    """By what documents share; every sentence stands in its document, in any language."""
    documents = {
        "a": "The bridge over the river was closed for repairs. Cars wait for hours at the bridge.",
        "b": "Repairs of the old bridge cost two million. The town pays half of the repairs.",
        "c": "\u6a4b\u306e\u4fee\u7406\u306f\u4e8c\u5e74\u304b\u304b\u308a\u307e\u3059\u3002",
        "d": "",
    }
    out = await create_briefing(offline=True).ainvoke({"documents": documents})
    made = out["briefing"]
    assert {theme.title.lower() for theme in made.themes} & {"bridge", "repairs"}
    cited = [c for theme in made.themes for c in theme.citations]
    assert all(documents[c.document][c.start : c.end] == c.quote for c in cited)
    assert ("no language model" in made.notice, made.missing) == (True, ["d (empty)"])
    assert (await aestimate(create_briefing(), {"documents": documents})).calls == 0


async def test_five_hundred_documents() -> None:
    """Each is read, in one fan-out."""
    documents = {f"d{i}": f"The pump of station {i} was replaced in March by the town." for i in range(500)}
    out = await create_briefing(offline=True).ainvoke({"documents": documents})
    assert len(out["briefing"].documents) == 500


def test_central_sentences_are_those_that_are_like_the_others() -> None:
    """In the order of the text, none twice; a text without sentences has none."""
    text = (
        "Cats purr when cats sleep. Dogs bark. Most cats purr and sleep all day. Cats purr when cats sleep."
    )
    found = [sentence.text for sentence in central(text, 2)]
    assert found == sorted(found, key=text.index)
    assert len(set(found)) == len(found)
    assert central("", 3) == []
    assert same_words("cats bark", text) is None
    assert common_terms([("a", "one two"), ("a", "one two")], 5) == []


async def test_wrong_arguments_and_input_are_refused() -> None:
    """Before any work."""
    for arguments, message in (
        ({"points": 0}, "points is 0"),
        ({"offline": True, "model": "openai:m"}, "offline=True uses no model"),
        ({"prompts": {"digst": ""}}, "it has briefing, condense, digest"),
    ):
        with pytest.raises(errors.UsageError, match=message):
            create_briefing(**arguments)
    wrongs: list[Any] = [{}, {"documents": {}}, {"documents": "text"}, {"documents": {"a": 1}}]
    for wrong in wrongs:
        with pytest.raises(errors.InputError, match="there are no documents"):
            await create_briefing(offline=True).ainvoke(wrong)
