"""A brainstorm while it runs: what was proposed, what is the same, and what people would have carried out."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.arguments import require_text
from langgraph_parallel.records import Idea, Section, Support
from langgraph_parallel.reducers.joins.ideas import Proposal, unite_ideas
from langgraph_parallel.runtime.context import Context


class _Proposed(BaseModel):
    """One idea."""

    title: str = Field(description="A few words.")
    idea: str = Field(description="What is done, for whom, and how it begins: two or three sentences.")


class _Proposals(BaseModel):
    """Ideas on the topic."""

    ideas: list[_Proposed]


class _Chosen(BaseModel):
    """Numbers of ideas."""

    reason: str = Field("", description="What speaks for them, in a sentence.")
    numbers: list[int]


SCHEMAS: Mapping[str, type[BaseModel]] = {"propose": _Proposals, "choose": _Chosen}
"""What a persona answers with, by what it is asked for."""


class Brainstorm:
    """What is the same in both rounds.

    Args:
        personas: their names.
        most: how many ideas each proposes.
        similar: cosine from which two ideas are one.
        vote: whether there is a second round.
    """

    def __init__(self, personas: Sequence[str], most: int, similar: float, *, vote: bool) -> None:
        self._personas, self._most, self._similar, self._vote = personas, most, similar, vote

    def propose(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Everybody proposes."""
        topic = require_text(given, "topic", "brainstorm")
        return [
            Section(id=one, title=one, content=topic, worker=f"propose/{one}", data={"topic": topic})
            for one in self._personas
        ]

    def choose(self, gathered: Gathered) -> Sequence[Section]:
        """Everybody chooses, of all ideas."""
        found = self._united(gathered) if self._vote and gathered.last_round == 0 else []
        return (
            [_ballot(one, gathered.given["topic"], found) for one in self._personas] if len(found) > 1 else []
        )

    def most(self, sections: Sequence[Section]) -> Sequence[Section]:
        """The second round, as far as it can be known before."""
        needs = {"needs": [section.id for section in sections]}
        ballots = [_ballot(section.id, section.content, []) for section in sections]
        return [ballot.model_copy(update=needs) for ballot in ballots] if self._vote else []

    def rank(self, gathered: Gathered) -> Mapping[str, Any]:
        """The ideas, by votes where there are any."""
        missing = [s.title for s in gathered.sections if s.round == 0 and s.id not in gathered.values]
        return {"ideas": _voted(gathered, self._united(gathered)), "missing": missing}

    def _united(self, gathered: Gathered) -> list[Idea]:
        proposals = [
            Proposal(one.title, one.idea, section.title)
            for section, value in gathered.of_round(0)
            for one in _Proposals.model_validate(value).ideas[: self._most]
        ]
        return unite_ideas(proposals, self._similar)


def _ballot(persona: str, topic: str, ideas: Sequence[Idea]) -> Section:
    """The ideas as one persona gets them: in an order of its own, so that none is favoured by its place."""
    order = list(range(len(ideas)))
    random.Random(f"{persona} {topic}").shuffle(order)  # noqa: S311
    shown = "\n".join(f"{i}. {ideas[place].title}: {ideas[place].text}" for i, place in enumerate(order, 1))
    data = {"topic": topic, "ideas": shown, "order": list(order)}
    return Section(
        id=f"vote/{persona}", title=f"vote of {persona}", content=shown, worker=f"choose/{persona}", data=data
    )


def _voted(gathered: Gathered, ideas: Sequence[Idea]) -> list[Idea]:
    ballots = gathered.of_round(1)
    if not ballots:
        return list(ideas)
    votes = [0] * len(ideas)
    for section, value in ballots:
        order: Any = section.data["order"]
        for number in set(_Chosen.model_validate(value).numbers):
            if 1 <= number <= len(order):
                votes[order[number - 1]] += 1
    counted = [
        idea.model_copy(update={"votes": Support(k=k, n=len(ballots))})
        for idea, k in zip(ideas, votes, strict=True)
    ]
    return sorted(counted, key=lambda idea: -idea.votes.k if idea.votes else 0)
