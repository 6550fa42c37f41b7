"""Labels of items."""

from langgraph_parallel.records.base import JsonData, Record
from langgraph_parallel.records.verdict import Support


class Label(Record):
    """The label of one item, decided by a vote."""

    item: str
    """Name of the item."""
    label: JsonData = None
    """The label; None if the vote did not choose one."""
    status: str
    """Status of the verdict; status of the branch if there was no vote."""
    support: Support
    """Voters for the label, of the ballots cast."""
    agreement: float | None = None
    """Share of all pairs of ballots that agree, 0 to 1; None for fewer than two ballots."""
    votes: dict[str, JsonData] = {}
    """The choice of each voter that was asked; None for a failure or an abstention."""
    contested: bool
    """Whether a person should check the label: the vote is undecided, or its support is low."""
