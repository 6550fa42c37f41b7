"""Scores and verdicts in words."""

from langgraph_parallel.counted import count
from langgraph_parallel.evaluation.result import Comparison


def points(share: float) -> str:
    """Return a difference of scores in points of a hundred: `+4.2`."""
    return f"{round(100 * share, 1) + 0.0:+.1f}"  # no -0.0


def share(comparison: Comparison) -> str:
    """Return a difference with its interval.

    >>> share(Comparison(variant="a", against="b", items=9, difference=0.042, low=0.009, high=0.07501, won=1,
    ...     lost=0, p_value=0.01, test="McNemar", verdict="better"))
    'by +4.2 points (+0.9 to +7.5)'
    """
    bounds = f"({points(comparison.low)} to {points(comparison.high)})"
    return f"by {points(comparison.difference)} points {bounds}"


def compared(comparison: Comparison, margin: float | None = None) -> str:
    """Return a verdict in words, to be followed by the name of the other variant."""
    within = "the margin" if margin is None else f"{100 * margin:g} points"
    words = {
        "better": "better than",
        "worse": "worse than",
        "alike": f"the same within {within} as",
        "no_worse": f"no worse by more than {within} than",
        "no_better": f"no better by more than {within} than",
        "unknown": "not known yet against",
    }
    return words[comparison.verdict]


def verdict(comparison: Comparison, margin: float, *, is_open: bool = True) -> str:
    """Return a comparison as a sentence without its end.

    Args:
        comparison: of two variants.
        margin: of the evaluation.
        is_open: whether both variants are still in question.
    """
    said = f"{comparison.variant} is {compared(comparison, margin)} {comparison.against}"
    if comparison.verdict == "unknown":
        more = _more(comparison) if is_open else ", and asked no further"
        said = f"{comparison.variant} against {comparison.against}: not known yet{more}"
    return f"{said}, {share(comparison)}"


def _more(comparison: Comparison) -> str:
    if comparison.more_items is None:
        return " (no number of items like these would tell)" if comparison.items else ""
    return f" (about {count(comparison.more_items, 'more item')} like these)"
