"""What a run over many items will cost and take, by a sample of them."""

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.call import Usage


class Expected(Record):
    """An estimated value, and the interval that holds it with a probability of .95."""

    value: float
    low: float
    high: float


class MapEstimate(Record):
    """Cost and time of the items that have no row yet, by a sample of them whose rows are kept."""

    sink: str
    """Where the rows of the sample are, without a password."""
    items: int | None
    """Items of the input; None if it is not known without reading all of it."""
    kept: int
    """Items that had a row before."""
    sample: int
    """Items that were run for the estimate."""
    failed: int
    """Those of the sample that failed."""
    failures: dict[str, int] = {}
    """Number of these by cause, the most frequent first."""
    is_random: bool
    """Whether the sample is a random one; else it is the first items of the input."""
    left: int | None
    """Items that have no row after the sample; None if that is not known."""
    calls: int
    """Requests to models for the sample."""
    usage: Usage
    """Tokens of these calls."""
    usd: float | None
    """Cost of the sample in US dollars; None if a price is unknown."""
    usd_each: Expected | None
    """Mean cost of an item; None if a price is unknown, or nothing was run."""
    usd_left: Expected | None
    """Cost of the items that are left; None if their number, or a price, is unknown."""
    seconds: float
    """How long the sample took."""
    seconds_left: Expected | None
    """How long the items that are left will take; None if their number is unknown."""
    at_once: int
    """Items that run at the same time, as `seconds_left` assumes."""
    budget_left: float | None = None
    """US dollars that the budget has left after the sample; None without a budget."""
    assumptions: list[str] = []
    """What the estimate assumes, as sentences."""
    reason: str = ""
    """Why not all of the sample was run; empty if it was."""
