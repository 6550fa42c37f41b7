"""Brainstorm: several personas propose ideas, similar ideas are united, and the personas vote."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from langgraph_parallel.arguments import above_zero, at_least, check_named
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.inputs import require_text
from langgraph_parallel.nodes.work.roster import Roster, require_models
from langgraph_parallel.nodes.work.workers import WorkerLike
from langgraph_parallel.prompts import Prompt, list_prompts, load_prompt
from langgraph_parallel.records import Idea, Section, Support
from langgraph_parallel.reducers.joins.ideas import Proposal, unite_ideas
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike


class ProposedIdea(BaseModel):
    """One idea."""

    title: str = Field(description="A few words.")
    idea: str = Field(description="What is done, for whom, and how it begins: two or three sentences.")


class Proposals(BaseModel):
    """Ideas on the topic."""

    ideas: list[ProposedIdea]


class ChosenIdeas(BaseModel):
    """Numbers of ideas."""

    reason: str = Field("", description="What speaks for them, in a sentence.")
    numbers: list[int]


SCHEMAS: Mapping[str, type[BaseModel]] = {"propose": Proposals, "choose": ChosenIdeas}
"""The schema of a persona's answer, by prompt."""


class BrainstormSteps:
    """Collects ideas, unites similar ones, and ranks them.

    Args:
        personas: points of view by name; None for those that ship.
        roster: the proposers, to whom personas are dealt out.
        model: of all proposers, unless the roster names models.
        prompts: `propose`, `choose`.
        max_ideas: maximum ideas of one proposer.
        min_similarity: minimum cosine of two proposals of one idea.
        vote: whether the proposers vote in a second round.

    Raises:
        UsageError: an argument is not valid.
    """

    def __init__(
        self,
        personas: Mapping[str, str] | None,
        roster: Roster,
        model: ModelLike | None,
        prompts: Mapping[str, Prompt],
        *,
        max_ideas: int,
        min_similarity: float,
        vote: bool,
    ) -> None:
        at_least(max_ideas, "max_ideas")
        if personas is not None:
            check_named(personas, "personas")
        above_zero(min_similarity, "min_similarity", 1)
        require_models(roster, "proposers")
        views = _load_personas() if personas is None else dict(personas)
        if not views:
            raise UsageError("personas is empty; pass {'name': 'point of view'}")
        self._max_ideas, self._min_similarity, self._vote = max_ideas, min_similarity, vote
        self._proposers = _deal_personas(views, roster)
        self.workers = self._build_workers(roster, model, prompts)

    def _build_workers(
        self, roster: Roster, model: ModelLike | None, prompts: Mapping[str, Prompt]
    ) -> dict[str, WorkerLike]:
        """Return two workers for each proposer: one proposes, one chooses."""
        workers: dict[str, WorkerLike] = {}
        for number, (name, proposer) in enumerate(self._proposers.items()):
            # The persona is what a proposer is, not its number: others are not asked the same, even with the
            # same point of view.
            role = f"You are one of {len(self._proposers)} people: the {proposer.persona}."
            line = (
                f"You are number {proposer.turn} with this point of view."
                if proposer.is_one_of_several
                else ""
            )
            for kind, schema in SCHEMAS.items():
                given = prompts[kind].fitting({"persona": proposer.view, "most": str(self._max_ideas)})
                workers[f"{kind}/{name}"] = roster.ask(
                    number, prompts[kind], line, model=model, schema=schema, given=given, role=role
                )
        return workers

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Return a section for each proposer."""
        topic = require_text(given, "topic")
        return [
            Section(id=name, title=name, content=topic, worker=f"propose/{name}", data={"topic": topic})
            for name in self._proposers
        ]

    def next_round(self, gathered: Gathered) -> Sequence[Section]:
        """Return a ballot for each proposer, with all ideas, if there is a vote and something to choose."""
        if not self._vote or gathered.last_round > 0:
            return []
        ideas = self._unite(gathered)
        if len(ideas) < 2:
            return []
        return [_ballot(name, gathered.given["topic"], ideas) for name in self._proposers]

    def later_sections(self, sections: Sequence[Section]) -> Sequence[Section]:
        """Return the ballots of the second round, whose ideas are not known yet."""
        if not self._vote:
            return []
        needs = [section.id for section in sections]
        ballots = [_ballot(section.id, section.content, []) for section in sections]
        return [ballot.model_copy(update={"needs": needs}) for ballot in ballots]

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Return the ideas, by votes if there was a vote, and the proposers without a proposal."""
        ballots = {section.title for section in gathered.sections if section.round > 0}
        missing = [title for title in gathered.missing if title not in ballots]
        return {"ideas": _rank_by_votes(gathered, self._unite(gathered)), "missing": missing}

    def _unite(self, gathered: Gathered) -> list[Idea]:
        proposals = [
            Proposal(proposed.title, proposed.idea, section.title)
            for section, value in gathered.of_round(0)
            for proposed in Proposals.model_validate(value).ideas[: self._max_ideas]
        ]
        return unite_ideas(proposals, self._min_similarity)


class _Proposer(NamedTuple):
    """Who proposes."""

    persona: str
    view: str
    turn: int
    """How often the persona was dealt out so far."""
    is_one_of_several: bool


def _deal_personas(views: Mapping[str, str], roster: Roster) -> dict[str, _Proposer]:
    """Return the proposers by name; a persona that is dealt out again gets a number."""
    sized = roster if roster.size is not None or roster.models else roster.or_size(len(views))
    size, names = max(sized.count(), len(views) if roster.size is None else 0), list(views)
    proposers = {}
    for i in range(size):
        name, turn = names[i % len(names)], i // len(names) + 1
        is_one_of_several = i % len(names) + len(names) < size
        proposers[name if turn == 1 else f"{name} {turn}"] = _Proposer(
            name, views[name], turn, is_one_of_several
        )
    return proposers


def _load_personas() -> dict[str, str]:
    """Return the shipped personas by name, in the order of the numbers in their file names."""
    files = list_prompts("brainstorm/personas")
    return {file.partition("-")[2]: load_prompt(f"brainstorm/personas/{file}").text for file in files}


def _ballot(proposer: str, topic: str, ideas: Sequence[Idea]) -> Section:
    """Return the ballot of one proposer.

    Each proposer gets the ideas in an order of its own, so that no idea gains from its position.
    """
    order = list(range(len(ideas)))
    random.Random(f"{proposer} {topic}").shuffle(order)  # noqa: S311 - reproducible, not secret
    shown = "\n".join(f"{i}. {ideas[place].title}: {ideas[place].text}" for i, place in enumerate(order, 1))
    return Section(
        id=f"vote/{proposer}",
        title=f"vote of {proposer}",
        content=shown,
        worker=f"choose/{proposer}",
        data={"topic": topic, "ideas": shown, "order": list(order)},
    )


def _rank_by_votes(gathered: Gathered, ideas: Sequence[Idea]) -> list[Idea]:
    """Return the ideas with their votes, the most voted first; unchanged if there was no vote."""
    ballots = gathered.of_round(1)
    if not ballots:
        return list(ideas)
    votes = [0] * len(ideas)
    for section, value in ballots:
        order: Any = section.data["order"]
        for number in set(ChosenIdeas.model_validate(value).numbers):
            if 1 <= number <= len(order):
                votes[order[number - 1]] += 1
    ranked = sorted(zip(ideas, votes, strict=True), key=lambda pair: -pair[1])
    return [idea.model_copy(update={"votes": Support(k=k, n=len(ballots))}) for idea, k in ranked]
