"""The record of a run as one HTML file."""

from langgraph_parallel.report.record.page.render import run_page

__all__ = ["run_page"]
