"""Trials of a stop on votes whose ballots are all known."""

from pydantic import NonNegativeInt

from langgraph_parallel.records.base import Record


class Trial(Record):
    """What one stop would have saved, over one or more votes. Trials of the same stop can be added."""

    stop: str
    """The stop, as text."""
    votes: NonNegativeInt
    """Number of votes."""
    voters: NonNegativeInt
    """Number of voters, summed over the votes."""
    calls: NonNegativeInt
    """Number of voters that would have been asked."""
    rounds: NonNegativeInt
    """Number of waves in which they would have been asked."""
    same: NonNegativeInt
    """Number of votes whose outcome would have been that of asking all voters."""
    right: NonNegativeInt | None = None
    """Number of votes whose choice would have been the true one; None if the truth is not known for all."""

    def __add__(self, other: "Trial") -> "Trial":
        return Trial(
            stop=self.stop,
            votes=self.votes + other.votes,
            voters=self.voters + other.voters,
            calls=self.calls + other.calls,
            rounds=self.rounds + other.rounds,
            same=self.same + other.same,
            right=None if self.right is None or other.right is None else self.right + other.right,
        )

    @property
    def saved(self) -> float:
        """Share of calls that would have been saved, 0 to 1; 0 without voters."""
        return 1 - self.calls / self.voters if self.voters else 0.0
