"""A moderation as Markdown. What it quotes is shown as it is, and obeyed by no renderer."""

from langgraph_parallel.records import CheckOutcome, Moderation
from langgraph_parallel.report.tables import escaped

_HEADS = {
    "flagged": "**Flagged**",
    "clean": "**Clean**",
    "needs_review": "**Needs review**: not everything could be checked",
}
_SHOWN = 100


def moderation_markdown(moderation: Moderation) -> str:
    """One line for the whole, one for each check, and what was found, with its place in the text."""
    lines = [f"{_HEADS[moderation.status]}.", ""]
    if moderation.notice:
        lines += [f"> {moderation.notice}", ""]
    for outcome in moderation.outcomes:
        lines.append(f"- **{escaped(outcome.check)}**: {_said(outcome)}")
        lines += [
            f"  - characters {span.start}-{span.end}, {escaped(span.kind)}: {escaped(span.text[:_SHOWN])}"
            for span in outcome.spans
        ]
    return "\n".join(lines) + "\n"


def _said(outcome: CheckOutcome) -> str:
    sure = f", {outcome.confidence:.0%} sure" if outcome.confidence is not None else ""
    votes = f", {outcome.support} voters" if outcome.support is not None else ""
    by = f" (by {escaped(', '.join(outcome.by))})" if outcome.by else ""
    reasons = f": {escaped(' '.join(outcome.reasons))}" if outcome.reasons else ""
    error = f" ({escaped(outcome.error)})" if outcome.error else ""
    return f"{outcome.status.replace('_', ' ')}{votes}{sure}{by}{reasons}{error}"
