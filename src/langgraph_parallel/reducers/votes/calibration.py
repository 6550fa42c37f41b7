"""Calibration: weights of voters, learned from ballots whose true answer is known."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import JsonValue, ValidationError

from langgraph_parallel.arguments import above_zero, at_least, checked
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Tally
from langgraph_parallel.records.base import Record
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import Ballots, as_tally, usable
from langgraph_parallel.reducers.votes.rules import weighted

FLOOR = 0.05
"""Least log-odds: a voter that is not better than chance still breaks ties."""
_FOLDS = 5
_MAX_SHARPNESS = 10

Labelled = tuple[Ballots, JsonValue]
"""The ballots on one question, and its true answer."""


class Calibration(Record):
    """Weights and accuracies of voters, learned from a history of votes."""

    weights: dict[str, float]
    """Weight by voter, the greatest first."""
    accuracy: dict[str, float]
    """Smoothed share of right answers among a voter's cast ballots: (hits + 1) / (ballots + 2)."""
    questions: int
    best: str
    """The voter that is right most often."""
    best_accuracy: float
    """Share of all questions that `best` answered right; without a cast ballot it missed the question."""
    panel_accuracy: float
    """Share of all questions that the weighted panel answered right, by 5-fold cross-validation."""

    @property
    def best_alone(self) -> bool:
        """Whether the best voter is right more often than the panel."""
        return self.best_accuracy > self.panel_accuracy

    @property
    def advice(self) -> str:
        """A sentence that says whether to ask the panel or the best voter."""
        panel, best = f"{self.panel_accuracy:.1%}", f"{self.best_accuracy:.1%}"
        if self.best_alone:
            return (
                f"{self.best} alone is right more often ({best}) than the weighted panel ({panel}): ask it."
            )
        return f"The weighted panel ({panel}) is right at least as often as {self.best} alone ({best})."

    def rule(self) -> weighted:
        """Return the rule with these weights; a voter that is not in the history gets the least of them."""
        return _weighted_rule(self.weights)

    def save(self, path: str | Path) -> None:
        """Write the calibration to a JSON file."""
        Path(path).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a calibration that `save` wrote.

        Raises:
            UsageError: the file cannot be read, or does not hold a calibration.
        """
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except (OSError, TypeError, ValidationError) as error:
            problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise UsageError(f"{str(path)!r} is not a calibration: {problem}") from None


@checked
def calibrate(history: Iterable[Labelled], *, choices: int = 2, sharpness: float = 2.0) -> Calibration:
    """Learn the weight of each voter.

    With p = (hits + 1) / (n + 2) of n ballots cast and K choices, the weight is log(p (K - 1) / (1 - p)), at
    least 0.05, to the power of `sharpness`. Exponent 1 is optimal for voters that err independently of each
    other (Nitzan and Paroush, 1982). Models err together, so that more weak voters add less than they seem
    to; on recorded panels an exponent of 2 was right more often, with fewer ballots.

    Args:
        history: ballots and the true answer of each question, compared as rules compare choices. Ballots that
            the fallback of a voter gave teach nothing about it, and are left out.
        choices: K, at least 2; 2 for answers that are either right or wrong.
        sharpness: the exponent, in (0, 10].

    Raises:
        UsageError: `choices` or `sharpness` is out of range; or the history has no cast ballot, has None as a
            true answer, or does not hold pairs.
    """
    at_least(choices, "choices", 2)
    above_zero(sharpness, "sharpness", _MAX_SHARPNESS)
    graded = _grade_history(history)
    records = _track_records(graded)
    if not records:
        raise UsageError("the history has no cast ballot; pass votes in which voters gave choices")
    weights = _weights(records, choices, sharpness)
    # Over all questions: a voter that answers few of them is not the best one to ask alone.
    hits = {voter: sum(vote.is_right.get(voter, False) for vote in graded) for voter in weights}
    best = max(weights, key=lambda voter: (hits[voter], weights[voter]))
    return Calibration(
        weights=weights,
        accuracy={voter: records[voter].accuracy for voter in weights},
        questions=len(graded),
        best=best,
        best_accuracy=hits[best] / len(graded),
        panel_accuracy=_cross_validated_hits(graded, choices, sharpness) / len(graded),
    )


class _GradedVote(NamedTuple):
    tally: Tally
    truth: str
    """Canonical key of the true answer."""
    is_right: Mapping[str, bool]
    """By voter, for ballots that count."""


class _TrackRecord(NamedTuple):
    hits: int = 0
    ballots: int = 0

    @property
    def accuracy(self) -> float:
        """Smoothed by one hit and one miss, so that the log-odds of a perfect record are finite."""
        return (self.hits + 1) / (self.ballots + 2)


def _grade_history(history: Iterable[Labelled]) -> list[_GradedVote]:
    try:
        return [_grade(ballots, truth) for ballots, truth in history]
    except UsageError:
        raise
    except (TypeError, ValueError):
        raise UsageError("the history must hold pairs: (ballots, true answer)") from None


def _grade(ballots: Ballots, truth: JsonValue) -> _GradedVote:
    if truth is None:
        raise UsageError("the history has None as a true answer; leave out votes without a true answer")
    tally, key = as_tally(ballots), canonical(truth)
    own = [ballot for ballot in usable(tally) if not ballot.instead_of]
    return _GradedVote(tally, key, {ballot.voter: canonical(ballot.choice) == key for ballot in own})


def _track_records(graded: Iterable[_GradedVote]) -> dict[str, _TrackRecord]:
    records: dict[str, _TrackRecord] = {}
    for vote in graded:
        for voter, is_right in vote.is_right.items():
            hits, ballots = records.get(voter, _TrackRecord())
            records[voter] = _TrackRecord(hits + is_right, ballots + 1)
    return records


def _weights(records: Mapping[str, _TrackRecord], choices: int, sharpness: float) -> dict[str, float]:
    weights = {}
    for voter, record in records.items():
        odds = record.accuracy * (choices - 1) / (1 - record.accuracy)
        weights[voter] = max(FLOOR, math.log(odds)) ** sharpness
    return dict(sorted(weights.items(), key=lambda item: -item[1]))


def _weighted_rule(weights: Mapping[str, float]) -> weighted:
    return weighted(weights, others=min(weights.values(), default=FLOOR))


def _cross_validated_hits(graded: Sequence[_GradedVote], choices: int, sharpness: float) -> int:
    """Return how many questions the panel answers right, with weights learned without their fold."""
    hits = 0
    for fold in range(_FOLDS):
        training = [vote for i, vote in enumerate(graded) if i % _FOLDS != fold]
        rule = _weighted_rule(_weights(_track_records(training), choices, sharpness))
        hits += sum(canonical(rule(vote.tally).choice) == vote.truth for vote in graded[fold::_FOLDS])
    return hits
