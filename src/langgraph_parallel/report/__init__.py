"""Reports: results as text, Markdown, JSON, SARIF and tables.

    wording, markdown, tables, console  shared building blocks: words, escaping, tables, terminal output
    run                                 the measurements of a run
    review                              a review in four formats
    briefing, feedback, ...             one module for each other pattern

All content from outside is escaped for its format. `text_report` needs rich (the extra `cli`), which is
imported when it is used.
"""

from typing import TYPE_CHECKING, Any

from langgraph_parallel.report.labeling import labels_csv, labels_jsonl
from langgraph_parallel.report.review.filters import Filters
from langgraph_parallel.report.review.json import ReviewDocument, json_report, json_schema
from langgraph_parallel.report.review.markdown import markdown_report
from langgraph_parallel.report.review.sarif import sarif_report
from langgraph_parallel.report.tables import as_csv, as_jsonl, as_markdown

__all__ = [
    "Filters",
    "ReviewDocument",
    "as_csv",
    "as_jsonl",
    "as_markdown",
    "json_report",
    "json_schema",
    "labels_csv",
    "labels_jsonl",
    "markdown_report",
    "sarif_report",
    "text_report",
]

if TYPE_CHECKING:
    from langgraph_parallel.report.review.text import text_report


def __getattr__(name: str) -> Any:
    """Import `text_report` when it is first used."""
    if name != "text_report":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from langgraph_parallel.report.review.text import text_report

    return text_report
