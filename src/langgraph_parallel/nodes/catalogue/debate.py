"""A debate while it runs: what each has said, who is shown what, and whether anybody still changes."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.vote.ballots import BallotParser
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.records import Ballot, Branch, Section, Tally, Turn
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.rules import Rule

Round = Mapping[str, Ballot]
"""The ballots of one round, by debater."""


class Debate:
    """What is the same in all rounds of a debate.

    Args:
        debaters: their names, in order.
        reading: how a ballot is read out of an answer.
        rule: what decides in the end.
        rounds: how many there are at most.
    """

    def __init__(self, debaters: Sequence[str], reading: BallotParser, rule: Rule, rounds: int) -> None:
        self._debaters, self._reading, self._rule, self._rounds = debaters, reading, rule, rounds

    def opening(self, question: str) -> list[Section]:
        """The first round: nobody sees anybody."""
        return [self._section(one, 1, question, "open", "", "") for one in self._debaters]

    def next_round(self, gathered: Gathered) -> list[Section]:
        """Everybody once more, unless nobody would change anything."""
        number = gathered.last_round + 1
        heard = [self._ballots(gathered, i) for i in range(number)]
        if number >= self._rounds or _is_settled(heard):
            return []
        last = _standing(heard)
        if len(last) < 2:
            return []
        question = gathered.given["question"]
        return [
            self._section(
                one,
                number + 1,
                question,
                "revise",
                _shown(last[one]) if one in last else "You have not answered yet.",
                _others(last, one, number),
            )
            for one in self._debaters
        ]

    def most(self, sections: Sequence[Section]) -> list[Section]:
        """All later rounds."""
        texts = [section.content for section in sections[:1]]
        return [
            self._section(one, number, text, "revise", "", "").model_copy(
                update={"needs": [f"{other}/{number - 1}" for other in self._debaters]}
            )
            for text in texts
            for number in range(2, self._rounds + 1)
            for one in self._debaters
        ]

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """The verdict on the last ballots, and the transcript."""
        heard = [self._ballots(gathered, i) for i in range(gathered.last_round + 1)]
        last = {**heard[0], **_standing(heard)}
        ballots = Tally.of(last.values())
        return {
            "verdict": self._rule(ballots),
            "ballots": list(ballots.in_order()),
            "transcript": [turn for turns in _turns(heard) for turn in turns],
        }

    def _section(self, debater: str, number: int, question: str, kind: str, own: str, others: str) -> Section:
        return Section(
            id=f"{debater}/{number}",
            title=f"{debater}, round {number}",
            content=question,
            worker=f"{kind}/{debater}",
            data={"debater": debater, "question": question, "own": own, "others": others},
        )

    def _ballots(self, gathered: Gathered, number: int) -> dict[str, Ballot]:
        made = {}
        for order, debater in enumerate(self._debaters):
            branch: Branch | None = gathered.branches.get(f"{debater}/{number + 1}")
            if branch is not None:
                ballot = self._reading.ballot(branch)
                made[debater] = ballot.model_copy(update={"voter": debater, "order": order})
        return made


def _standing(heard: Sequence[Round]) -> dict[str, Ballot]:
    """The last ballot that each has cast."""
    last: dict[str, Ballot] = {}
    for ballots in heard:
        last |= {debater: ballot for debater, ballot in ballots.items() if ballot.cast}
    return last


def _is_settled(heard: Sequence[Round]) -> bool:
    """Whether all agree, or nobody has changed in the last round."""
    now = {debater: canonical(ballot.choice) for debater, ballot in _standing(heard).items()}
    if len(set(now.values())) == 1 and len(now) == len(heard[0]):
        return True
    before = {debater: canonical(ballot.choice) for debater, ballot in _standing(heard[:-1]).items()}
    return len(heard) > 1 and now == before


def _shown(ballot: Ballot) -> str:
    return "\n".join(part for part in (as_text(ballot.choice), ballot.rationale) if part)


def _others(last: Round, debater: str, number: int) -> str:
    """The other answers under letters, in an order that says nothing about who gave them."""
    others = [ballot for one, ballot in last.items() if one != debater]
    random.Random(f"{debater} {number}").shuffle(others)  # noqa: S311
    return "\n\n".join(f"Participant {chr(65 + i % 26)}: {_shown(b)}" for i, b in enumerate(others))


def _turns(heard: Sequence[Round]) -> list[list[Turn]]:
    made = []
    for number, ballots in enumerate(heard, 1):
        before = _standing(heard[: number - 1])
        made.append(
            [
                Turn(
                    round=number,
                    debater=debater,
                    choice=ballot.choice if ballot.cast else None,
                    argument=ballot.rationale or "",
                    changed=ballot.cast
                    and debater in before
                    and canonical(before[debater].choice) != canonical(ballot.choice),
                )
                for debater, ballot in ballots.items()
            ]
        )
    return made
