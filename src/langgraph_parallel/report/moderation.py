"""A moderation as Markdown."""

from collections.abc import Iterable

from langgraph_parallel.records import CheckOutcome, Moderation
from langgraph_parallel.report.markdown import escape, join_blocks, notice_block

_HEADLINES = {
    "flagged": "**Flagged**.",
    "clean": "**Clean**.",
    "needs_review": "**Needs review**: not everything could be checked.",
}
_SPAN_LENGTH = 100
"""Characters shown of a span."""


def moderation_markdown(moderation: Moderation) -> str:
    """Render the status, one line for each check, and the flagged spans."""
    return join_blocks(
        [
            _HEADLINES[moderation.status],
            notice_block(moderation.notice),
            "\n".join(line for outcome in moderation.outcomes for line in _outcome_lines(outcome)),
        ]
    )


def _outcome_lines(outcome: CheckOutcome) -> Iterable[str]:
    yield f"- **{escape(outcome.check)}**: {_describe_outcome(outcome)}"
    for span in outcome.spans:
        shown = escape(span.text[:_SPAN_LENGTH])
        yield f"  - characters {span.start}-{span.end}, {escape(span.kind)}: {shown}"


def _describe_outcome(outcome: CheckOutcome) -> str:
    votes = f", {outcome.support} voters" if outcome.support is not None else ""
    confidence = f", {outcome.confidence:.0%} sure" if outcome.confidence is not None else ""
    by = f" (by {escape(', '.join(outcome.by))})" if outcome.by else ""
    reasons = f": {escape(' '.join(outcome.reasons))}" if outcome.reasons else ""
    error = f" ({escape(outcome.error)})" if outcome.error else ""
    return f"{outcome.status.replace('_', ' ')}{votes}{confidence}{by}{reasons}{error}"
