"""Recorded answers as numbers: the truth is 0, other answers are counted up, no answer is `NONE`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from langgraph_parallel.reducers.votes.track_record import GradedVote

NONE = -1
RIGHT = 0

Row = Sequence[int]
"""The answer of each voter to one question."""


@dataclass(frozen=True)
class Answers:
    """The answers of all voters to all questions.

    Attributes:
        voters: in the order of first appearance.
        rows: one for each question.
    """

    voters: Sequence[str]
    rows: Sequence[Row]

    @classmethod
    def of(cls, graded: Iterable[GradedVote]) -> "Answers":
        """Number the answers."""
        listed = list(graded)
        voters = list(dict.fromkeys(voter for vote in listed for voter in vote.said))
        return cls(voters, [_row(vote, voters) for vote in listed])

    def column(self, voter: int) -> list[bool]:
        """Return whether a voter was right, for each question."""
        return [row[voter] == RIGHT for row in self.rows]

    def share(self, voter: int) -> float:
        """Return the share of questions that a voter answered right."""
        return sum(self.column(voter)) / len(self.rows)


def _row(vote: GradedVote, voters: Sequence[str]) -> Row:
    numbers: dict[str, int] = {vote.truth: RIGHT}
    return [
        numbers.setdefault(vote.said[voter], len(numbers)) if voter in vote.said else NONE for voter in voters
    ]


def choose(row: Row, seats: Iterable[int], weights: Mapping[int, float]) -> int:
    """Return the answer with the greatest weight behind it, of equal ones the earliest seat's.

    `NONE` if no voter in a seat gave an answer.
    """
    support: dict[int, float] = {}
    for seat in seats:
        if (answer := row[seat]) != NONE:
            support[answer] = support.get(answer, 0.0) + weights[seat]
    return max(support, key=support.__getitem__) if support else NONE
