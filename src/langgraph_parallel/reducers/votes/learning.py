"""Learning weights: a blend of weightings, by how well each explains held-out answers.

How sharply weights should rise with accuracy depends on how voters err. If their errors are independent, or
scatter over many wrong answers, a weak voter adds evidence; if they coincide, it adds little, and weights
must be sharper. A history of 50 labels cannot tell which weighting is best, so they are not chosen but
blended: each counts by the likelihood of held-out true answers, times a prior (Bayesian model averaging:
Hoeting and others, Statistical Science 14, 1999).

What is blended are log-odds, so the sum of weights behind an answer says how likely it is to be right. The
voter that looks best is followed unless another answer is several times as likely.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from langgraph_parallel.reducers.votes.track_record import (
    GradedVote,
    TrackRecord,
    best_voter,
    in_folds,
    track_records,
)

FLOOR = 0.05
"""Least log-odds: a voter that is not better than chance still breaks ties."""
FOLDS = 5

_CHOICES = (2, 5)
_SHARPNESS = (0.0, 1.0, 2.0, 3.0, 4.0)
_SCALES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Log-odds that the greatest weight may stand for."""
_LIKELY_SHARPNESS, _SHARPNESS_DECAY = 2.5, 1.0
_LIKELY_SCALE = 2.0
_MOST = 1000
"""Votes that are enough to tell weightings apart; of more, evenly spaced ones are looked at."""
_ODDS, _FEW = 3.0, 50
"""How many times as likely another answer must be to outvote the best voter, up to so many labels."""


class Weighting(NamedTuple):
    """A way to turn track records into weights."""

    choices: int
    """K: the log-odds of an accuracy p are log(p (K - 1) / (1 - p))."""
    sharpness: float
    """Exponent of the log-odds; 0 gives all voters the same weight, the majority."""

    def weights(self, records: Mapping[str, TrackRecord]) -> dict[str, float]:
        """Return weights by voter, of which the best voter's is the greatest, 1; empty without a record."""
        if not records:
            return {}
        raw = {voter: log_odds(record, self.choices) ** self.sharpness for voter, record in records.items()}
        greatest, best = max(raw.values()), best_voter(records)
        return {voter: weight / greatest for voter, weight in raw.items()} | {best: 1.0}

    @property
    def log_prior(self) -> float:
        """Falls with the squared distance, in powers of two, from the likeliest sharpness."""
        return -_SHARPNESS_DECAY * math.log2(max(self.sharpness, 0.5) / _LIKELY_SHARPNESS) ** 2


class Blend(NamedTuple):
    """Weightings, and what they are worth."""

    scales: Mapping[Weighting, float]
    """Log-odds that the greatest weight of each stands for, times its share; all are summed."""
    lead: float = 0.0
    """Log-odds that the best voter has beside its own: the least by which it can be outvoted.

    With few labels some of the others look better than they are, and a panel in which they outvote the best
    voter wrongly is worse than this voter alone.
    """


def log_odds(record: TrackRecord, choices: int) -> float:
    """Return log(p (K - 1) / (1 - p)) of the smoothed accuracy, at least `FLOOR`."""
    return max(FLOOR, math.log(record.accuracy * (choices - 1) / (1 - record.accuracy)))


def blended(blend: Blend, records: Mapping[str, TrackRecord]) -> dict[str, float]:
    """Return the blend of the weights, by voter, the greatest first, which is 1."""
    if not records:
        return {}
    totals = dict.fromkeys(records, 0.0)
    for weighting, scale in blend.scales.items():
        for voter, weight in weighting.weights(records).items():
            totals[voter] += scale * weight
    totals[best_voter(records)] += blend.lead
    greatest = max(totals.values())
    return {voter: total / greatest for voter, total in sorted(totals.items(), key=lambda item: -item[1])}


def learn_blend(graded: Sequence[GradedVote], choices: int | None = None) -> Blend:
    """Weigh weightings by the likelihood of true answers in each fifth, with records of the other four.

    The likelihood of an answer is the softmax of its support over all answers to the question.

    Args:
        graded: the history.
        choices: K of all weightings; None to try several.
    """
    weightings = [Weighting(*shape) for shape in product((choices,) if choices else _CHOICES, _SHARPNESS)]
    looked_at = graded[:: -(-len(graded) // _MOST) or 1]
    folds = [(track_records(others), _contested(fold)) for others, fold in in_folds(looked_at, FOLDS)]
    scores = {
        (weighting, scale): weighting.log_prior - math.log(scale / _LIKELY_SCALE) ** 2 / 2 + likelihood
        for weighting in weightings
        for scale, likelihood in zip(_SCALES, _log_likelihoods(weighting, folds), strict=True)
    }
    greatest = max(scores.values())
    shares = {shape: math.exp(score - greatest) for shape, score in scores.items()}
    total = sum(shares.values())
    scales = dict.fromkeys(weightings, 0.0)
    for (weighting, scale), share in shares.items():
        scales[weighting] += scale * share / total
    return Blend(scales, math.log(_ODDS) * min(1.0, math.sqrt(_FEW / (len(graded) or 1))))


_Fold = tuple[Mapping[str, TrackRecord], Sequence[Sequence[Sequence[str]]]]
"""Track records, and for each question the voters behind each answer, the true one first."""


def _contested(graded: Iterable[GradedVote]) -> list[Sequence[Sequence[str]]]:
    """Return the votes that tell weightings apart: several answers, and the true one among them."""
    contested: list[Sequence[Sequence[str]]] = []
    for vote in graded:
        behind: dict[str, list[str]] = {vote.truth: []}
        for voter, key in vote.said.items():
            behind.setdefault(key, []).append(voter)
        if len(behind) > 1 and behind[vote.truth]:
            contested.append(list(behind.values()))
    return contested


def _log_likelihoods(weighting: Weighting, folds: Iterable[_Fold]) -> list[float]:
    """Return the likelihood at each scale."""
    totals = [0.0] * len(_SCALES)
    for records, contested in folds:
        weights = weighting.weights(records)
        least = min(weights.values(), default=1.0)
        for groups in contested:
            right, *wrong = [sum(weights.get(voter, least) for voter in voters) for voters in groups]
            gaps = [support - right for support in wrong]
            for i, scale in enumerate(_SCALES):
                totals[i] -= _log_sum_with_zero(gap * scale for gap in gaps)
    return totals


def _log_sum_with_zero(exponents: Iterable[float]) -> float:
    """Return log(1 + sum of exp(x))."""
    listed = list(exponents)
    greatest = max(0.0, *listed)
    return greatest + math.log(math.exp(-greatest) + sum(math.exp(x - greatest) for x in listed))
