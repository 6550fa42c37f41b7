"""What voters return, and the ballots so far as one mergeable value."""

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field, JsonValue

from langgraph_parallel.records.base import Record

BallotStatus = Literal["cast", "abstained", "failed", "timed_out", "cancelled", "skipped"]


class Ballot(Record):
    """One voter's answer. Only a ballot that is `cast` counts; a failure is never a "no"."""

    voter: str
    order: int
    """The voter's place in the electorate, from 0. "Earliest" always means by this order."""
    status: BallotStatus
    choice: JsonValue = None
    said: JsonValue = None
    """The answer as the voter gave it, where normalising has changed it or could not read it."""
    weight: float = Field(1.0, ge=0, allow_inf_nan=False)
    confidence: float | None = Field(None, ge=0, le=1)
    """How sure the voter says it is, 0 to 1."""
    rationale: str = ""
    error: str | None = None
    """Why a ballot that is not cast is not cast."""
    notes: dict[str, JsonValue] = {}
    """What the voter says beside its choice; rules do not read it."""
    attempt: int = 1

    @property
    def cast(self) -> bool:
        """Whether the ballot counts."""
        return self.status == "cast"


class Tally(Record):
    """The ballots so far, keyed by voter: an idempotent, commutative monoid under `|`.

    Of two ballots of one voter the later attempt stands, so a retry or a resume never counts twice.

    >>> yes = Ballot(voter="a", order=0, status="cast", choice="yes")
    >>> len((Tally.of([yes]) | Tally.of([yes])).cast)
    1
    """

    ballots: dict[str, Ballot] = {}

    @classmethod
    def of(cls, ballots: Iterable[Ballot]) -> "Tally":
        """Collect ballots; of several by one voter the latest attempt stands."""
        merged: dict[str, Ballot] = {}
        for ballot in ballots:
            held = merged.get(ballot.voter)
            merged[ballot.voter] = ballot if held is None else max(held, ballot, key=_rank)
        return cls(ballots=merged)

    def __or__(self, other: "Tally") -> "Tally":
        return Tally.of([*self.ballots.values(), *other.ballots.values()])

    def __len__(self) -> int:
        return len(self.ballots)

    def in_order(self) -> Iterator[Ballot]:
        """All ballots by the voters' order, whichever arrived first."""
        return iter(sorted(self.ballots.values(), key=lambda b: (b.order, b.voter)))

    @property
    def cast(self) -> list[Ballot]:
        """The ballots that count, in the voters' order."""
        return [ballot for ballot in self.in_order() if ballot.cast]

    def count(self, status: BallotStatus) -> int:
        """How many ballots have this status."""
        return sum(ballot.status == status for ballot in self.ballots.values())


def _rank(ballot: Ballot) -> tuple[int, bool, str]:
    """Order two ballots of one voter: later attempt, then cast over not cast, then by content."""
    return ballot.attempt, ballot.cast, repr(ballot)
