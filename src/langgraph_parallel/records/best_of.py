"""Drafts of one task, and how they were judged."""

from pydantic import JsonValue

from langgraph_parallel.records.base import Record


class Draft(Record):
    """One result of a task, and what the judge made of it."""

    id: str
    text: JsonValue
    score: float
    """Points in comparisons, as a share of those that it could have had; or the mean of a rubric, of 10."""
    judged: int
    """Comparisons or criteria behind the score; 0 where nobody judged it."""
    reasons: list[str]
    """Why it was preferred, or scored so."""
