"""What a variant has achieved and taken, from its rows and scores."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median

from langgraph_parallel.evaluation.compare import Terms
from langgraph_parallel.evaluation.result import VariantResult
from langgraph_parallel.evaluation.scoring.base import Score
from langgraph_parallel.evaluation.statistics.intervals import Interval, mean_interval, share_interval
from langgraph_parallel.evaluation.statistics.sequence import MeanSequence
from langgraph_parallel.evaluation.variants import KEPT
from langgraph_parallel.scale.rows import Result

NONE = Score(0.0)
"""Of an answer that is not there."""


def measure(
    name: str,
    rows: Sequence[Result],
    values: Sequence[float],
    scores: Sequence[Score | None] | None,
    *,
    terms: Terms,
    dropped: bool = False,
) -> VariantResult:
    """Return the result of a variant.

    Args:
        name: of the variant.
        rows: its rows.
        values: its score on each item, in the order of the items.
        scores: of each row; None for one that a judge has not scored. None for all if the values are points
            that it won in comparisons, which have no interval of their own.
        terms: of the interval of the score.
        dropped: whether it is not asked any further.
    """
    bounds = _interval(values, terms) if scores is not None and values else None
    return took(name, rows).model_copy(
        update={
            "items": len(values),
            "score": fmean(values) if values else None,
            "low": None if bounds is None else bounds.low,
            "high": None if bounds is None else bounds.high,
            "parts": _parts([score for score in scores or () if score is not None]),
            "unjudged": sum(score is None for score in scores or ()),
            "dropped": dropped,
        }
    )


def took(name: str, rows: Sequence[Result]) -> VariantResult:
    """Return what a variant took, without its scores.

    What the cache of answers had cost nothing here, and took no time, so it is not counted.
    """
    asked = [row for row in rows if not row.output.get(KEPT)]
    seconds = sorted(row.seconds for row in asked)
    usd = [row.spent.usd for row in asked]
    return VariantResult(
        name=name,
        items=len(rows),
        score=None,
        failed=sum(row.status == "failed" for row in rows),
        calls=fmean(row.spent.calls for row in asked) if asked else None,
        usd=fmean(one or 0.0 for one in usd) if asked and None not in usd else None,
        tokens=fmean(row.spent.input_tokens + row.spent.output_tokens for row in asked) if asked else None,
        p50_seconds=median(seconds) if asked else None,
        p95_seconds=seconds[math.ceil(0.95 * len(seconds)) - 1] if asked else None,
        kept=len(rows) - len(asked),
    )


def _interval(values: Sequence[float], terms: Terms) -> Interval:
    alpha = terms.alpha
    if terms.stopping:
        low, high = MeanSequence(alpha, (2 * value - 1 for value in values)).interval
        return Interval((low + 1) / 2, (high + 1) / 2)
    if {*values} <= {0.0, 1.0}:
        return share_interval(int(sum(values)), len(values), alpha)
    low, high = mean_interval(values, alpha)
    return Interval(max(0.0, low), min(1.0, high))


def _parts(scores: Sequence[Score]) -> Mapping[str, float]:
    names = dict.fromkeys(name for score in scores for name in score.parts)
    return {name: math.fsum(score.parts.get(name, 0.0) for score in scores) / len(scores) for name in names}
