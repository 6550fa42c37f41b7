"""Views of the record of a run.

lines     five lines for people, and the same as a table for notebooks
page      one HTML file
perfetto  a trace for ui.perfetto.dev
calls     a table of the calls
mermaid   a drawing of what ran
numbers   what all of them count, `tree` how branches lie in each other, `clock` what went on when
"""

from langgraph_parallel.report.record.calls import calls_csv
from langgraph_parallel.report.record.lines import record_table, record_text, report_table, report_text
from langgraph_parallel.report.record.mermaid import run_mermaid
from langgraph_parallel.report.record.page import run_page
from langgraph_parallel.report.record.perfetto import perfetto_trace

__all__ = [
    "calls_csv",
    "perfetto_trace",
    "record_table",
    "record_text",
    "report_table",
    "report_text",
    "run_mermaid",
    "run_page",
]
