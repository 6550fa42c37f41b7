"""Reports: a review as text, Markdown, JSON or SARIF, and tables. Each escapes what it shows.

`text_report` needs rich, from the extra `cli`, and is therefore in `langgraph_parallel.report.text`.
"""

from langgraph_parallel.report.json import ReviewDocument, json_report, json_schema
from langgraph_parallel.report.markdown import markdown_report
from langgraph_parallel.report.sarif import sarif_report
from langgraph_parallel.report.tables import as_csv, as_jsonl, as_markdown, labels_csv, labels_jsonl

__all__ = [
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
]
