"""The numbers of one run."""

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.call import Call, Usage
from langgraph_parallel.records.escalation import Escalation
from langgraph_parallel.records.trial import Trial


class RunReport(Record):
    """What one run cost and gained. Seconds throughout; see `runtime.run_report` for how each is made."""

    wall_seconds: float
    """From the opening of the graph to its close; over a resume or a redrive, the time in which it ran."""
    sequential_seconds: float
    """What the same calls would have taken one after another."""
    speedup: float
    """sequential / wall."""
    critical_path_seconds: float
    """The longest branch: no more parallelism can make the run shorter than this."""
    call_p50_seconds: float
    call_p95_seconds: float
    branches: dict[str, int]
    """Leaf branches by status, at every level."""
    failures: dict[str, str]
    """Cause by name of each branch that did not end ok: `vote[security#2] in review[security] app.py`."""
    retries: int
    throttled_share: float
    """Calls answered 429, of all calls."""
    hedges: int = 0
    """Second requests for stragglers."""
    usage: Usage
    wasted: Usage
    """The part of `usage` that went into calls that failed, were cut off, or lost against a hedge."""
    usd: float | None = None
    """What the calls to models cost, in US dollars; None where the price of one is not known."""
    wasted_usd: float | None = None
    """The part of it that was wasted."""
    calls_saved: int = 0
    """Voters that were never asked, because their vote was over: each at least one call."""
    trials: list[Trial] = []
    """In shadow mode: what each stop would have saved, and whether it would have answered the same."""
    escalations: list[Escalation] = []
    """Votes that wait for a person, where a graph around this one is to ask."""
    completion_reason: str = ""
    """Why the fan-out ended: all branches finished, or what ended it before that."""
    calls: list[Call]
