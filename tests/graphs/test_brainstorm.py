"""Brainstorm: what says the same is one idea, and nobody's place decides."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import aestimate, create_brainstorm, errors
from langgraph_parallel.reducers.joins.ideas import Proposal, unite_ideas
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply, Request

TOPIC = {"topic": "A library without books"}
PERSONAS = {"reader": "You read.", "builder": "You build."}


def proposes(server: ModelServer, persona: str, *ideas: tuple[str, str]) -> None:
    """What a persona proposes."""
    made = [{"title": title, "idea": idea} for title, idea in ideas]
    server.on(lambda r: f"the {persona}." in r.prompt and "Propose" in r.prompt, Reply(json={"ideas": made}))


TOOLS = ("Tool library", "Lend drills, saws and ladders to neighbours for a week at a time.")
SAME = ("Lending tools", "Neighbours may lend drills, saws and ladders for a week.")
QUIET = ("Silent rooms", "Rent out quiet rooms by the hour to people who work nights.")


async def test_ideas_that_say_the_same_are_one(model: str, server: ModelServer) -> None:
    """With everybody who had it and how they put it; the more novel one comes first."""
    proposes(server, "reader", TOOLS, QUIET)
    proposes(server, "builder", SAME)
    out = await create_brainstorm(model=model, personas=PERSONAS).ainvoke(TOPIC)
    held = {idea.title: idea for idea in out["ideas"]}
    assert len(held) == 2
    tools = held.get("Tool library") or held["Lending tools"]
    assert (tools.by, len(tools.others)) == (["reader", "builder"], 1)
    assert held["Silent rooms"].novelty > 0.9
    assert "You read." in server.asked("the reader.")[0].prompt


async def test_a_vote_ranks_ideas_whatever_their_place(model: str, server: ModelServer) -> None:
    """Each persona sees them in an order of its own, and numbers that are none count for nothing."""
    proposes(server, "reader", TOOLS, QUIET)
    proposes(server, "builder", ("Seeds", "Lend seeds in spring and take some back in autumn."))

    def choosing(number: int) -> Any:
        def is_seeds(request: Request) -> bool:
            found = re.search(r"(\d+)\. Seeds", request.prompt)
            return (
                "would have carried out" in request.prompt and found is not None and found[1] == str(number)
            )

        return is_seeds

    for number in (1, 2, 3):
        server.on(choosing(number), Reply(json={"reason": "", "numbers": [number, number, 99, -1]}))
    graph = create_brainstorm(model=model, personas=PERSONAS, vote=True)
    out = await graph.ainvoke(TOPIC)
    assert out["ideas"][0].title == "Seeds"
    assert [str(idea.votes) for idea in out["ideas"]] == ["2/2", "0/2", "0/2"]
    assert (await aestimate(graph, TOPIC)).calls == 4


async def test_a_persona_that_fails_is_missing(model: str, server: ModelServer) -> None:
    """The others' ideas come back; nothing more than was asked for is taken from one."""
    proposes(server, "reader", TOOLS, QUIET)
    server.on("the builder.", Reply(status=401))
    out = await create_brainstorm(model=model, personas=PERSONAS, ideas_per_proposer=1).ainvoke(TOPIC)
    assert ([idea.title for idea in out["ideas"]], out["missing"]) == (["Tool library"], ["builder"])


async def test_five_personas_ship(model: str, server: ModelServer) -> None:
    """Each is asked once, with a point of view of its own."""
    out = await create_brainstorm(model=model).ainvoke(TOPIC)
    assert [section.id for section in out["sections"]] == ["user", "maker", "sceptic", "outsider", "payer"]
    assert len({request.prompt for request in server.requests}) == 5


word = st.sampled_from(["boat", "bridge", "river", "lamp", "paper", "garden"])
proposal = st.builds(
    Proposal, word, st.lists(word, min_size=1, max_size=4).map(" ".join), st.sampled_from("abc")
)


@given(st.lists(proposal, max_size=8))
def test_no_idea_and_nobody_is_lost(proposals: list[Proposal]) -> None:
    """Every wording is in one idea, with its author; novelty is a share."""
    ideas = unite_ideas(proposals)
    assert {one.text for one in proposals} == {text for idea in ideas for text in (idea.text, *idea.others)}
    assert {one.by for one in proposals} == {by for idea in ideas for by in idea.by}
    assert all(0 <= idea.novelty <= 1 for idea in ideas)
    assert len(unite_ideas([*proposals, *proposals])) == len(ideas)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ideas": 0}, "ideas is 0"),
        ({"similar": 0}, "similar is 0"),
        ({"personas": {}}, "there is no persona"),
        ({"personas": {"a": "b"}, "models": ["openai:x", "openai:y"]}, "some would never be asked"),
        ({"prompts": {"propse": "x"}}, "it has choose, propose"),
    ],
    ids=readable,
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    """When the graph is made."""
    with pytest.raises(errors.UsageError, match=message):
        create_brainstorm(**arguments)
