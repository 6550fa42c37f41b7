"""Synthesizers: one result from many. `synthesize.merge_fields()`, `synthesize.by_model()`."""

from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.flow.synthesize import best_by, concatenate, merge_fields, merge_tables, rank
from langgraph_parallel.nodes.flow.synthesizer import by_model

__all__ = ["Gathered", "best_by", "by_model", "concatenate", "merge_fields", "merge_tables", "rank"]
