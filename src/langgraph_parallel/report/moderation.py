"""A moderation as Markdown."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

from langgraph_parallel.counted import count
from langgraph_parallel.records import CheckOutcome, Moderation, Span
from langgraph_parallel.report.markdown import escape, join_blocks, notice_block

_HEADLINES = {
    "flagged": "**Flagged**.",
    "clean": "**Clean**.",
    "needs_review": "**Needs review**: not everything could be checked.",
}
_SPAN_LENGTH = 100
"""Characters shown of a span."""
_MAX_SPANS = 50
"""Spans shown of a check. Of more, the first of each kind are shown, and the rest is counted by kind."""
_MAX_KINDS = 10
"""Kinds of which spans are shown, and counts, if there are more spans than that; the most frequent ones."""


def moderation_markdown(moderation: Moderation) -> str:
    """Render the status, one line for each check, and the flagged spans; many spans are counted by kind."""
    return join_blocks(
        [
            _HEADLINES[moderation.status],
            notice_block(moderation.notice),
            "\n".join(line for outcome in moderation.outcomes for line in _outcome_lines(outcome)),
        ]
    )


def _outcome_lines(outcome: CheckOutcome) -> Iterable[str]:
    yield f"- **{escape(outcome.check)}**: {_describe_outcome(outcome)}"
    shown = _choose_spans(outcome.spans)
    for span in shown:
        text = escape(span.text[:_SPAN_LENGTH])
        yield f"  - characters {span.start}-{span.end}, {escape(span.kind)}: {text}"
    if len(shown) < len(outcome.spans):
        yield f"  - {_count_rest(outcome.spans, shown)}"


def _choose_spans(spans: Sequence[Span]) -> Sequence[Span]:
    """Return the spans to show, in the order of the text: all, or the first of each frequent kind."""
    if len(spans) <= _MAX_SPANS:
        return spans
    frequent = Counter(span.kind for span in spans).most_common(_MAX_KINDS)
    left = {kind: _MAX_SPANS // len(frequent) for kind, _ in frequent}
    shown = []
    for span in spans:
        if left.get(span.kind, 0) > 0:
            left[span.kind] -= 1
            shown.append(span)
    return shown


def _count_rest(spans: Iterable[Span], shown: Iterable[Span]) -> str:
    """Return how many spans are not shown, by kind, and where they are."""
    rest = Counter(span.kind for span in spans)
    rest.subtract(Counter(span.kind for span in shown))
    rest = +rest
    listed = [f"{escape(kind)} {number:,}" for kind, number in islice(rest.most_common(), _MAX_KINDS)]
    others = len(rest) - len(listed)
    kinds = ", ".join([*listed, count(others, "other kind")] if others else listed)
    return f"{rest.total():,} more ({kinds}); the JSON report lists all"


def _describe_outcome(outcome: CheckOutcome) -> str:
    votes = f", {outcome.support} voters" if outcome.support is not None else ""
    confidence = f", {outcome.confidence:.0%} sure" if outcome.confidence is not None else ""
    by = f" (by {escape(', '.join(outcome.by))})" if outcome.by else ""
    reasons = f": {escape(' '.join(outcome.reasons))}" if outcome.reasons else ""
    error = f" ({escape(outcome.error)})" if outcome.error else ""
    return f"{outcome.status.replace('_', ' ')}{votes}{confidence}{by}{reasons}{error}"
