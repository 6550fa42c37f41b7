"""How a panel of some of the voters decides, learned from some of the questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from langgraph_parallel.reducers.votes.learning import Blend, blended
from langgraph_parallel.reducers.votes.panels.answers import NONE, RIGHT, Answers, Row, choose
from langgraph_parallel.reducers.votes.track_record import TrackRecord

PanelRule = Literal["majority", "weighted"]
FOLDS = 5

Rows = Sequence[Row]
ByFold = Sequence[Sequence[bool]]
"""Whether a panel was right about each held-out question, by fold."""


def in_folds(rows: Rows) -> list[tuple[Rows, Rows]]:
    """Split questions for cross-validation: for each fold all others, and the fold (every fifth question)."""
    folds = range(min(FOLDS, len(rows)))
    return [([row for i, row in enumerate(rows) if i % FOLDS != fold], rows[fold::FOLDS]) for fold in folds]


@dataclass(frozen=True)
class Deciding:
    """The rule of a panel, with what some questions say about voters.

    Attributes:
        blend: of weightings, under `weighted`; None under `majority`.
        records: of all voters, in their order.
    """

    blend: Blend | None
    records: Sequence[TrackRecord]

    @classmethod
    def learn(cls, blend: Blend | None, rows: Rows, voters: int) -> "Deciding":
        """Learn from questions."""
        return cls(blend, [_record(rows, seat) for seat in range(voters)])

    def best_first(self, seats: Sequence[int]) -> list[int]:
        """Order voters by right answers; equal ones by fewer misses, then as they are."""
        return sorted(seats, key=lambda seat: (-self.records[seat].hits, self.records[seat].ballots))

    def weights(self, seats: Sequence[int]) -> Mapping[int, float]:
        """Return the weights of a panel of these voters."""
        if self.blend is None:
            return dict.fromkeys(seats, 1.0)
        named = {str(seat): self.records[seat] for seat in seats}
        return {int(seat): weight for seat, weight in blended(self.blend, named).items()}

    def are_right(self, seats: Sequence[int], rows: Rows) -> list[bool]:
        """Return whether the panel answers each question right."""
        weights = self.weights(seats)
        return [choose(row, seats, weights) == RIGHT for row in rows]


def _record(rows: Rows, seat: int) -> TrackRecord:
    said = [row[seat] for row in rows if row[seat] != NONE]
    return TrackRecord(said.count(RIGHT), len(said))


def cross_validated(answers: Answers, seats: Sequence[int], blend: Blend | None) -> ByFold:
    """Return whether a panel is right, with weights learned from the other folds."""
    voters = len(answers.voters)
    return [
        Deciding.learn(blend, others if blend else (), voters).are_right(seats, fold)
        for others, fold in in_folds(answers.rows)
    ]


def flat(by_fold: ByFold) -> list[bool]:
    """Return the answers of all folds."""
    return [is_right for fold in by_fold for is_right in fold]
