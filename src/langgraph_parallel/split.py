"""Planners that need no model: `split.by_heading(max_tokens=3000)`."""

from langgraph_parallel.nodes.flow.split import by_criterion, by_file, by_heading, by_pages, in_batches

__all__ = ["by_criterion", "by_file", "by_heading", "by_pages", "in_batches"]
