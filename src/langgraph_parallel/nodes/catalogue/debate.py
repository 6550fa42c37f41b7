"""Debate: show debaters the arguments of the others, until the debate is settled."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from langgraph_parallel.arguments import at_least
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.vote.ballots import BallotFormat, BallotParser
from langgraph_parallel.nodes.vote.panel import answer_schema
from langgraph_parallel.nodes.work.adapter import Adapter
from langgraph_parallel.nodes.work.inputs import require_text
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.nodes.work.roster import Roster
from langgraph_parallel.nodes.work.workers import SECTION_KEYS, WorkerLike
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Ballot, Section, Tally, Turn
from langgraph_parallel.reducers.canonical import canonical, check_choices
from langgraph_parallel.reducers.votes.normalise import as_normaliser
from langgraph_parallel.reducers.votes.rules import RuleLike, as_rule, ballot_form, with_candidates
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike

Round = Mapping[str, Ballot]
"""The ballots of one round, by debater."""
_OF_WORKERS = frozenset({"own", "others"})
"""What workers of the caller's find in the data of a section, besides the debater and the question."""
_NOT_YET = "You have not answered yet."


class DebateSteps:
    """The rounds and the close of a debate.

    Args:
        roster: the debaters.
        model: of all debaters, unless the roster names models.
        prompts: `open`, `revise`.
        choices: the valid answers; None for free answers.
        rule: decides on the last ballots.
        layout: the form of an answer.
        max_rounds: maximum rounds.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
    """

    def __init__(
        self,
        roster: Roster,
        model: ModelLike | None,
        prompts: Mapping[str, Prompt],
        *,
        choices: Sequence[str] | None,
        rule: RuleLike,
        layout: BallotFormat,
        max_rounds: int,
    ) -> None:
        at_least(max_rounds, "max_rounds")
        if choices is not None:
            check_choices(choices)
        self.rule, self._max_rounds = with_candidates(as_rule(rule), choices), max_rounds
        form = ballot_form(self.rule)
        if form not in ("one", "number"):
            raise UsageError(
                f"rule {self.rule.name} does not read single choices, but debaters choose one answer; use a "
                "rule of single choices, such as majority, or of numbers, such as median"
            )
        if roster.wordings:
            raise UsageError("a debate has the prompts open and revise; pass prompts= instead of wordings")
        self._parser = BallotParser(choices, layout.field, as_normaliser(layout.normalise), form)
        schema = layout.schema or answer_schema(choices, form)
        self._debaters, self.workers = _build_debaters(roster, model, prompts, schema)
        self._shown = _OF_WORKERS if roster.is_workers else prompts["revise"].variables

    @property
    def inputs(self) -> dict[str, Callable[[Section], object]]:
        """The inputs of agents, which get all of a round as one text."""
        return {name: _round_text for name, worker in self.workers.items() if isinstance(worker, Adapter)}

    def plan(self, given: Mapping[str, Any], context: Context) -> list[Section]:
        """Return the sections of the first round, in which no debater sees the others' answers."""
        question = require_text(given, "question")
        nothing = dict.fromkeys(_OF_WORKERS, "")
        return [self._section(debater, 1, question, "open", nothing) for debater in self._debaters]

    def next_round(self, gathered: Gathered) -> list[Section]:
        """Return a section for each debater, unless the debate is settled or has fewer than two answers."""
        number = gathered.last_round + 1
        rounds = self._rounds(gathered)
        answers = _last_answers(rounds)
        if number >= self._max_rounds or len(answers) < 2 or _is_settled(rounds):
            return []
        question = gathered.given["question"]
        return [
            self._section(debater, number + 1, question, "revise", self._show(answers, debater, number))
            for debater in self._debaters
        ]

    def _show(self, answers: Round, debater: str, number: int) -> dict[str, str]:
        """Return what a debater is shown of a round, as far as it is used."""
        lettered = _letters(answers, number)
        said = {
            "answers": _show_all("Answer", lettered),
            "you": _show_place(lettered, answers, debater),
            "own": _show_one(answers[debater]) if debater in answers else _NOT_YET,
            "others": _show_others(answers, debater, number),
        }
        return {name: text for name, text in said.items() if name in self._shown}

    def later_sections(self, sections: Sequence[Section]) -> list[Section]:
        """Return the sections of all later rounds, each with the answers of the round before."""
        if not sections:
            return []
        question = sections[0].content
        return [
            self._section(debater, number, question, "revise", dict.fromkeys(self._shown, "")).model_copy(
                update={"needs": [f"{other}/{number - 1}" for other in self._debaters]}
            )
            for number in range(2, self._max_rounds + 1)
            for debater in self._debaters
        ]

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Return the verdict on the last ballots, and the transcript."""
        rounds = self._rounds(gathered)
        # The first round has a ballot of every debater, including those that never gave an answer.
        tally = Tally.of({**rounds[0], **_last_answers(rounds)}.values())
        return {
            "verdict": self.rule(tally),
            "ballots": list(tally.in_order()),
            "transcript": _transcript(rounds),
        }

    def _section(
        self, debater: str, number: int, question: str, kind: str, shown: Mapping[str, str]
    ) -> Section:
        return Section(
            id=f"{debater}/{number}",
            title=f"{debater}, round {number}",
            content=question,
            worker=f"{kind}/{debater}",
            data={**shown, "debater": debater, "question": question},
        )

    def _rounds(self, gathered: Gathered) -> list[Round]:
        """Return the ballots of each round so far."""
        return [self._ballots(gathered, number) for number in range(1, gathered.last_round + 2)]

    def _ballots(self, gathered: Gathered, number: int) -> dict[str, Ballot]:
        """Return the ballots of a round, numbered from 1; a debater whose branch has not ended has none."""
        ballots = {}
        for order, debater in enumerate(self._debaters):
            branch = gathered.branches.get(f"{debater}/{number}")
            if branch is not None:
                ballot = self._parser.ballot(branch)
                ballots[debater] = ballot.model_copy(update={"voter": debater, "order": order})
        return ballots


def _build_debaters(
    roster: Roster, model: ModelLike | None, prompts: Mapping[str, Prompt], schema: type[BaseModel]
) -> tuple[list[str], dict[str, WorkerLike]]:
    """Return the names of the debaters, and two workers for each: one opens, one revises."""
    workers: dict[str, WorkerLike] = {}
    if roster.is_workers:
        members = roster.workers("debate/open", offers=SECTION_KEYS)
        for name, worker in members.items():
            workers |= {f"open/{name}": worker, f"revise/{name}": worker}
        return list(members), workers
    names = [f"#{i + 1}" for i in range(roster.count())]
    for i, name in enumerate(names):
        line = f"You are participant {i + 1} of a debate."
        for kind in ("open", "revise"):
            workers[f"{kind}/{name}"] = roster.ask(
                i, prompts[kind], line, model=model, schema=schema, instructing=["you"]
            )
    return names, workers


def _round_text(section: Section) -> str:
    """Return the question, and in later rounds the answers so far."""
    parts = {"Your last answer": section.data["own"], "The answers of the others": section.data["others"]}
    return "\n\n".join([section.content, *(f"{name}:\n\n{text}" for name, text in parts.items() if text)])


def _last_answers(rounds: Sequence[Round]) -> dict[str, Ballot]:
    """Return the last ballot that each debater has cast."""
    last: dict[str, Ballot] = {}
    for ballots in rounds:
        last |= {debater: ballot for debater, ballot in ballots.items() if ballot.cast}
    return last


def _is_settled(rounds: Sequence[Round]) -> bool:
    """Return whether all debaters agree, or none has changed its choice in the last round."""
    now = _last_choices(rounds)
    agree = len(set(now.values())) == 1 and len(now) == len(rounds[0])
    return agree or (len(rounds) > 1 and now == _last_choices(rounds[:-1]))


def _last_choices(rounds: Sequence[Round]) -> dict[str, str]:
    return {debater: canonical(ballot.choice) for debater, ballot in _last_answers(rounds).items()}


def _show_one(ballot: Ballot) -> str:
    return "\n".join(part for part in (as_text(ballot.choice), ballot.rationale) if part)


def _show_others(answers: Round, debater: str, number: int) -> str:
    """Render the answers of the others under letters, in an order that does not show who gave them."""
    others = {other: ballot for other, ballot in answers.items() if other != debater}
    return _show_all("Participant", _letters(others, f"{debater} {number}"))


def _letters(answers: Round, seed: object) -> dict[str, Ballot]:
    """Return the answers under letters, in an order that does not show who gave them."""
    order = list(answers.values())
    random.Random(str(seed)).shuffle(order)  # noqa: S311 - reproducible, not secret
    return {f"{chr(65 + i % 26)}{i // 26 or ''}": ballot for i, ballot in enumerate(order)}


def _show_all(what: str, lettered: Mapping[str, Ballot]) -> str:
    return "\n\n".join(f"{what} {letter}: {_show_one(ballot)}" for letter, ballot in lettered.items())


def _show_place(lettered: Mapping[str, Ballot], answers: Round, debater: str) -> str:
    """Return the sentence that tells a debater which answer is its own."""
    mine = [letter for letter, ballot in lettered.items() if ballot is answers.get(debater)]
    return f"Answer {mine[0]} is your own." if mine else _NOT_YET


def _transcript(rounds: Sequence[Round]) -> list[Turn]:
    """Return every turn of every round."""
    turns = []
    for number, ballots in enumerate(rounds, 1):
        before = _last_choices(rounds[: number - 1])
        turns += [
            Turn(
                round=number,
                debater=debater,
                choice=ballot.choice if ballot.cast else None,
                rationale=ballot.rationale or "",
                changed=ballot.cast and debater in before and before[debater] != canonical(ballot.choice),
            )
            for debater, ballot in ballots.items()
        ]
    return turns
