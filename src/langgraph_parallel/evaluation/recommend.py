"""Which variant to use, and how sure that is."""

from collections.abc import Mapping, Sequence

from langgraph_parallel.evaluation.compare import Judged, settles
from langgraph_parallel.evaluation.result import Comparison, Recommendation, VariantResult
from langgraph_parallel.evaluation.statistics.trend import covariance_of_means, drawn_to_trend
from langgraph_parallel.evaluation.wording import compared, share

_ON_A_LINE = 2
"""Variants whose scores are on a line over their costs, whatever they are."""
_ROUNDING = 1e-9
_BY_TREND = "expected to do better than measured, by how scores go with costs"


def costs_of(variants: Sequence[VariantResult]) -> dict[str, float | None]:
    """Return what variants cost, in the first measure that is known of all: US dollars, tokens, calls.

    Nothing is known where none of them costs anything.
    """
    for measure in ("usd", "tokens", "calls"):
        costs: dict[str, float | None] = {one.name: getattr(one, measure) for one in variants}
        if None not in costs.values() and any(costs.values()):
            return costs
    return dict.fromkeys((one.name for one in variants), None)


def beaten(comparisons: Sequence[Comparison | Judged], costs: Mapping[str, float | None]) -> set[str]:
    """Return the variants of which another one is known to be the better choice."""
    found: set[str] = set()
    for comparison in comparisons:
        better = settles(comparison, costs)
        if better is not None:
            found.add(comparison.against if better == comparison.variant else comparison.variant)
    return found


def with_frontier(variants: Sequence[VariantResult]) -> list[VariantResult]:
    """Return variants with whether any other one has a better score for the same cost, or costs less."""
    costs = costs_of(variants)
    return [
        one.model_copy(update={"on_frontier": not _is_dominated(one, variants, costs)}) for one in variants
    ]


def recommend(
    variants: Sequence[VariantResult],
    comparisons: Sequence[Comparison],
    margin: float,
    together: Sequence[Mapping[str, float]] = (),
) -> Recommendation | None:
    """Return the variant to use: the one that is known to be the better choice, or the best guess.

    The best guess is the cheapest of those whose expected score is within the margin of the best one's.
    Scores of three or more variants that few items tell apart are expected to be closer to the line of
    scores over costs than they were measured.

    Args:
        variants: all of them.
        comparisons: of each two.
        margin: difference of scores that does not matter.
        together: scores of variants by item; without them scores are expected to be as measured.

    Returns:
        None if none has a score.
    """
    scored = [one for one in variants if one.score is not None]
    if not scored:
        return None
    costs = costs_of(variants)
    lost = beaten(comparisons, costs)
    left = [one for one in scored if one.name not in lost] or scored
    expected = _expected(left, costs, together)
    least = max(expected.values()) - margin - _ROUNDING
    close = [one for one in left if expected[one.name] >= least]
    chosen = min(close, key=lambda one: (costs.get(one.name) or 0.0, -expected[one.name]))
    is_known = len(left) == 1 and len(scored) > 1
    words = _facts(chosen, comparisons)
    if not is_known:
        others = " or ".join(one.name for one in left if one is not chosen)
        doubt = f", because it is not known yet whether {others} is the better choice" if others else ""
        trend = [_BY_TREND] if (chosen.score or 0.0) < max(one.score or 0.0 for one in left) - margin else []
        words = [f"the best guess{doubt}", *trend, *words]
    return Recommendation(variant=chosen.name, known=is_known, words="; ".join(words))


def _expected(
    left: Sequence[VariantResult],
    costs: Mapping[str, float | None],
    together: Sequence[Mapping[str, float]],
) -> Mapping[str, float]:
    """Return the scores that variants are expected to have, by name."""
    scores = {one.name: one.score or 0.0 for one in left}
    paid = [cost for name in scores if (cost := costs[name])]
    rows = [[item[name] for name in scores] for item in together if scores.keys() <= item.keys()]
    if len(paid) < len(scores) or len(scores) <= _ON_A_LINE or len(rows) <= len(scores):
        return scores
    estimates = drawn_to_trend([*scores.values()], covariance_of_means(rows), paid)
    return dict(zip(scores, estimates, strict=True))


def _facts(chosen: VariantResult, comparisons: Sequence[Comparison]) -> list[str]:
    """Return what is known of the chosen variant against the others."""
    own = [one for one in comparisons if chosen.name in (one.variant, one.against)]
    turned = [one if one.variant == chosen.name else _turned(one) for one in own]
    known = [one for one in turned if one.verdict != "unknown"]
    return [f"{compared(one)} {one.against}, {share(one)}" for one in known]


_OPPOSITE = {"better": "worse", "worse": "better", "no_worse": "no_better", "no_better": "no_worse"}


def _turned(one: Comparison) -> Comparison:
    """Return a comparison from the view of the other variant."""
    return one.model_copy(
        update={
            "variant": one.against,
            "against": one.variant,
            "difference": -one.difference,
            "low": -one.high,
            "high": -one.low,
            "won": one.lost,
            "lost": one.won,
            "verdict": _OPPOSITE.get(one.verdict, one.verdict),
        }
    )


def _is_dominated(
    one: VariantResult, others: Sequence[VariantResult], costs: Mapping[str, float | None]
) -> bool:
    if one.score is None:
        return True
    cost = costs[one.name] or 0.0
    return any(
        other.score is not None
        and (costs[other.name] or 0.0) <= cost
        and other.score >= one.score
        and ((costs[other.name] or 0.0) < cost or other.score > one.score)
        for other in others
    )
