"""Feedback as Markdown. What it quotes is shown as it is."""

from collections.abc import Mapping

from pydantic import JsonValue

from langgraph_parallel.records import Feedback
from langgraph_parallel.report.tables import as_markdown, escaped

_MOST = 15


def feedback_markdown(feedback: Feedback) -> str:
    """Counts, quotes, and one row for each text."""
    size = len(feedback.rows)
    lines = [f"# Feedback: {size} {'text' if size == 1 else 'texts'}", ""]
    if feedback.notice:
        lines += [f"> {feedback.notice}", ""]
    lines += _counts("Sentiment", feedback.sentiments)
    lines += _counts("Urgency", feedback.urgencies)
    lines += _counts("Entities", feedback.entities)
    if feedback.not_judged:
        said = ", ".join(f"{escaped(name)} of {number}" for name, number in feedback.not_judged.items())
        lines += [f"Not judged: {said}.", ""]
    if feedback.topics:
        lines += ["## Topics", ""]
        for topic, number in list(feedback.topics.items())[:_MOST]:
            lines.append(f"- {escaped(topic)}: {number}")
            lines += [f"  - {escaped(q.item)}: {escaped(q.text)}" for q in feedback.quotes.get(topic, [])]
        lines.append("")
    urgent = [row for row in feedback.rows if row.urgency == "high"]
    if urgent:
        lines += [
            "## Urgent",
            "",
            *(f"- {escaped(row.item)}: {escaped(row.text[:200])}" for row in urgent),
            "",
        ]
    rows: list[dict[str, JsonValue]] = [
        {
            "item": row.item,
            "sentiment": row.sentiment,
            "urgency": row.urgency,
            "topics": list(row.topics or []),
            "text": row.text[:100],
        }
        for row in feedback.rows
    ]
    return "\n".join([*lines, "## Texts", "", as_markdown(rows)])


def _counts(title: str, counts: Mapping[str, int]) -> list[str]:
    shown = ", ".join(f"{escaped(name)} {number}" for name, number in list(counts.items())[:_MOST])
    return [f"{title}: {shown}.", ""] if shown else []
