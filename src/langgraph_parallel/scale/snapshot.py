"""How far a run over many items has come, at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from langgraph_parallel.scale.engine import WorkerState
from langgraph_parallel.scale.rows import NOTHING_SPENT, Spent


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What a progress bar shows, and a line of the log holds."""

    seconds: float
    """Since the command began."""
    total: int | None
    """Items of the input; None while it is not known."""
    kept: int = 0
    """Items whose row was stored before this command began, and is kept."""
    ok: int = 0
    """Items that this command has run well."""
    failed: int = 0
    rate: float = 0.0
    """Items per second, of late."""
    seconds_left: float | None = None
    """Expected; None while it is not known."""
    spent: Spent = NOTHING_SPENT
    """By this command."""
    expected_usd: float | None = None
    """Of the whole command, at its end; None while total or prices are not known."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """Number of failed items by cause, the most frequent first."""
    throttled_share: float = 0.0
    """Share of calls that were answered 429, 0 to 1."""
    workers: Sequence[WorkerState] = ()
    lost_workers: int = 0
    """Workers that have died."""
    dashboard: str = ""
    """Address of a page of the engine that shows what it does; empty for none."""
    state: str = "running"
    """`running`, `draining`, or `ended`."""
