"""The record of a run: folded from its events, and read again."""

from langgraph_parallel.reducers.recorded.fold import RecordFold
from langgraph_parallel.reducers.recorded.read import parse_record, read_record

__all__ = ["RecordFold", "parse_record", "read_record"]
