"""Any graph over any number of items: on one machine or on many, one row for each item.

    from langgraph_parallel.scale import map_items

    report = map_items("labeling", "reviews.csv", inputs={"items": "text"}, sink="labels.sqlite",
                       settings={"labels": ["praise", "complaint"]}, model="openai:gpt-5-mini")
    report.status, report.ok, report.usd

The same call goes on with what was begun. Names are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langgraph_parallel.records.map_estimate import MapEstimate
    from langgraph_parallel.records.map_report import MapReport
    from langgraph_parallel.scale.api import aestimate_map, amap_items, estimate_map, map_items
    from langgraph_parallel.scale.engine import Chunk, Engine, Job, WorkerLost, WorkerState
    from langgraph_parallel.scale.engines.executor import ExecutorEngine
    from langgraph_parallel.scale.engines.processes import ProcessesEngine
    from langgraph_parallel.scale.map_options import MapOptions
    from langgraph_parallel.scale.rows import Result, Row, Spent
    from langgraph_parallel.scale.sinks.base import Counts, Manifest, Sink
    from langgraph_parallel.scale.sinks.jsonl import JsonLinesSink
    from langgraph_parallel.scale.sinks.parquet import ParquetSink
    from langgraph_parallel.scale.sinks.postgres import PostgresSink
    from langgraph_parallel.scale.sinks.sqlite import SqliteSink
    from langgraph_parallel.scale.sinks.standard_output import StandardOutputSink
    from langgraph_parallel.scale.snapshot import Snapshot
    from langgraph_parallel.scale.sources.base import Source
    from langgraph_parallel.scale.sources.sql import SqlSource

_MODULES = {
    "Chunk": "scale.engine",
    "Counts": "scale.sinks.base",
    "Engine": "scale.engine",
    "ExecutorEngine": "scale.engines.executor",
    "Job": "scale.engine",
    "JsonLinesSink": "scale.sinks.jsonl",
    "Manifest": "scale.sinks.base",
    "MapEstimate": "records.map_estimate",
    "MapOptions": "scale.map_options",
    "MapReport": "records.map_report",
    "ParquetSink": "scale.sinks.parquet",
    "PostgresSink": "scale.sinks.postgres",
    "ProcessesEngine": "scale.engines.processes",
    "Result": "scale.rows",
    "Row": "scale.rows",
    "Sink": "scale.sinks.base",
    "Snapshot": "scale.snapshot",
    "Source": "scale.sources.base",
    "Spent": "scale.rows",
    "SqlSource": "scale.sources.sql",
    "SqliteSink": "scale.sinks.sqlite",
    "StandardOutputSink": "scale.sinks.standard_output",
    "WorkerLost": "scale.engine",
    "WorkerState": "scale.engine",
    "aestimate_map": "scale.api",
    "amap_items": "scale.api",
    "estimate_map": "scale.api",
    "map_items": "scale.api",
}
"""For each public name, the module that defines it."""

__all__ = [
    "Chunk",
    "Counts",
    "Engine",
    "ExecutorEngine",
    "Job",
    "JsonLinesSink",
    "Manifest",
    "MapEstimate",
    "MapOptions",
    "MapReport",
    "ParquetSink",
    "PostgresSink",
    "ProcessesEngine",
    "Result",
    "Row",
    "Sink",
    "Snapshot",
    "Source",
    "Spent",
    "SqlSource",
    "SqliteSink",
    "StandardOutputSink",
    "WorkerLost",
    "WorkerState",
    "aestimate_map",
    "amap_items",
    "estimate_map",
    "map_items",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"langgraph_parallel.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
