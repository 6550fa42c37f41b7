"""Labels of items."""

from pydantic import JsonValue

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.verdict import Support


class Label(Record):
    """What the voters made of one item."""

    item: str
    """Its name."""
    label: JsonValue = None
    """None where they did not agree on one."""
    status: str
    """That of the verdict, or of the branch where the vote did not take place."""
    support: Support
    agreement: float | None = None
    """That of the verdict."""
    votes: dict[str, JsonValue] = {}
    """The choices of those who were asked, by voter; None for a failure or an abstention."""
    contested: bool
    """Whether a person should look at it."""
