"""Drafts of one task, with their scores."""

from langgraph_parallel.records.base import JsonData, Record


class Draft(Record):
    """One result of a task, as the judge scored it."""

    id: str
    """The id of the section that produced it: the name of the drafter."""
    text: JsonData
    """What the drafter returned."""
    score: float
    """In pairs: share of comparisons won, 0 to 1, a draw counts half. By a rubric: mean score, 0 to 10. By a
    judge of the caller's: what it returned."""
    judged: int
    """Number of comparisons, criteria or judges behind the score; 0 if it was not judged."""
    reasons: list[str]
    """The judge's reasons for the comparisons it won, or for each score; or its feedback."""
