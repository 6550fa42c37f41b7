"""The measurements of a run over many items."""

from typing import Literal

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.call import Usage


class MapReport(Record):
    """What became of all items, what it took, and where the rows are."""

    sink: str
    """Where the rows are, without a password."""
    status: Literal["ok", "partial", "failed"]
    """`ok`: every item has a row that did not fail; `partial`: some failed, or are left; `failed`: none has
    succeeded."""
    reason: str = ""
    """Why the run ended before all items were run; empty if they were."""
    met: bool = True
    """Whether the completion policy is met; without one, whether any item has a row that did not fail."""
    items: int
    """Items of the input that were read."""
    kept: int
    """Those that had a row before this command began, and were not run again. A command that ends early has
    not looked for the rows of all."""
    kept_failed: int = 0
    """Those of `kept` whose row has failed."""
    ok: int
    """Those that this command has run well."""
    failed: int
    """Those that this command has run, and that failed; `kept_failed` are those of before."""
    unstored: int = 0
    """Those that this command has run, that failed one after the other at its end, and have no row: the cause
    may be no fault of theirs. They are among those that are left."""
    left: int | None
    """Those that the same command goes on with, if they have no row; None if the input was not read to its
    end."""
    seconds: float
    """From start to end."""
    calls: int
    """Requests to models, by this command."""
    usage: Usage
    """Tokens of these calls."""
    usd: float | None = None
    """Their cost in US dollars; None if a price is unknown."""
    usd_all: float | None = None
    """That of all commands on this sink, calls in flight included that were lost with their worker."""
    throttled_share: float = 0.0
    """Share of the calls that were answered 429, 0 to 1."""
    failures: dict[str, int] = {}
    """Number of the `failed` items by cause, the most frequent first; causes of before are in their rows."""
    workers: int = 1
    """Workers that ran items."""
    lost_workers: int = 0
    """Workers that died."""
    run_again: int = 0
    """Items that were run again because their worker had died."""
    remarks: list[str] = []
    """What is to be known of the result: unread columns, limits that are not shared."""
