"""The measurements of one run."""

from typing import Literal

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.call import Call, Savings, Usage
from langgraph_parallel.records.escalation import Escalation
from langgraph_parallel.records.shown import shown
from langgraph_parallel.records.trial import Trial


class RunReport(Record):
    """Times, calls, tokens, costs and failures of one run; computed by `runtime.run_report`.

    `str()` of it is five lines, which notebooks show as a table. It has no branches and no waits: the page on
    a run (`to_html`), its trace and its calls as CSV are views of the `RunRecord` that `record=` keeps.
    """

    wall_seconds: float
    """Seconds from start to close. After a resume or a redrive, the time is added in which branches that had
    ended, or their calls, were under way in earlier runs. No other time of an earlier run is known: that of a
    branch up to where it asked a person, or was killed, is missing."""
    sequential_seconds: float
    """Sum of the durations of all calls, in seconds."""
    speedup: float
    """`sequential_seconds / wall_seconds`; 1 without calls."""
    critical_path_seconds: float
    """Duration of the longest branch and of the calls after it: the lower bound of the wall time."""
    call_p50_seconds: float
    """Median duration of a call, in seconds; 0 without calls."""
    call_p95_seconds: float
    """95th percentile of the duration of a call (nearest rank), in seconds; 0 without calls."""
    status: Literal["ok", "partial", "failed"] = "ok"
    """`ok`: nothing failed; `partial`: something did; `failed`: no branch succeeded, or no model answered."""
    branches: dict[str, int]
    """Number of leaf branches at all levels, by status."""
    failures: dict[str, str]
    """Causes of the branches that did not end `ok`, by name: `vote[security#2] in review[security] app.py`.
    Failed closing steps are included."""
    retries: int
    """Number of calls that were retries."""
    throttled_share: float
    """Share of calls that were answered 429, 0 to 1."""
    hedges: int = 0
    """Number of second requests for stragglers."""
    usage: Usage
    """Tokens of all calls."""
    wasted: Usage
    """Tokens of the calls that failed, were cancelled, or lost against a hedge; included in `usage`."""
    usd: float | None = None
    """Cost of all model calls in US dollars; None if a price is unknown."""
    wasted_usd: float | None = None
    """Cost of the wasted calls, included in `usd`; None if a price is unknown."""
    savings: Savings = Savings()
    """By how much the run was cheaper than the same run alone, by cause; nothing for calls whose price is
    unknown."""
    usd_alone: float | None = None
    """What the same run would have cost without caches, samples, batches, kept answers and stops, each call
    sent by itself at the full price: `usd` and all `savings`. None if a price is unknown."""
    unseen: int = 0
    """Number of branches with code of the caller's in which no model call was seen. What they call past
    LangChain's chat models, by a client of a provider, is in none of these numbers, and under no limit."""
    calls_saved: int = 0
    """Number of voters and drafters that were not asked, because their vote had ended or an earlier draft was
    good enough; each saves at least one call."""
    kept: int = 0
    """Number of calls that were not made, because the cache of answers had the answer. They are in `calls`
    with the tokens of when they were made, and in no other number."""
    trials: list[Trial] = []
    """In shadow mode: what each stop would have saved, and whether the choice would have been the same."""
    escalations: list[Escalation] = []
    """Votes that wait for a person, if a graph around this one will ask."""
    remarks: list[str] = []
    """What endpoints do not take of a request, so that it is left out: a JSON schema, a temperature; which
    models answered in place of others, and where that left a panel with fewer different ones."""
    completion_reason: str = ""
    """Why the fan-out ended: all branches finished, or what ended it early."""
    calls: list[Call]
    """All calls, by start time."""

    @property
    def cached_share(self) -> float:
        """Share of the prompts' tokens that the provider read from its cache, 0 to 1; 0 without any."""
        return self.usage.cache_read_tokens / self.usage.input_tokens if self.usage.input_tokens else 0.0

    def __str__(self) -> str:
        """Return five lines: how it ended, its time, its branches, its calls, its troubles."""
        return shown(self, "report_text")

    def _repr_html_(self) -> str:
        """Return the five lines as a table, for notebooks."""
        return shown(self, "report_table")
