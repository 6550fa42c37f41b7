"""Reports: one review as text, Markdown, JSON or SARIF. Each escapes what it shows.

`text_report` needs rich, from the extra `cli`, and is therefore in `langgraph_parallel.report.text`.
"""

from langgraph_parallel.report.json import ReviewDocument, json_report, json_schema
from langgraph_parallel.report.markdown import markdown_report
from langgraph_parallel.report.sarif import sarif_report

__all__ = ["ReviewDocument", "json_report", "json_schema", "markdown_report", "sarif_report"]
