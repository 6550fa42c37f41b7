"""An evaluation as text."""

from collections.abc import Sequence

from langgraph_parallel.evaluation.result import Evaluation, VariantResult
from langgraph_parallel.evaluation.wording import verdict
from langgraph_parallel.report.wording import count, visible

_KNOWN = "known"
_HEAD = ["variant", "items", "score", "interval", "calls each", "USD each", "median s", "p95 s", "failed"]


def lines(evaluation: Evaluation) -> list[str]:
    """Return an evaluation in a few lines: the recommendation, the comparisons, the variants."""
    advice = evaluation.recommendation
    head = f"{evaluation.items:,} of {count(evaluation.of, 'item')}, scored by {evaluation.scorer}"
    found = [f"{head}; {_end(evaluation)}"]
    if advice is not None:
        found.append(f"Recommended: {advice.variant}, {advice.words}.")
    dropped = {one.name for one in evaluation.variants if one.dropped}
    found += [
        f"  {verdict(one, evaluation.margin, is_open=dropped.isdisjoint((one.variant, one.against)))}"
        for one in evaluation.comparisons
        if one.items
    ]
    found += _table(evaluation.variants)
    together = " together" if len(evaluation.comparisons) > 1 else ""
    moment = " whenever it ends" if evaluation.stops else " for this one look"
    found.append(
        f"Intervals of differences and verdicts hold{together} with {100 * evaluation.level:g}%,{moment}. "
        f"{count(evaluation.calls, 'call')}, {_usd(evaluation.usd)} in all."
    )
    found += [f"Note: {remark}" for remark in evaluation.remarks]
    return [visible(line) for line in found]


def _end(evaluation: Evaluation) -> str:
    return "stopped, because it is known" if evaluation.reason == _KNOWN else evaluation.reason


def _table(variants: Sequence[VariantResult]) -> list[str]:
    rows = [
        ["variant", "items", "score", "interval", "calls each", "USD each", "median s", "p95 s", "failed"]
    ]
    rows += [_row(one) for one in variants]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["  " + "  ".join(_cells(row, widths)).rstrip() for row in rows]


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = row
    return [
        first.ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)),
    ]


def _row(one: VariantResult) -> list[str]:
    bounds = "" if one.low is None or one.high is None else f"{100 * one.low:.1f}-{100 * one.high:.1f}"
    return [
        one.name + (" *" if one.on_frontier else ""),
        f"{one.items:,}",
        "" if one.score is None else f"{100 * one.score:.1f}%",
        bounds,
        _number(one.calls, 1),
        "?" if one.usd is None else f"{one.usd:.6f}",
        _number(one.p50_seconds, 2),
        _number(one.p95_seconds, 2),
        str(one.failed),
    ]


def _number(value: float | None, digits: int) -> str:
    return "?" if value is None else f"{value:.{digits}f}"


def _usd(value: float | None) -> str:
    return "cost unknown" if value is None else f"{value:.4f} US dollars"
