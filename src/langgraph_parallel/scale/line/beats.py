"""What workers tell with each beat, and with each post."""

from dataclasses import astuple
from typing import Any

from langgraph_parallel.scale.working import ChunkWorker

BEAT = 0.5
"""Seconds between two beats."""


def state_of(rows: ChunkWorker) -> dict[str, Any]:
    """Return what the coordinator is told of a worker; may be called on any thread."""
    return rows.state().told() | {"reserved": astuple(rows.reserved)}
