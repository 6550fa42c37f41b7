"""Ideas of a brainstorm."""

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.verdict import Support


class Idea(Record):
    """An idea, merged from similar proposals."""

    title: str
    """Title of the most typical proposal."""
    text: str
    """Text of the most typical proposal."""
    by: list[str]
    """The personas that proposed it, in the order of the proposals."""
    others: list[str]
    """The other wordings of the idea."""
    novelty: float
    """1 - the mean cosine similarity to the other ideas, 0 to 1; 1 for a single idea."""
    votes: Support | None = None
    """Personas that chose it, of those that voted; None without a vote."""
