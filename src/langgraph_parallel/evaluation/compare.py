"""Comparisons of variants in pairs: from differences of scores to verdicts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from langgraph_parallel.evaluation.result import Comparison, VerdictKind
from langgraph_parallel.evaluation.statistics.intervals import Interval, mean_interval, paired_share_interval
from langgraph_parallel.evaluation.statistics.needed import Question, more_items
from langgraph_parallel.evaluation.statistics.paired import holm, mcnemar, permutation
from langgraph_parallel.evaluation.statistics.sequence import MeanSequence

_BINARY = {-1.0, 0.0, 1.0}


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is asked of a comparison.

    Attributes:
        alpha: probability that anything that is said to be known is wrong, over all comparisons.
        margin: difference of scores that does not matter.
        stopping: whether what is known must hold at every moment, not for one look at the end.
        family: number of comparisons.
    """

    alpha: float = 0.05
    margin: float = 0.0
    stopping: bool = True
    family: int = 1

    @property
    def share(self) -> float:
        """The part of `alpha` of each interval, so that all hold together (Bonferroni)."""
        return self.alpha / self.family


class Pair:
    """The scores of two variants on the same items.

    Args:
        variant: whose scores are counted as positive.
        against: whose scores are subtracted.
        terms: of the comparison.
    """

    def __init__(self, variant: str, against: str, terms: Terms) -> None:
        self.variant, self.against, self._terms = variant, against, terms
        self.orders: list[tuple[float, float]] = []
        """With a pairwise judge, what it said in both orders, from the view of `variant`."""
        self._sequence = MeanSequence(terms.share)

    @property
    def differences(self) -> Sequence[float]:
        """Of the scores, in the order of the items."""
        return self._sequence.values

    def add(self, difference: float) -> None:
        """Add the difference of an item."""
        self._sequence.add([difference])

    def test(self) -> tuple[float, str]:
        """Return the p-value of no difference, and the name of the test."""
        values = self.differences
        if self._terms.stopping:
            above, below = self._sequence.p_values()
            return above if self._sequence.mean > 0 else below, "betting"
        if {*values} <= _BINARY:
            return mcnemar(values.count(1.0), values.count(-1.0)), "McNemar"
        return permutation(values), "permutation"

    def interval(self) -> Interval:
        """Return the interval of the mean difference."""
        values, share = self.differences, self._terms.share
        if self._terms.stopping:
            return self._sequence.interval
        if {*values} <= _BINARY:
            return paired_share_interval(values.count(1.0), values.count(-1.0), len(values), share)
        low, high = mean_interval(values, share)
        return Interval(max(-1.0, low), min(1.0, high))

    def within(self, margin: float) -> tuple[bool, bool]:
        """Return whether the first is known to be no worse by more than a margin, and to be no better."""
        if self._terms.stopping:
            return self._sequence.is_above(-margin), self._sequence.is_below(margin)
        low, high = self.interval()
        return low > -margin, high < margin


class Judged(NamedTuple):
    """What is known of a pair."""

    variant: str
    against: str
    verdict: VerdictKind
    p_value: float
    test: str


def judge_all(pairs: Sequence[Pair], terms: Terms) -> list[Judged]:
    """Return what is known of pairs, right together; without their intervals, which take longer."""
    tests = [pair.test() for pair in pairs]
    adjusted = holm({str(place): p_value for place, (p_value, _) in enumerate(tests)})
    return [
        Judged(
            pair.variant,
            pair.against,
            _verdict(pair, adjusted[str(place)], terms),
            adjusted[str(place)],
            test,
        )
        for place, (pair, (_, test)) in enumerate(zip(pairs, tests, strict=True))
    ]


def compare_all(pairs: Sequence[Pair], terms: Terms) -> list[Comparison]:
    """Return the comparisons of pairs, with verdicts that are right together."""
    return [
        _comparison(pair, judged, terms) for pair, judged in zip(pairs, judge_all(pairs, terms), strict=True)
    ]


def settles(comparison: Judged | Comparison, costs: Mapping[str, float | None]) -> str | None:
    """Return which of two variants is known to be the better choice; None if neither is.

    The dearer one is if it is better, the cheaper one if the dearer one is not better by more than the
    margin. If they cost the same, the one that was named first counts as the cheaper one.

    Args:
        comparison: of the two.
        costs: by variant.
    """
    verdict = comparison.verdict
    if verdict in ("better", "worse"):
        return comparison.variant if verdict == "better" else comparison.against
    cost, other = costs.get(comparison.variant), costs.get(comparison.against)
    is_dearer = cost is None or other is None or cost >= other
    if is_dearer:
        return comparison.against if verdict in ("alike", "no_better") else None
    return comparison.variant if verdict in ("alike", "no_worse") else None


def _comparison(pair: Pair, judged: Judged, terms: Terms) -> Comparison:
    values, interval = pair.differences, pair.interval()
    difference = fmean(values) if values else 0.0
    return Comparison(
        variant=pair.variant,
        against=pair.against,
        items=len(values),
        difference=difference,
        low=interval.low,
        high=interval.high,
        won=sum(value > 0 for value in values),
        lost=sum(value < 0 for value in values),
        p_value=judged.p_value,
        test=judged.test,
        verdict=judged.verdict,
        more_items=_more(values, difference, terms) if judged.verdict == "unknown" else None,
        disagreed=fmean(there != back for there, back in pair.orders) if pair.orders else None,
        first_favoured=fmean((there - back) / 2 for there, back in pair.orders) if pair.orders else None,
    )


def _verdict(pair: Pair, p_value: float, terms: Terms) -> VerdictKind:
    if p_value <= terms.alpha:
        return "better" if math.fsum(pair.differences) > 0 else "worse"
    if not terms.margin:
        return "unknown"
    is_no_worse, is_no_better = pair.within(terms.margin)
    if is_no_worse and is_no_better:
        return "alike"
    return "no_worse" if is_no_worse else "no_better" if is_no_better else "unknown"


def _more(values: Sequence[float], difference: float, terms: Terms) -> int | None:
    questions = [Question(0.0, 1 if difference > 0 else -1)]
    if terms.margin:
        questions += [Question(-terms.margin, 1), Question(terms.margin, -1)]
    return more_items(values, questions, terms.share, stopping=terms.stopping)
