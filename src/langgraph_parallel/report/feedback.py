"""Feedback as Markdown."""

from collections.abc import Iterable, Mapping
from itertools import islice

from pydantic import JsonValue

from langgraph_parallel.records import Feedback, FeedbackRow
from langgraph_parallel.report.markdown import bullets, escape, join_blocks, notice_block
from langgraph_parallel.report.tables import as_markdown
from langgraph_parallel.report.wording import count

_MOST_COUNTS = 15
"""Topics, entities and other values shown at most, the most frequent first."""
_MAX_URGENT = 25
"""Urgent texts shown at most, the first ones."""
_MAX_ROWS = 200
"""Texts shown at most in the table of all texts, the first ones."""
_URGENT_LENGTH = 200
_TEXT_LENGTH = 100
"""Characters shown of a text: of an urgent one, and in the table of all texts."""


def feedback_markdown(feedback: Feedback) -> str:
    """Render counts, topics with quotes, urgent texts, and a table with one row for each text.

    Of many texts the first ones are shown, and the rest is counted.
    """
    urgent = [row for row in feedback.rows if row.urgency == "high"]
    shown = feedback.rows[:_MAX_ROWS]
    with_notes = any(row.notes for row in shown)
    not_judged = ", ".join(f"{escape(name)} of {number}" for name, number in feedback.not_judged.items())
    return join_blocks(
        [
            f"# Feedback: {count(len(feedback.rows), 'text')}",
            notice_block(feedback.notice),
            _counts_line("Sentiment", feedback.sentiments),
            _counts_line("Urgency", feedback.urgencies),
            _counts_line("Entities", feedback.entities),
            f"Not judged: {not_judged}." if not_judged else "",
            "## Topics" if feedback.topics else "",
            "\n".join(_topic_lines(feedback)),
            "## Urgent" if urgent else "",
            bullets(
                f"{escape(row.item)}: {escape(row.text[:_URGENT_LENGTH])}" for row in urgent[:_MAX_URGENT]
            ),
            _rest_line(len(urgent) - _MAX_URGENT),
            "## Texts",
            as_markdown([_table_row(row, with_notes=with_notes) for row in shown]),
            _rest_line(len(feedback.rows) - _MAX_ROWS),
        ]
    )


def _rest_line(number: int) -> str:
    """Return how many texts are not shown, and where they are; empty for none."""
    return f"{count(number, 'more text')}; the CSV and JSON reports have all." if number > 0 else ""


def _counts_line(title: str, counts: Mapping[str, int]) -> str:
    shown = ", ".join(f"{escape(name)} {number}" for name, number in islice(counts.items(), _MOST_COUNTS))
    return f"{title}: {shown}." if shown else ""


def _topic_lines(feedback: Feedback) -> Iterable[str]:
    for topic, number in islice(feedback.topics.items(), _MOST_COUNTS):
        yield f"- {escape(topic)}: {number}"
        for quote in feedback.quotes.get(topic, []):
            yield f"  - {escape(quote.item)}: {escape(quote.text)}"


def _table_row(row: FeedbackRow, *, with_notes: bool) -> dict[str, JsonValue]:
    return {
        "item": row.item,
        "sentiment": row.sentiment,
        "urgency": row.urgency,
        "topics": list(row.topics or []),
        "text": row.text[:_TEXT_LENGTH],
        **({"notes": "; ".join(row.notes)} if with_notes else {}),
    }
