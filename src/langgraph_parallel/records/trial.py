"""What a stop would have made of votes whose ballots are all known."""

from pydantic import NonNegativeInt

from langgraph_parallel.records.base import Record


class Trial(Record):
    """One stop, over one vote or many. Trials of the same stop add up."""

    stop: str
    votes: NonNegativeInt
    voters: NonNegativeInt
    """All of them, over all votes."""
    calls: NonNegativeInt
    """Those whom it would have asked."""
    rounds: NonNegativeInt
    """The waves in which it would have asked them."""
    same: NonNegativeInt
    """Votes in which it would have come to the choice of everybody."""
    right: NonNegativeInt | None = None
    """Votes in which that choice is the true one; None where the truth of some is not known."""

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
        """The share of calls that it would have saved, 0 to 1."""
        return 1 - self.calls / self.voters if self.voters else 0.0
