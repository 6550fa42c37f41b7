"""Votes whose true answer is known, and what they say about each voter."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Tally
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import Ballots, as_tally, usable

Labelled = tuple[Ballots, JsonValue]
"""The ballots on one question, and its true answer."""


class GradedVote(NamedTuple):
    """The ballots on one question, compared with its true answer."""

    tally: Tally
    truth: str
    """Canonical key of the true answer."""
    said: Mapping[str, str]
    """Canonical key of each voter's choice, for ballots that count and that no fallback gave."""

    def is_right(self, voter: str) -> bool:
        """Return whether a voter gave the true answer; False without a ballot."""
        return self.said.get(voter) == self.truth


class TrackRecord(NamedTuple):
    """How often a voter was right."""

    hits: int = 0
    ballots: int = 0

    @property
    def accuracy(self) -> float:
        """Smoothed by one hit and one miss, so that the log-odds of a perfect record are finite."""
        return (self.hits + 1) / (self.ballots + 2)


def grade_history(history: Iterable[Labelled]) -> list[GradedVote]:
    """Grade the ballots on each question.

    Raises:
        UsageError: None is a true answer, or the history does not hold pairs.
    """
    try:
        return [_grade(ballots, truth) for ballots, truth in history]
    except UsageError:
        raise
    except (TypeError, ValueError):
        raise UsageError("the history must hold pairs: (ballots, true answer)") from None


def _grade(ballots: Ballots, truth: JsonValue) -> GradedVote:
    if truth is None:
        raise UsageError("the history has None as a true answer; leave out votes without a true answer")
    tally = as_tally(ballots)
    own = (ballot for ballot in usable(tally) if not ballot.instead_of)
    return GradedVote(tally, canonical(truth), {ballot.voter: canonical(ballot.choice) for ballot in own})


def track_records(graded: Iterable[GradedVote]) -> dict[str, TrackRecord]:
    """Return the record of each voter, in the order of first appearance."""
    records: dict[str, TrackRecord] = {}
    for vote in graded:
        for voter, key in vote.said.items():
            hits, ballots = records.get(voter, TrackRecord())
            records[voter] = TrackRecord(hits + (key == vote.truth), ballots + 1)
    return records


def best_voter(records: Mapping[str, TrackRecord]) -> str:
    """Return the voter with the most hits; of equal ones the one with the fewest misses, then the first.

    Hits are counted over all questions: a voter that answers few of them is not the best one to ask alone.
    """
    return max(records, key=lambda voter: (records[voter].hits, -records[voter].ballots))


def in_folds(graded: Sequence[GradedVote], folds: int) -> list[tuple[list[GradedVote], Sequence[GradedVote]]]:
    """Split votes for cross-validation: for each fold all others, and the fold.

    Every n-th vote is in a fold, so that all of them cover the whole of a history that is in order of time.
    """
    return [
        ([vote for i, vote in enumerate(graded) if i % folds != fold], graded[fold::folds])
        for fold in range(min(folds, len(graded)))
    ]
