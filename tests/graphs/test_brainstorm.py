"""Brainstorm: similar proposals are one idea, and positions do not decide the vote."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import Limits, Roster, aestimate, create_brainstorm, errors
from langgraph_parallel.reducers.joins.ideas import Proposal, unite_ideas
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply, Request

TOPIC = {"topic": "A library without books"}
IDEAS = Reply(samples=[Reply(json={"ideas": [{"title": title, "idea": "."}]}) for title in ("One", "Two")])
PERSONAS = {"reader": "You read.", "builder": "You build."}


def proposes(server: ModelServer, persona: str, *ideas: tuple[str, str]) -> None:
    """Let a persona propose these ideas."""
    answer = Reply(json={"ideas": [{"title": title, "idea": idea} for title, idea in ideas]})
    server.on(lambda r: f"the {persona}." in r.prompt and "Propose" in r.prompt, answer)


TOOLS = ("Tool library", "Lend drills, saws and ladders to neighbours for a week at a time.")
SAME = ("Lending tools", "Neighbours may lend drills, saws and ladders for a week.")
QUIET = ("Silent rooms", "Rent out quiet rooms by the hour to people who work nights.")


async def test_similar_proposals_are_one_idea(model: str, server: ModelServer) -> None:
    """An idea has all its proposers and wordings; the more novel idea comes first."""
    proposes(server, "reader", TOOLS, QUIET)
    proposes(server, "builder", SAME)
    out = await create_brainstorm(model=model, personas=PERSONAS).ainvoke(TOPIC)
    ideas = {idea.title: idea for idea in out["ideas"]}
    assert len(ideas) == 2
    tools = ideas.get("Tool library") or ideas["Lending tools"]
    assert (tools.by, len(tools.others)) == (["reader", "builder"], 1)
    assert ideas["Silent rooms"].novelty > 0.9
    assert "You read." in server.asked("the reader.")[0].prompt


async def test_personas_with_the_same_view_are_different_people(model: str, server: ModelServer) -> None:
    """Each is asked by itself, under its own name; copies of one persona may share a request."""
    server.on(lambda _: True, IDEAS)
    personas = {"nurse": "Think of the day.", "baker": "Think of the day."}
    limits = Limits(samples="on")
    await create_brainstorm(model=model, personas=personas, limits=limits).ainvoke(TOPIC)
    asked = [request.prompt for request in server.requests]
    assert [request.body.get("n", 1) for request in server.requests] == [1, 1]
    assert sorted(name for name in personas for prompt in asked if f"people: the {name}." in prompt) == [
        "baker",
        "nurse",
    ]
    graph = create_brainstorm(model=model, personas=personas, proposers=4, limits=limits)
    await graph.ainvoke(TOPIC)
    assert [request.body.get("n", 1) for request in server.requests[2:]] == [2, 2]


async def test_a_vote_ranks_ideas_at_any_position(model: str, server: ModelServer) -> None:
    """Each persona gets the ideas in its own order, and unknown numbers are ignored."""
    proposes(server, "reader", TOOLS, QUIET)
    proposes(server, "builder", ("Seeds", "Lend seeds in spring and take some back in autumn."))

    def choosing(number: int) -> Any:
        def is_seeds(request: Request) -> bool:
            match = re.search(r"(\d+)\. Seeds", request.prompt)
            return (
                "would have carried out" in request.prompt and match is not None and match[1] == str(number)
            )

        return is_seeds

    for number in (1, 2, 3):
        server.on(choosing(number), Reply(json={"reason": "", "numbers": [number, number, 99, -1]}))
    graph = create_brainstorm(model=model, personas=PERSONAS, vote=True)
    out = await graph.ainvoke(TOPIC)
    assert out["ideas"][0].title == "Seeds"
    assert [str(idea.votes) for idea in out["ideas"]] == ["2/2", "0/2", "0/2"]
    assert (await aestimate(graph, TOPIC)).calls == 4


async def test_more_personas_than_are_sent_at_once_follow(model: str, server: ModelServer) -> None:
    """The limit of sections at once leaves no proposer out."""
    server.always(Reply(json={"ideas": [{"title": "Tool library", "idea": "Share tools."}]}))
    graph = create_brainstorm(model=model, proposers=3, limits={"max_sections": 1})
    out = await graph.ainvoke({"topic": "Our street"})
    assert (len(out["missing"]), out["run_report"].branches) == (0, {"ok": 3})


async def test_a_persona_that_fails_is_missing(model: str, server: ModelServer) -> None:
    """The ideas of the others are returned, at most `max_ideas` of each."""
    proposes(server, "reader", TOOLS, QUIET)
    server.on("the builder.", Reply(status=418))
    out = await create_brainstorm(model=model, personas=PERSONAS, max_ideas=1).ainvoke(TOPIC)
    assert ([idea.title for idea in out["ideas"]], out["missing"]) == (["Tool library"], ["builder"])


async def test_five_personas_ship(model: str, server: ModelServer) -> None:
    """Each persona is asked once, with its own point of view."""
    out = await create_brainstorm(model=model).ainvoke(TOPIC)
    assert [section.id for section in out["sections"]] == ["user", "maker", "sceptic", "outsider", "payer"]
    assert len({request.prompt for request in server.requests}) == 5


word = st.sampled_from(["boat", "bridge", "river", "lamp", "paper", "garden"])
proposal_strategy = st.builds(
    Proposal, word, st.lists(word, min_size=1, max_size=4).map(" ".join), st.sampled_from("abc")
)


@given(st.lists(proposal_strategy, max_size=8))
def test_no_idea_and_no_proposer_is_lost(proposals: list[Proposal]) -> None:
    """Each wording and each author is in an idea; novelty is from 0 to 1."""
    ideas = unite_ideas(proposals)
    assert {proposal.text for proposal in proposals} == {
        text for idea in ideas for text in (idea.text, *idea.others)
    }
    assert {proposal.by for proposal in proposals} == {by for idea in ideas for by in idea.by}
    assert all(0 <= idea.novelty <= 1 for idea in ideas)
    assert len(unite_ideas([*proposals, *proposals])) == len(ideas)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_ideas": 0}, "max_ideas is 0"),
        ({"min_similarity": 0}, "min_similarity is 0"),
        ({"personas": {}}, "personas is empty"),
        ({"personas": ["a"]}, r"personas is \['a'\]; expected a mapping"),
        ({"proposers": Roster(1, models=["openai:x", "openai:y"])}, "some would never be used"),
        ({"proposers": Roster(models=["openai:x"]), "model": "openai:y"}, "not both"),
        ({"prompts": {"propse": "x"}}, "choose from choose, propose"),
    ],
    ids=readable,
)
def test_invalid_arguments_are_rejected(arguments: dict[str, Any], message: str) -> None:
    """The error is raised when the graph is built."""
    with pytest.raises(errors.UsageError, match=message):
        create_brainstorm(**arguments)
