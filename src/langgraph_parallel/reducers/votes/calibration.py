"""Weights of voters, learned from ballots whose truth is known."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from pydantic import JsonValue, ValidationError

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Tally
from langgraph_parallel.records.base import Record
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import Ballots, as_tally, usable
from langgraph_parallel.reducers.votes.rules import weighted

FLOOR = 0.05
"""The least log-odds: a voter that is no better than chance still breaks ties."""
_FOLDS = 5
_SHARPEST = 10

Labelled = tuple[Ballots, JsonValue]
"""The ballots on one question, and its true answer."""


class Calibration(Record):
    """What a history of votes says about the voters."""

    weights: dict[str, float]
    """By voter, the best first."""
    accuracy: dict[str, float]
    """Share of right answers among a voter's ballots that were cast, (hits + 1) / (ballots + 2)."""
    questions: int
    best: str
    """The voter that is right most often."""
    best_accuracy: float
    """Its share of right answers, over all questions; a question on which it cast no ballot is missed."""
    panel_accuracy: float
    """That of the weighted panel, each fifth of the questions by weights from the other four."""

    @property
    def best_alone(self) -> bool:
        """Whether the best voter does better alone than with the panel."""
        return self.best_accuracy > self.panel_accuracy

    @property
    def advice(self) -> str:
        """Which of the two to ask, in a sentence."""
        panel, best = f"{self.panel_accuracy:.1%}", f"{self.best_accuracy:.1%}"
        if self.best_alone:
            return (
                f"{self.best} alone is right more often ({best}) than the weighted panel ({panel}): ask it."
            )
        return f"The weighted panel ({panel}) is right at least as often as {self.best} alone ({best})."

    def rule(self) -> weighted:
        """The rule that decides by these weights; who is not in the history weighs as little as any."""
        return _rule(self.weights)

    def save(self, path: str | Path) -> None:
        """Write it as JSON."""
        Path(path).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` has written.

        Raises:
            UsageError: the file cannot be read, or holds something else.
        """
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except (OSError, ValidationError) as error:
            problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
            raise UsageError(f"{str(path)!r} is no calibration: {problem}") from None


def calibrate(history: Iterable[Labelled], *, choices: int = 2, sharpness: float = 2.0) -> Calibration:
    """Learn what each voter's ballot is worth.

    With p = (hits + 1) / (n + 2) of n ballots cast and K choices the weight is log(p (K - 1) / (1 - p)), at
    least 0.05, to the power of `sharpness`. Exponent 1 is the best there is for voters that err independently
    of each other (Nitzan and Paroush, 1982). Models err together, so that more weak voters add less than they
    seem to; on recorded panels an exponent of 2 was right more often, with fewer ballots.

    Args:
        history: ballots, and what the answer should have been. Compared as rules compare choices.
        choices: K; 2 for answers that are either right or wrong.
        sharpness: the exponent.

    Raises:
        UsageError: there is no ballot in the history, or a number is out of range.
    """
    if not isinstance(choices, int) or choices < 2 or not 0 < sharpness <= _SHARPEST:
        wanted = f"pass at least 2 choices, and a sharpness above 0 and up to {_SHARPEST}"
        raise UsageError(f"calibrate(choices={choices}, sharpness={sharpness}): {wanted}")
    try:
        graded = [_graded(ballots, truth) for ballots, truth in history]
    except ValueError as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError("the history holds something else than pairs of ballots and their truth") from None
    hits = _count(graded)
    if not hits:
        raise UsageError("the history has no ballot that was cast; there is nothing to learn from")
    weights = _weights(hits, choices, sharpness)
    alone = {voter: sum(right.get(voter, False) for right, _ in graded) for voter in weights}
    best = max(weights, key=lambda voter: (alone[voter], weights[voter]))
    panel = 0
    for fold in range(_FOLDS):
        others = [one for i, one in enumerate(graded) if i % _FOLDS != fold]
        rule = _rule(_weights(_count(others), choices, sharpness))
        panel += sum(
            canonical(rule(tally).choice) == truth
            for i, (_, (tally, truth)) in enumerate(graded)
            if i % _FOLDS == fold
        )
    return Calibration(
        weights=weights,
        accuracy={voter: _share(hits[voter]) for voter in weights},
        questions=len(graded),
        best=best,
        best_accuracy=alone[best] / len(graded),
        panel_accuracy=panel / len(graded),
    )


def _rule(weights: Mapping[str, float]) -> weighted:
    return weighted(weights, others=min(weights.values(), default=FLOOR))


Graded = tuple[Mapping[str, bool], tuple[Tally, str]]
"""Who was right on a question; its ballots, and the key of its true answer."""


def _graded(ballots: Ballots, truth: JsonValue) -> Graded:
    if truth is None:
        raise UsageError("the history has a truth of None, which stands for no answer")
    tally = as_tally(ballots)
    key = canonical(truth)
    return {b.voter: canonical(b.choice) == key for b in usable(tally)}, (tally, key)


def _count(graded: Iterable[Graded]) -> dict[str, tuple[int, int]]:
    counts: dict[str, tuple[int, int]] = {}
    for right, _ in graded:
        for voter, hit in right.items():
            hits, asked = counts.get(voter, (0, 0))
            counts[voter] = hits + hit, asked + 1
    return counts


def _share(counted: tuple[int, int]) -> float:
    hits, asked = counted
    return (hits + 1) / (asked + 2)


def _weights(counts: Mapping[str, tuple[int, int]], choices: int, sharpness: float) -> dict[str, float]:
    weights = {}
    for voter, counted in counts.items():
        share = _share(counted)
        weights[voter] = max(FLOOR, math.log(share * (choices - 1) / (1 - share))) ** sharpness
    return dict(sorted(weights.items(), key=lambda item: -item[1]))
