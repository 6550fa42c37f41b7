"""Calibration: weights of voters, learned from ballots whose true answer is known."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from langgraph_parallel.arguments import above_zero, at_least, checked
from langgraph_parallel.counted import count
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.base import Record
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.learning import (
    FLOOR,
    FOLDS,
    Blend,
    Weighting,
    blended,
    learn_blend,
    log_odds,
)
from langgraph_parallel.reducers.votes.rules import majority, weighted
from langgraph_parallel.reducers.votes.track_record import (
    GradedVote,
    Labelled,
    TrackRecord,
    best_voter,
    grade_history,
    in_folds,
    track_records,
)

__all__ = ["FLOOR", "Calibration", "Labelled", "calibrate"]

_MAX_SHARPNESS = 10
_CLEAR = 1.5
"""Standard errors by which the best voter must be ahead of the panel to decide alone."""


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
    majority_accuracy: float | None = None
    """Share of all questions that the majority answered right; None in files of earlier versions."""
    best_alone: bool = False
    """Whether the best voter should decide alone.

    In cross-validation, the voter that looked best was ahead of the panel by more than 1.5 standard errors.
    """

    @property
    def advice(self) -> str:
        """A sentence that says whether to ask the panel or the best voter."""
        panel, best = f"{self.panel_accuracy:.1%}", f"{self.best_accuracy:.1%}"
        if self.best_alone:
            return (
                f"{self.best} alone is right more often ({best}) than the weighted panel ({panel}): ask it."
            )
        if self.panel_accuracy >= self.best_accuracy:
            return f"The weighted panel ({panel}) is right at least as often as {self.best} alone ({best})."
        return (
            f"The weighted panel ({panel}) is not clearly worse than {self.best}, which looks best on the "
            f"same {count(self.questions, 'question')} ({best}): label more questions to tell them apart."
        )

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
def calibrate(
    history: Iterable[Labelled], *, choices: int | None = None, sharpness: float | None = None
) -> Calibration:
    """Learn the weight of each voter.

    With p = (hits + 1) / (n + 2) of n ballots cast and K choices, the log-odds of a voter are
    log(p (K - 1) / (1 - p)), at least 0.05, and its weight is a power of them. Exponent 1 is optimal for
    voters that err independently of each other (Nitzan and Paroush, 1982); 0 is the majority, and the greater
    it is, the more the best voters decide. Models err together, and how much depends on the questions: so the
    exponent and K are learned. Weightings are blended by how well they explain held-out answers within the
    history, and so is how much evidence their weights are. The voter that looks best is followed unless
    another answer is, with up to 50 labels, at least three times as likely to be right; with more labels less
    is asked for. If it was right clearly more often than the panel, it decides alone, and the others only
    where it gives no answer.

    Args:
        history: ballots and the true answer of each question, compared as rules compare choices. Ballots that
            the fallback of a voter gave teach nothing about it, and are left out.
        choices: K, at least 2; 2 for answers that are either right or wrong. None to learn it, or 2 if
            `sharpness` is given.
        sharpness: the exponent, in (0, 10], for weights of one exponent, without a lead. None to learn it.

    Raises:
        UsageError: `choices` or `sharpness` is out of range; or the history has no cast ballot, has None as a
            true answer, or does not hold pairs.
    """
    if choices is not None:
        at_least(choices, "choices", 2)
    if sharpness is not None:
        above_zero(sharpness, "sharpness", _MAX_SHARPNESS)
    graded = grade_history(history)
    records = track_records(graded)
    if not records:
        raise UsageError("the history has no cast ballot; pass votes in which voters gave choices")
    blend = (
        learn_blend(graded, choices)
        if sharpness is None
        else Blend({Weighting(choices or 2, sharpness): 1.0})
    )
    panel, alone = _cross_validate(graded, blend)
    weights = blended(blend, records) if sharpness is None else _raw_weights(records, choices or 2, sharpness)
    best = best_voter(records)
    best_alone = _is_clearly_better(alone, panel)
    return Calibration(
        weights=_let_decide(best, weights) if best_alone and sharpness is None else weights,
        accuracy={voter: records[voter].accuracy for voter in weights},
        questions=len(graded),
        best=best,
        best_accuracy=records[best].hits / len(graded),
        panel_accuracy=sum(panel) / len(graded),
        majority_accuracy=sum(map(_is_right, [majority()] * len(graded), graded)) / len(graded),
        best_alone=best_alone,
    )


def _raw_weights(records: Mapping[str, TrackRecord], choices: int, sharpness: float) -> dict[str, float]:
    weights = {voter: log_odds(record, choices) ** sharpness for voter, record in records.items()}
    return dict(sorted(weights.items(), key=lambda item: -item[1]))


def _let_decide(best: str, weights: Mapping[str, float]) -> dict[str, float]:
    """Return weights of which the best voter's outweighs all others together."""
    others = {voter: weight for voter, weight in weights.items() if voter != best}
    scale = 0.5 / (sum(others.values()) or 1.0)
    return {best: 1.0} | {voter: weight * scale for voter, weight in others.items()}


def _weighted_rule(weights: Mapping[str, float]) -> weighted:
    return weighted(weights, others=min(weights.values(), default=FLOOR))


def _is_right(rule: majority | weighted, vote: GradedVote) -> bool:
    return canonical(rule(vote.tally).choice) == vote.truth


def _cross_validate(graded: Sequence[GradedVote], blend: Blend) -> tuple[list[bool], list[bool]]:
    """Return whether the panel and the voter that looked best were right, learned from the other folds."""
    panel, alone = [], []
    for training, held_out in in_folds(graded, FOLDS):
        records = track_records(training)
        rule = _weighted_rule(blended(blend, records))
        best = best_voter(records) if records else ""
        panel += [_is_right(rule, vote) for vote in held_out]
        alone += [vote.is_right(best) for vote in held_out]
    return panel, alone


def _is_clearly_better(first: Sequence[bool], second: Sequence[bool]) -> bool:
    """Return whether the first was right more often, beyond chance (McNemar, Psychometrika 12, 1947)."""
    ahead = sum(a and not b for a, b in zip(first, second, strict=True))
    behind = sum(b and not a for a, b in zip(first, second, strict=True))
    return ahead - behind > _CLEAR * math.sqrt(ahead + behind)
