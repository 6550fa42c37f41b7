"""Ideas."""

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.verdict import Support


class Idea(Record):
    """An idea, united with those that say the same."""

    title: str
    text: str
    by: list[str]
    """Who had it, in order."""
    others: list[str]
    """How others put it."""
    novelty: float
    """1 less its mean similarity to the other ideas, 0 to 1."""
    votes: Support | None = None
    """Who would have it carried out, of those who voted; None without a vote."""
