"""Records of runs: where they go, and how they are read.

graph = create_voting(..., record="run.json")
await graph.ainvoke({"question": "..."})
print(recording.read_record("run.json").calls)
print(recording.replay("run.json", voters=5, concurrency=32))
"""

from langgraph_parallel.records.recorded_vote import RecordedBallot, RecordedVote
from langgraph_parallel.records.replayed import ChangedVerdict, NearDeadline, NotKnown, Replayed, RunTotals
from langgraph_parallel.records.run_record import (
    Invocation,
    RecordedBranch,
    RecordedCall,
    RecordedGraph,
    RecordedSection,
    RecordedWait,
    RunRecord,
    run_record_schema,
)
from langgraph_parallel.reducers.recorded import RecordFold, parse_record, read_record
from langgraph_parallel.replays.replaying import replay
from langgraph_parallel.runtime.record_setting import Recording, into
from langgraph_parallel.runtime.recorder import write_record

__all__ = [
    "ChangedVerdict",
    "Invocation",
    "NearDeadline",
    "NotKnown",
    "RecordFold",
    "RecordedBallot",
    "RecordedBranch",
    "RecordedCall",
    "RecordedGraph",
    "RecordedSection",
    "RecordedVote",
    "RecordedWait",
    "Recording",
    "Replayed",
    "RunRecord",
    "RunTotals",
    "into",
    "parse_record",
    "read_record",
    "replay",
    "run_record_schema",
    "write_record",
]
