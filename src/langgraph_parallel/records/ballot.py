"""Ballots, and the tally that merges them."""

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field

from langgraph_parallel.records.base import JsonData, Record

BallotStatus = Literal["cast", "abstained", "failed", "timed_out", "cancelled", "skipped"]
"""How a voter ended. Only `cast` counts; a voter without a readable choice has `abstained`."""


class Ballot(Record):
    """The answer of one voter. Only a `cast` ballot counts; a failure is never a "no"."""

    voter: str
    """The name of the voter."""
    order: int
    """Position of the voter in the electorate, from 0. "Earliest" always refers to this order."""
    status: BallotStatus
    choice: JsonData = None
    """The normalised choice; None means no choice."""
    said: JsonData = None
    """The original answer, if normalising changed it or could not read it; else None."""
    weight: float = Field(1.0, ge=0, allow_inf_nan=False)
    """Weight stated by the voter, finite, >= 0; only the rule `weighted` reads it."""
    confidence: float | None = Field(None, ge=0, le=1)
    """Confidence stated by the voter, 0 to 1; None if it states none."""
    rationale: str = ""
    """Reason stated by the voter."""
    error: str | None = None
    """Why the ballot is not `cast`; None if it is."""
    notes: dict[str, JsonData] = {}
    """Other data from the voter; rules ignore it."""
    model: str = ""
    """Name of the model that answered, if it is a fallback; empty if it is the one that was to be asked."""
    instead_of: str = ""
    """Name of the model that was to be asked, if a fallback answered; else empty."""
    attempt: int = 1
    """The run of the voter that this ballot comes from, from 1; a redrive adds 1."""

    @property
    def cast(self) -> bool:
        """Whether the ballot counts."""
        return self.status == "cast"


class Tally(Record):
    """The ballots received so far, by voter: an idempotent, commutative monoid under `|`.

    The latest attempt of each voter counts, so a retry or a resume never counts twice.

    >>> yes = Ballot(voter="a", order=0, status="cast", choice="yes")
    >>> len((Tally.of([yes]) | Tally.of([yes])).cast_ballots)
    1
    """

    ballots: dict[str, Ballot] = {}
    """The latest ballot of each voter, by name."""

    @classmethod
    def of(cls, ballots: Iterable[Ballot]) -> "Tally":
        """Collect ballots; of several from one voter, keep the latest attempt."""
        merged: dict[str, Ballot] = {}
        for ballot in ballots:
            earlier = merged.get(ballot.voter)
            merged[ballot.voter] = ballot if earlier is None else max(earlier, ballot, key=_precedence)
        return cls(ballots=merged)

    def __or__(self, other: "Tally") -> "Tally":
        return Tally.of([*self.ballots.values(), *other.ballots.values()])

    def __len__(self) -> int:
        return len(self.ballots)

    def in_order(self) -> Iterator[Ballot]:
        """Iterate over all ballots in electorate order, not in order of arrival."""
        return iter(sorted(self.ballots.values(), key=lambda b: (b.order, b.voter)))

    @property
    def cast_ballots(self) -> list[Ballot]:
        """The ballots with status `cast`, in electorate order."""
        return [ballot for ballot in self.in_order() if ballot.cast]

    def count(self, status: BallotStatus) -> int:
        """Return the number of ballots with this status."""
        return sum(ballot.status == status for ballot in self.ballots.values())


def _precedence(ballot: Ballot) -> tuple[int, bool, str]:
    """Rank ballots of one voter: by attempt, then cast over not cast, then by content.

    Content makes the order total; without it, merging would not be commutative.
    """
    return ballot.attempt, ballot.cast, repr(ballot)
